"""Test the images that a data set gives as items (PIL image, class)."""

import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.data.loaders import source_loader
from leoclr_plugin.data.sources import item_source
from leoclr_plugin.data.views import val_view
from leoclr_plugin.errors import UserError


class Items(list):
    """A data set of grey images, each as bright as its index says, that counts what is read."""

    def __init__(self) -> None:
        super().__init__(range(0, 50, 10))
        self.read = []

    def __getitem__(self, index):
        self.read.append(index)
        return Image.new("L", (8, 8), super().__getitem__(index)), 9 - index


def test_each_item_is_read_once_and_has_its_class():
    items = Items()
    source = item_source(items, "items")
    assert items.read == []
    assert source.targets.tolist() == [-1] * 5
    view = val_view("cifar10", (8, 8))
    batches = list(source_loader(items, source, view, batch_size=2, threads=2))
    assert [len(images) for images, _ in batches] == [2, 2, 1]
    assert torch.cat([targets for _, targets in batches]).tolist() == [9, 8, 7, 6, 5]
    assert sorted(items.read) == [0, 1, 2, 3, 4]
    mean, std = (torch.tensor(values)[:, None, None] for values in view.mean_and_std)
    levels = 255 * (torch.cat([images for images, _ in batches]) * std + mean)
    expected = torch.arange(0, 50, 10.0)[:, None, None, None].expand_as(levels)
    assert torch.allclose(levels, expected, atol=1e-3)


def test_item_that_cannot_be_read_is_named():
    class Broken(Items):
        def __getitem__(self, index):
            raise OSError("truncated\nfile")

    with pytest.raises(
        UserError, match=r"^image 3 of items cannot be read: truncated file; remove"
    ):
        item_source(Broken(), "items").image(3)


def test_lack_of_memory_is_not_the_images_fault():
    class TooLarge(Items):
        def __getitem__(self, index):
            raise MemoryError

    with pytest.raises(MemoryError):
        item_source(TooLarge(), "items").image(0)


def test_grey_images_have_three_channels():
    assert np.array_equal(item_source(Items(), "items").image(2), np.full((8, 8, 3), 20, np.uint8))
