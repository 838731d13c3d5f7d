"""Damaged images: refused by name or read as PIL reads them, within a bound of time and memory."""

from __future__ import annotations

import os
import resource
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from leoclr_plugin.data.decode import decode, decode_rgb
from leoclr_plugin.data.images import UnreadableImage, find_unreadable, list_images, open_rgb
from leoclr_plugin.data.levels import Levels
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.training.pretrain import prepare
from tests.data.test_loaders import config, epoch, make_colours, names_of, numbers
from tests.faults.images import odd_entries, write_images
from tests.faults.record import Case, scaled

BOUND_S = 20  # for one file
MEMORY_MB = 1500  # that all files together may add to the largest memory of the process
# The mean difference in levels from 0 to 255. Decoders round and interpolate differently.
AGREEMENT = 3


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """The files: whole ones, bombs, and damaged ones."""
    folder = tmp_path_factory.mktemp("files")
    write_images(folder, tmp_path_factory.mktemp("work"), scaled(2000, 200), 0)
    return sorted(folder.iterdir())


class Bounds:
    """The time of each file and the memory of all of them."""

    def __init__(self, row: Case) -> None:
        self._row, self._before = row, _peak_mb()

    def __enter__(self) -> Bounds:
        self._start = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        assert time.perf_counter() - self._start < BOUND_S
        assert _peak_mb() - self._before < MEMORY_MB, "too much memory"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(path: Path, reader) -> np.ndarray | None:
    try:
        return np.asarray(reader(path))
    except UnreadableImage as error:
        # One line that names the file.
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return None


def agree(first: np.ndarray, second: np.ndarray) -> None:
    assert first.shape == second.shape
    difference = np.abs(first.astype(int) - second).mean()
    assert difference < AGREEMENT, f"another picture by {difference:.1f} levels"


def test_the_default_loader_reads_as_pil_or_refuses(files, case):
    row = case("images", "read by the default loader and by check-data")
    bounds = Bounds(row)
    for path in files:
        with row.trial(path.name), bounds:
            checked, loaded = read(path, open_rgb), read(path, decode_rgb)
            # libjpeg may take a JPEG whose other parts PIL refuses; check-data is the stricter one.
            assert checked is None or loaded is not None, "check-data lets a bad file pass"
            if checked is not None:
                agree(loaded, checked)


@pytest.mark.parametrize("levels", [Levels(1), Levels(3, (0, 65535), True)], ids=["grey", "deep"])
def test_images_of_other_depths_are_read_or_refused(files, levels, case):
    row = case("images", f"read with data.channels={levels.channels} range={levels.range}")
    bounds = Bounds(row)
    for path in files:
        with row.trial(path.name), bounds:
            image = read(path, lambda path: decode(path, levels))
            if image is not None:
                assert np.isfinite(image).all()
                assert image.shape[2] == levels.channels
                assert image.min() >= 0
                assert image.max() <= 255


def test_dali_reads_as_pil_or_refuses(files, case):
    pytest.importorskip("nvidia.dali")
    from tests.faults.dali_reader import DaliReader

    row = case("images", "read by DALI")
    bounds, reader = Bounds(row), DaliReader()
    for path in files:
        with row.trial(path.name), bounds:
            loaded, checked = reader.read(path), read(path, open_rgb)
            if loaded is not None and checked is not None:
                agree(loaded, checked)


@pytest.mark.parametrize("way", ["image_folder", "cache", "dali"])
def test_a_training_goes_on_without_its_bad_images(way, files, tmp_path, case):
    """Every image of a batch is one of the whole ones, and all bad ones are left out by name."""
    if way == "dali":
        pytest.importorskip("nvidia.dali")
    row = case("images", f"left out of a training by data.on_bad_image=skip, {way}")
    root = make_colours(tmp_path / "colours")
    reads = partial(read, reader=decode_rgb)
    if way == "dali":
        from tests.faults.dali_reader import DaliReader

        reads = DaliReader().read
    # DALI begins its pipeline anew for each, so it gets fewer.
    chosen = [path for path in files if reads(path) is None][:: 20 if way == "dali" else 4]
    for path in chosen:
        (root / "train" / "class0" / f"x-{path.name}").write_bytes(path.read_bytes())
    changes = {
        "image_folder": {},
        "cache": {"data__cache_mb": 50},
        "dali": {"data__format": "dali", "dali__device": "cpu"},
    }[way]
    changes |= {"data__on_bad_image": "skip", "data__max_bad_share": 0.99}
    loader = pretrain_loader(prepare(config(root, **changes)))
    seen = [batch for number in range(2) for batch in epoch(loader, number)]
    for path in chosen:
        with row.trial(path.name):
            index = next(
                i for i, name in enumerate(loader.dataset.names) if name.endswith(f"x-{path.name}")
            )
            assert all(index not in batch[0] for batch in seen)
    for indexes, views, _ in seen:
        assert all(numbers(view) == names_of(loader, indexes) for view in views)


def test_entries_that_are_no_files(tmp_path, case):
    row = case("images", "folder, dangling and circular link, FIFO with an image's name")
    root = make_colours(tmp_path / "colours") / "train"
    expected = len(list_images(root))
    names = odd_entries(root)
    for name in names:
        with row.trial(name):
            assert name not in [path.name for path in list_images(root)]
    with row.trial("listing"):
        images = Images(FileStore.of_paths([str(path) for path in list_images(root)]))
        assert len(images) == expected
        assert not find_unreadable(images)
    for name in ("folder.jpg", "nowhere.jpg", "circle.jpg"):
        with row.trial(f"{name} by its path"):
            assert read(root / name, decode_rgb) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission(tmp_path, case):
    row = case("images", "file that may not be read")
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    path.chmod(0)
    with row.trial(path.name):
        assert read(path, decode_rgb) is None
