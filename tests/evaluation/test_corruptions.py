"""Test the corrupted pictures against the library itself."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.data.sources import Source
from leoclr_plugin.data.views import val_view
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    check_size,
    corrupt,
    corrupted_source,
    require_imagecorruptions,
)
from tests.conftest import make_image

imagecorruptions = pytest.importorskip("imagecorruptions")
IMAGES = [np.array(make_image(seed, seed % 3, (50, 60))) for seed in range(4)]


def test_corruptions_are_the_fifteen_of_the_benchmark():
    assert set(CORRUPTIONS) == set(imagecorruptions.get_corruption_names("common"))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_the_seed_alone_determines_the_pixels_also_in_threads(corruption):
    first = [corrupt(image, corruption, 3, (0, i)) for i, image in enumerate(IMAGES)]
    np.random.seed(7)
    state = np.random.get_state()[1].copy()
    with ThreadPoolExecutor(4) as pool:
        again = list(
            pool.map(lambda i: corrupt(IMAGES[i % 4], corruption, 3, (0, i % 4)), range(12))
        )
    assert all(np.array_equal(first[i % 4], image) for i, image in enumerate(again))
    assert np.array_equal(np.random.get_state()[1], state)
    drawn = corruption not in (
        *("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"),
    )
    other = corrupt(IMAGES[0], corruption, 3, (1, 0))
    assert np.array_equal(other, first[0]) == (not drawn)
    assert other.shape == IMAGES[0].shape
    assert other.dtype == np.uint8


def test_a_picture_is_corrupted_at_the_size_of_the_evaluation():
    view = val_view("custom", (32, 32))
    source = Source(IMAGES.__getitem__, torch.tensor([3, 1, 4, 1]), None)
    corrupted = corrupted_source(source, view, [1, 3], "contrast", seed=0)
    assert corrupted.targets.tolist() == [1, 1] * len(SEVERITIES)
    for place, severity in enumerate(SEVERITIES):
        for sample, number in enumerate((1, 3)):
            # PIL resizes the shorter side to 37 pixels and crops the centre.
            resized = Image.fromarray(IMAGES[number]).resize((44, 37), Image.Resampling.BILINEAR)
            cropped = np.array(resized.crop((6, 2, 38, 34)))
            expected = imagecorruptions.corrupt(cropped, severity, "contrast")
            image = corrupted.image(place * 2 + sample)
            assert np.abs(image.astype(int) - expected).max() <= 2


def test_labels_of_several_classes_are_repeated():
    labels = torch.tensor([[0, 1], [1, 0], [1, 1], [0, -1]])
    source = Source(IMAGES.__getitem__, labels, None)
    view = val_view("custom", (32, 32))
    corrupted = corrupted_source(source, view, [3, 0], "fog", seed=0)
    assert torch.equal(corrupted.targets, labels[[3, 0]].repeat(5, 1))


def test_missing_library_and_small_pictures_are_refused(monkeypatch):
    with pytest.raises(UserError, match=r"run-7 takes images of 64x28 pixels; .* at least 32x32"):
        check_size((64, 28), "run-7")
    check_size((32, 32), "run-7")
    monkeypatch.setattr("leoclr_plugin.evaluation.corruptions.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "leoclr-plugin\[robustness\]"'):
        require_imagecorruptions()
