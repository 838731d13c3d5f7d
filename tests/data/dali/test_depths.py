"""DALI reads grey of any depth as PIL does, or refuses it by name."""

import pytest
from PIL import Image

pytest.importorskip("nvidia.dali")

from leoclr_plugin.data.dali.graph import undecodable
from leoclr_plugin.data.images import open_rgb
from leoclr_plugin.data.loaders import val_loader
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg
from tests.data.dali.conftest import DEVICE
from tests.data.depths import ALL, BOTH, PIL_ALONE, RAMP, UNSIGNED, tiff


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("depths")
    for write in ALL.values():
        write(root)
    return root


def loader(train, **changes):
    cfg = method_cfg(
        data__dataset="custom",
        data__train_path=str(train),
        data__val_path=str(train),
        data__format="dali",
        dali__device=DEVICE.get(),
        **changes,
    )
    return val_loader(prepare(cfg), (48, 64))


def test_every_file_is_read_as_by_pil_or_refused(folder):
    names = list(ALL)
    images = FileStore.of_paths([folder / name for name in names])
    refused = {names[i]: why for i, why in undecodable(images, range(len(ALL)), DEVICE.get())}
    assert refused.keys() == ALL.keys() - BOTH.keys()
    for name in PIL_ALONE:
        assert refused[name].endswith("; data.format=image_folder and data.cache_mb can read it")


def test_levels_are_those_of_pil(folder, tmp_path):
    for name, write in BOTH.items():
        for root in ("files", "pil"):
            (tmp_path / root / "class").mkdir(parents=True, exist_ok=True)
        write(tmp_path / "files" / "class")
        open_rgb(folder / name).save(tmp_path / "pil" / "class" / f"{name}.png")
    (got, _), (wanted, _) = (next(iter(loader(tmp_path / root))) for root in ("files", "pil"))
    assert len(got) == len(BOTH)
    # Images are in the order of their names; 12 bits come first, and DALI rounds them otherwise.
    difference = (got - wanted).abs().amax(dim=(1, 2, 3)).cpu() * 58  # about levels of 255
    assert sorted(BOTH)[0] == "12.tif"
    assert difference[0] < 1.1
    assert difference[1:].max() < 1e-4


@pytest.mark.parametrize("name", sorted(PIL_ALONE))
def test_what_dali_would_misread_ends_the_epoch_and_is_read_into_the_cache(name, tmp_path):
    train = tmp_path / "train"
    (train / "a").mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(train / "a" / "good.png")
    PIL_ALONE[name](train / "a")
    with pytest.raises(UserError, match=f"{name} cannot be read: DALI .* levels.*; mend or remov"):
        list(loader(train))
    ((images, _),) = loader(train, dali__cache_mb=1)
    assert len(images) == 2


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_tiff_that_pil_turns_is_refused(orientation, tmp_path):
    levels = RAMP.astype("u1")
    path = tmp_path / "turned.tif"
    path.write_bytes(tiff(levels, 8, UNSIGNED, orientation=orientation))
    images = FileStore.of_paths([path])
    reasons = [reason for _, reason in undecodable(images, range(1), DEVICE.get())]
    remedy = "data.format=image_folder and data.cache_mb can read it"
    expected = [f"DALI does not turn a TIFF by its orientation; {remedy}"]
    assert reasons == ([] if orientation == 1 else expected)
