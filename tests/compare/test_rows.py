import pytest

from leoclr_plugin.compare.rows import change_names, parse_row, read_change
from leoclr_plugin.errors import UserError


def test_a_method_is_a_row_without_changes():
    row = parse_row("mocov2plus", seeds=3)
    assert (row.name, row.method, row.overrides, row.about, row.seeds) == (
        *("mocov2plus", "mocov2plus", (), ""),
        3,
    )
    assert parse_row("untrained").method == "untrained"


def test_changes_are_joined_in_their_order_and_seeds_follow_a_colon():
    row = parse_row("leoclr/moco-v2+small-crops:2", seeds=1)
    first, second = read_change("moco-v2"), read_change("small-crops")
    assert (row.name, row.folder) == ("leoclr/moco-v2+small-crops", "leoclr-moco-v2+small-crops")
    assert row.overrides == (*first["overrides"], *second["overrides"])
    assert row.about == f"{first['about']}; {second['about']}"
    assert row.seeds == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mocov2", "has no such method; did you mean .*'mocov2plus'"),
        ("leoclr/third-crops", "there is no change 'third-crops'; did you mean 'third-crop'"),
        ("mocov2plus/third-crop", "third-crop is a change for leoclr"),
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
        assert read_change(name)["about"]
