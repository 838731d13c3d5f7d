"""Damaged images in the loaders of kNN, linear probes and embed: named, left out, or read right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from leoclr_plugin.data.decode import decode_rgb
from leoclr_plugin.data.images import open_rgb
from leoclr_plugin.data.loaders import linear_train_loader, source_loader, val_loader
from leoclr_plugin.data.sources import build_source
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.data.views import val_view
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import folder_cfg
from leoclr_plugin.zoo.transform import val_transform
from tests.conftest import make_image
from tests.faults.images import write_images
from tests.faults.record import scaled
from tests.faults.test_images import AGREEMENT, read

SIZE = (32, 32)
# The loaders' numbers are levels divided by 255 and by a standard deviation of at least 0.22.
TOLERANCE = AGREEMENT / 255 / 0.22


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """The files: whole ones, bombs, and damaged ones."""
    folder = tmp_path_factory.mktemp("files")
    write_images(folder, tmp_path_factory.mktemp("work"), scaled(1000, 200), 1)
    return sorted(path for path in folder.iterdir() if path.suffix != ".npy")


def data_of(root: Path, files: list[Path]):
    """Make a data set of two classes whose images are the files, the first class being empty."""
    for split in ("train", "val"):
        for number in range(2):
            (root / split / f"class{number}").mkdir(parents=True)
            make_image(number, number).save(root / split / f"class{number}" / "whole.png")
        for path in files:
            os.link(path, root / split / "class1" / f"x-{path.name}")
    cfg = folder_cfg("custom", root, 2, batch_size=16)
    return OmegaConf.merge(cfg, {"devices": [0], "accelerator": "cpu", "seed": 0})


def embedded(paths: list[Path]):
    """Return the loader of ``leoclr embed``."""
    images = Images(FileStore.of_paths([str(path) for path in paths]))
    source = build_source(images, 0, 2)
    return source_loader(images, source, val_view("custom", SIZE), 16, 2)


def rows_of(loader) -> Iterator[torch.Tensor]:
    for images, _ in loader:
        yield from images.clone()


def test_what_is_read_is_the_picture(files, tmp_path, case):
    """As PIL and torchvision's transforms make it; a damaged part is the same damage."""
    good = [path for path in files if read(path, decode_rgb) is not None]
    cfg = data_of(tmp_path, good)
    as_pil = val_transform("custom", SIZE)
    loaders = {"knn and linear": val_loader(cfg, SIZE), "embed": None}
    for name in loaders:
        row = case("images", f"read by the evaluators' loader of {name}")
        paths = [Path(path) for path in loaders["knn and linear"].dataset.names]
        loader = loaders[name] or embedded(paths)
        for path, row_of_loader in zip(paths, rows_of(loader), strict=True):
            with row.trial(path.name):
                assert torch.isfinite(row_of_loader).all()
                picture = read(path, open_rgb)
                if picture is not None:
                    expected = as_pil(Image.fromarray(picture))
                    difference = (row_of_loader - expected).abs().mean()
                    assert difference < TOLERANCE, f"another picture by {difference:.3f}"


def test_what_cannot_be_read_is_named(files, tmp_path, case):
    row = case("images", "named by the evaluators' loaders, which then stop")
    bad = [path for path in files if read(path, decode_rgb) is None]
    cfg = data_of(tmp_path, [])
    cfg.optimizer.batch_size = 2
    for path in bad[::4]:
        places = [tmp_path / split / "class1" / f"x-{path.name}" for split in ("train", "val")]
        for place in places:
            os.link(path, place)
        with row.trial(path.name):
            for place, start in (
                (places[1], lambda: val_loader(cfg, SIZE)),
                (places[0], lambda: linear_train_loader(cfg, SIZE)),
                (places[1], lambda place=places[1]: embedded([place])),
            ):
                with pytest.raises(UserError) as caught:
                    list(start())
                assert str(place) in str(caught.value)
                assert "\n" not in str(caught.value)
        for place in places:
            place.unlink()


def test_a_linear_probe_goes_on_without_them(files, tmp_path, case):
    row = case("images", "left out of a linear probe by data.on_bad_image=skip")
    bad = [path for path in files if read(path, decode_rgb) is None][::4]
    cfg = data_of(tmp_path, bad)
    cfg.data.on_bad_image, cfg.data.max_bad_share = "skip", 0.99
    cfg.optimizer.batch_size = 4
    loader = linear_train_loader(cfg, SIZE)
    # Two images are left, one of each class, so a bad one would show as another picture.
    batches = [(images.clone(), targets.clone()) for images, targets in loader]
    left_out = {str(loader.dataset.name(i)) for i in range(len(loader.dataset)) if i in loader.bad}
    for path in bad:
        with row.trial(path.name):
            assert f"{tmp_path}/train/class1/x-{path.name}" in left_out
    with row.trial("pictures"):
        assert all(torch.isfinite(images).all() for images, _ in batches)
        assert len(left_out) == len(bad)
