"""What only the default loader does; tests/data/test_loaders.py holds what all loaders do."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.data.image_loader import ImageLoader
from leoclr_plugin.data.images import unreadable
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.data.sources import Source, build_source
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.data.views import pretrain_views, val_view
from leoclr_plugin.errors import UserError
from tests.configs import pipeline
from tests.conftest import make_image


def make_loader(
    dataset, source=None, training=False, batch_size=2, views=None, **kwargs
) -> ImageLoader:
    source = source or build_source(dataset, 0, 1)
    sampler = ShardSampler(len(dataset), batch_size, 0, training)
    views = views or [val_view("custom", (8, 8))]
    return ImageLoader(
        dataset, source, views, sampler, lambda *batch: list(batch), threads=2, **kwargs
    )


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path in paths:
        make_image(0, 0).save(path)
    return Images(FileStore.of_paths(paths))


def test_bad_images_are_counted_and_named_in_one_line(images):
    paths = [path for path, _ in images.samples]

    def fail(index: int) -> np.ndarray:
        raise unreadable(paths[index], "gone for a moment")

    source = Source(fail, torch.zeros(4), images)
    with pytest.raises(UserError) as caught:
        list(make_loader(images, source))
    assert str(caught.value) == f"{paths[0]} cannot be read: gone for a moment; mend or remove it"
    for path in paths[2:]:
        Path(path).write_text("not an image")
    with pytest.raises(UserError, match=r"^2 of 4 images cannot be read, the first is .*2\.png: "):
        list(make_loader(images))


def test_after_an_error_the_loader_can_be_used_again(images):
    source = build_source(images, 0, 1)
    broken = [True]

    def image(index: int) -> np.ndarray:
        if broken and index == 3:
            raise ZeroDivisionError
        return source.image(index)

    loader = make_loader(images, Source(image, source.targets, source.images))
    with pytest.raises(ZeroDivisionError):
        list(loader)
    broken.clear()
    assert [len(indexes) for indexes, _, _ in loader] == [2, 2]


def test_images_of_a_batch_are_made_in_parallel(images):
    barrier = threading.Barrier(2)

    def image(index: int) -> np.ndarray:
        if index in (0, 15):
            # Both threads must work at the same time, or the barrier breaks.
            barrier.wait(timeout=30)
        return np.zeros((9, 9, 3), np.uint8)

    dataset = Images(FileStore.of_paths([f"{i}.png" for i in range(16)]))
    loader = make_loader(dataset, Source(image, torch.zeros(16), None), batch_size=16)
    assert len(list(loader)) == 1


def test_torch_has_one_core_in_each_thread_and_all_of_them_outside(images):
    seen = []

    def image(index: int) -> np.ndarray:
        seen.append(torch.get_num_threads())
        return np.zeros((9, 9, 3), np.uint8)

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        list(make_loader(images, Source(image, torch.zeros(4), None)))
        assert set(seen) == {1}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_the_memory_of_a_batch_is_used_again(images):
    loader = make_loader(images, training=True)
    addresses = set()
    for _ in range(40):
        for _, (view,), _ in loader:
            addresses.add(view.data_ptr())
        del view
    # Three batches are under way, one is held here, and one is about to be yielded.
    assert len(addresses) < 10


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_another_device_finishes_the_views_as_the_threads_do(images, dtype):
    # data.augment_on=gpu names the GPU; here the CPU stands for it.
    probs = {"color_jitter": 0.8, "gaussian_blur": 0.5, "horizontal_flip": 0.5}
    views = pretrain_views(OmegaConf.create([pipeline(16, 2, **probs)]), "custom")
    by_threads = list(make_loader(images, training=True, views=views))
    finished = list(
        make_loader(images, training=True, views=views, finish_on=torch.device("cpu"), dtype=dtype)
    )
    for expected, got in zip(by_threads, finished, strict=True):
        assert torch.equal(expected[0], got[0])
        for one, two in zip(expected[1], got[1], strict=True):
            assert two.dtype == dtype
            assert two.is_contiguous(memory_format=torch.channels_last)
            # The threads round to whole levels after each step; a level is about 1/58 here.
            assert (one - two).abs().mean() < 1 / 58
