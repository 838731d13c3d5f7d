import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.report.crop_matrix import crop_cosines, crop_matrices


def test_cosines_are_those_of_the_centred_features():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 6, 5, generator=generator) + 3
    mean = np.concatenate([first, second]).mean(axis=0)
    found = crop_cosines(first, second)
    for row in range(6):
        for column in range(6):
            a, b = first[row].numpy() - mean, second[column].numpy() - mean
            expected = a @ b / np.sqrt(a @ a) / np.sqrt(b @ b)
            assert found[row, column].item() == pytest.approx(expected, abs=1e-5)


def test_picture_is_red_where_crops_are_alike_and_blue_where_they_are_not(tmp_path):
    alike = torch.kron(torch.eye(2), torch.ones(3, 3)) * 2 - 1
    crop_matrices({"before": -alike, "after": alike}, ["a", "b"], tmp_path / "matrix.png")
    pixels = np.asarray(Image.open(tmp_path / "matrix.png").convert("RGB")).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 2] < 80)
    blue = (pixels[..., 2] > 150) & (pixels[..., 0] < 80)
    columns = np.flatnonzero((red | blue).any(axis=0))
    middle_row = np.flatnonzero((red | blue)[:, columns].any(axis=1))
    top, height = middle_row[0], np.ptp(middle_row)
    # From left to right along a line through the upper half: before is blue, red, after red, blue.
    line = top + height // 4
    colours = [
        "red" if red[line, x] else "blue" for x in range(pixels.shape[1]) if (red | blue)[line, x]
    ]
    changes = [c for c, before in zip(colours, [None, *colours], strict=False) if c != before]
    assert changes[:4] == ["blue", "red", "blue"] or changes[:3] == ["blue", "red", "blue"]
