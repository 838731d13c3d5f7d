"""With one seed all loaders show the same views."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

pytest.importorskip("nvidia.dali")

from leoclr_plugin.data import opencv
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg, pipeline
from tests.data.test_make import picture

PLAIN = {"mean": [0, 0, 0], "std": [1, 1, 1]}
ALL = {
    "color_jitter": 0.8,
    "grayscale": 0.2,
    "gaussian_blur": 0.5,
    "solarization": 0.2,
    "equalization": 0.2,
    "horizontal_flip": 0.5,
}


@pytest.fixture(scope="module", params=["png", "jpg"])
def pictures(request, tmp_path_factory):
    """Make 12 pictures of several sizes in a format without and with losses."""
    folder = tmp_path_factory.mktemp("pictures") / "class0"
    folder.mkdir()
    for seed in range(12):
        picture(seed, 60 + 5 * seed, 130 - 4 * seed).save(folder / f"{seed:02}.{request.param}")
    return folder.parent


def batches(folder, probs, epoch=1, **changes) -> list:
    cfg = method_cfg(
        data__dataset="custom",
        data__train_path=str(folder),
        data__val_path=None,
        data__num_workers=2,
        seed=5,
        optimizer__batch_size=4,
        augmentations=OmegaConf.create(
            [
                {**pipeline(48, 2, **probs), **PLAIN},
                {**pipeline([48, 48], crop=False, **probs), **PLAIN},
            ]
        ),
        **changes,
    )
    loader = pretrain_loader(prepare(cfg))
    sampler_of(loader).set_epoch(epoch)
    return list(loader)


def difference(first: list, second: list) -> float:
    """Return the mean difference of all views in levels of 255."""
    for one, two in zip(first, second, strict=True):
        assert torch.equal(one[0], two[0].cpu())
    pairs = [
        (a, b.cpu())
        for one, two in zip(first, second, strict=True)
        for a, b in zip(one[1], two[1], strict=True)
    ]
    return float(np.mean([(255 * (a - b)).abs().mean() for a, b in pairs]))


@pytest.mark.parametrize(
    ("probs", "bound"),
    [
        # A resize differs by rounding, and at the edge of a crop DALI uses the pixels outside.
        ({}, 1.5),
        # A flip or a solarisation keeps the size of a difference, and a blur makes it smaller.
        ({"horizontal_flip": 0.5, "solarization": 0.5, "gaussian_blur": 0.5}, 1.5),
        # The jitter multiplies it by at most 1.4 for the brightness and 1.4 for the contrast.
        ({"color_jitter": 0.8, "grayscale": 0.2}, 1.5 * 1.4 * 1.4),
        # An equalisation spreads the levels that a view has over the whole range.
        (ALL, 5),
    ],
    ids=["geometry", "appearance", "colours", "all"],
)
def test_dali_shows_the_views_of_the_default_loader(pictures, probs, bound):
    default = batches(pictures, probs)
    by_dali = batches(pictures, probs, data__format="dali", dali__device="cpu")
    assert difference(default, by_dali) < bound
    # Other draws are far outside of the bound.
    other = batches(pictures, probs, epoch=2)
    indexes, crops = (
        torch.cat(parts) for parts in zip(*[(b[0], b[1][0]) for b in other], strict=True)
    )
    crop_of = dict(zip(indexes.tolist(), crops, strict=True))
    other_crops = [
        [batch[0], [torch.stack([crop_of[i] for i in batch[0].tolist()])]] for batch in default
    ]
    assert difference([[batch[0], batch[1][:1]] for batch in default], other_crops) > 4 * bound


def test_without_opencv_the_views_differ_by_rounding(pictures, monkeypatch):
    probs = {**ALL, "equalization": 0.0}
    with_opencv = batches(pictures, probs)
    monkeypatch.setattr(opencv, "has_opencv", lambda: False)
    assert difference(with_opencv, batches(pictures, probs)) < 1
