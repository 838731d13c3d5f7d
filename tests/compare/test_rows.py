import pytest

from leoclr_plugin.compare.rows import change_names, parse_row, read_changes
from leoclr_plugin.errors import UserError
from leoclr_plugin.methods import METHODS


def test_a_method_is_a_row_without_changes():
    row = parse_row("mocov2plus", seeds=3)
    assert (row.name, row.method, row.overrides, row.about, row.seeds) == (
        *("mocov2plus", "mocov2plus", (), ""),
        3,
    )
    assert parse_row("untrained").method == "untrained"


def test_changes_are_joined_in_their_order_and_seeds_follow_a_colon():
    row = parse_row("leoclr/moco-v2+small-crops:2", seeds=1)
    first, second = (read_changes(name, "--methods") for name in ("moco-v2", "small-crops"))
    assert (row.name, row.folder) == ("leoclr/moco-v2+small-crops", "leoclr-moco-v2+small-crops")
    assert row.overrides == (*first.overrides, *second.overrides)
    assert row.about == f"{first.about}; {second.about}"
    assert row.seeds == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mocov2", "has no such method; did you mean .*'mocov2plus'"),
        ("leoclr/third-crops", "there is no change 'third-crops'; did you mean 'third-crop'"),
        ("mocov2plus/third-crop", "mocov2plus cannot have this change, which is for leoclr"),
        ("untrained/no-grey", "untrained cannot have this change"),
        ("leoclr:0", "'0' is not a number of seeds; write leoclr:2"),
        ("leoclr:two", "'two' is not a number of seeds"),
    ],
)
def test_other_rows_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_row(text)


def test_each_change_says_what_it_is():
    assert {"moco-v2", "third-crop", "both-branches", "small-crops"} <= set(change_names())
    for name in change_names():
        assert read_changes(name, "--rows").about


@pytest.mark.parametrize("method", ["simclr", "swav", "mocov2plus", "leoclr"])
def test_augmentations_can_be_taken_away_from_every_method(method):
    if method not in METHODS:
        pytest.skip(f"the host has no {method}")
    row = parse_row(f"{method}/no-grey+no-jitter")
    assert row.method == method
    assert {override.split(".")[2] for override in row.overrides} == {"grayscale", "color_jitter"}


def test_changes_that_only_take_away_say_what():
    assert read_changes("no-grey+no-jitter", "--rows").removes == "grayscale, colour jitter"
    assert read_changes("moco-v2+no-jitter", "--rows").removes is None
    assert read_changes("moco-v2+no-jitter", "--rows").methods == ("leoclr",)
