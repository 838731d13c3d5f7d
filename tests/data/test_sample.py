"""Test the fixed sample of images that networks are measured on."""

import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.data.sample import sample_loader
from leoclr_plugin.data.views import pretrain_views, val_view
from leoclr_plugin.errors import UserError
from tests.configs import pipeline
from tests.conftest import make_image

PLAIN = val_view("custom", (32, 32))
AUGMENTED = pretrain_views(OmegaConf.create([pipeline(32, 2, color_jitter=0.8)]), "custom")[0]


def loader_of(folder, images=12, views=3, seed=0, **data):
    node = {"dataset": "custom", "train_path": str(folder), "num_workers": 1, **data}
    return sample_loader(OmegaConf.create(node), PLAIN, AUGMENTED, images, views, seed)


def all_of(loader) -> torch.Tensor:
    """Return the views of all images, ``[N, 1 + V, 3, H, W]``."""
    return torch.cat([torch.stack(batch, dim=1) for batch in loader])


def test_each_iteration_and_each_loader_gives_the_same_views(image_folder):
    loader = loader_of(image_folder / "train")
    first = all_of(loader)
    assert first.shape == (12, 4, 3, 32, 32)
    assert torch.equal(first, all_of(loader))
    assert torch.equal(first, all_of(loader_of(image_folder / "train", num_workers=2)))


def test_the_seed_determines_the_images_and_the_crops(image_folder):
    one, other = (all_of(loader_of(image_folder / "train", seed=seed)) for seed in (0, 1))
    assert not torch.equal(one[:, 0], other[:, 0])
    # All images are taken here, so that only the crops differ.
    one, other = (all_of(loader_of(image_folder / "train", 99, seed=seed)) for seed in (0, 1))
    assert len(one) == 40
    assert torch.equal(one[:, 0], other[:, 0])
    assert not torch.equal(one[:, 1], other[:, 1])


def test_the_views_of_an_image_differ_from_one_another(image_folder):
    views = all_of(loader_of(image_folder / "train"))
    for i in range(1, 4):
        assert all((views[:, 0] != views[:, i]).flatten(1).any(dim=1))
        assert all((views[:, i] != views[:, i % 3 + 1]).flatten(1).any(dim=1))


def test_labels_are_not_needed(tmp_path):
    for i in range(3):
        make_image(i, 0).save(tmp_path / f"{i}.png")
    assert len(all_of(loader_of(tmp_path))) == 3


def test_one_image_and_a_damaged_image_are_refused(tmp_path):
    make_image(0, 0).save(tmp_path / "0.png")
    with pytest.raises(UserError, match="holds one image; the measures compare at least two"):
        loader_of(tmp_path)
    (tmp_path / "1.png").write_bytes(b"damaged")
    with pytest.raises(UserError, match="1 of 2 images cannot be read, the first is"):
        all_of(loader_of(tmp_path))
