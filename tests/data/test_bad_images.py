"""Test data.on_bad_image: another image takes the place of one that cannot be read."""

import numpy as np
import pytest

from leoclr_plugin.data.bad_images import BadImages
from leoclr_plugin.data.loaders import pretrain_loader, val_loader
from leoclr_plugin.data.sample import sample_loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.data.views import val_view
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.data.test_loaders import alike, config, epoch, make_colours, names_of, numbers, same
from tests.data.test_pairs import IMAGES, cfg_of, folder, name, shown, write

__all__ = ["folder"]

WAYS = {
    "threads": {},
    "cache": {"data__cache_mb": 5},
    "dali": {"data__format": "dali", "dali__device": "cpu"},
}
SKIP = {"data__on_bad_image": "skip", "data__max_bad_share": 0.2}
BAD = (4, 11, 18)


@pytest.fixture(params=WAYS)
def way(request):
    if request.param == "dali":
        pytest.importorskip("nvidia.dali")
    return WAYS[request.param]


@pytest.fixture
def damaged(tmp_path):
    """The 21 images of one colour each, three of them damaged in different ways."""
    root = make_colours(tmp_path / "colours")
    paths = [root / "train" / f"class{number % 3}" / f"{number:02}.png" for number in BAD]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(paths[1].read_bytes()[:40])
    paths[2].write_bytes(b"no image")
    return root


def loader_of(root, **changes):
    return pretrain_loader(prepare(config(root, **{**SKIP, **changes})))


def test_another_image_takes_the_place_with_its_own_index_and_target(way, damaged, capsys):
    loader = loader_of(damaged, **way)
    batches = epoch(loader) + epoch(loader, 1)
    assert [len(batch[0]) for batch in batches] == [4] * 10
    for indexes, views, targets in batches:
        shown = names_of(loader, indexes)
        assert not set(shown) & set(BAD)
        assert all(numbers(view) == shown for view in views)
        assert targets.tolist() == [number % 3 for number in shown]
    lines = [line for line in capsys.readouterr().err.splitlines() if "takes its place" in line]
    # Each is named once, however often it comes up.
    assert len(lines) == 3
    assert all(sum(f"{number:02}.png" in line for line in lines) == 1 for number in BAD)
    assert lines[-1].endswith("(3 of 21 images so far)")


def test_the_seed_decides_and_an_interrupted_epoch_goes_on_with_the_same_images(way, damaged):
    whole = epoch(loader_of(damaged, **way), 1)
    resumed = loader_of(damaged, **way)
    sampler_of(resumed).skipped = 2
    assert same(epoch(resumed, 1), whole[2:])
    assert alike(whole, epoch(loader_of(damaged), 1))


def test_more_bad_images_than_the_share_stop_the_training(way, damaged):
    message = (
        r"^3 of 21 images cannot be read, which is more than data.max_bad_share=0.1; the last "
        r"is .*\.png: .*; leoclr check-data names all"
    )
    with pytest.raises(UserError, match=message):
        epoch(loader_of(damaged, data__max_bad_share=0.1, **way), 0)
        epoch(loader_of(damaged, data__max_bad_share=0.1, **way), 1)


def test_a_validation_is_of_all_its_images(way, damaged):
    with pytest.raises(UserError, match="cannot be read"):
        list(val_loader(prepare(config(damaged, **SKIP, **way)), (32, 32)))


def test_the_measures_leave_bad_images_out_as_well(damaged):
    data = config(damaged, **SKIP).data
    loader = sample_loader(data, val_view("custom", (8, 8)), val_view("custom", (8, 8)), 99, 1, 0)
    assert sum(len(views[0]) for views in loader) == 21


@pytest.mark.parametrize("form", ["image_folder", "dali"])
def test_an_image_with_a_bad_partner_is_not_paired(folder, form):
    if form == "dali":
        pytest.importorskip("nvidia.dali")
    rows = [(name(i), name(i + 1)) for i in range(IMAGES - 1)] + [(name(15), name(17, folder))]
    (folder / "images" / name(6)).write_bytes(b"")
    (folder / "more" / "17.png").write_bytes(b"")
    changes = {"data__on_bad_image": "skip", "data__max_bad_share": 0.5}
    pairs = {"file": write(folder / "pairs.csv", rows)}
    seen = shown(cfg_of(folder, pairs, form=form, **changes))
    assert 6 not in seen
    for own, views in seen.items():
        other = own if own in (5, 15) else own + 1
        assert views == [own, other, own]


def test_an_image_never_stands_in_for_itself_or_another_bad_one():
    class Names:
        def __len__(self):
            return 10

        def name(self, index):
            return f"{index}.png"

    bad = BadImages(Names(), 8, 0.9, seed=3)
    for index in range(7):
        bad.add(index, "gone")
    assert bad.stand_ins(np.arange(8)).tolist() == [7] * 8
    with pytest.raises(UserError, match="8 of 10"):
        bad.add(7, "gone")
