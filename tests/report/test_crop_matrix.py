import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.report.crop_matrix import CropSimilarity, crop_matrices, crop_similarity
from leoclr_plugin.terminal import printable
from tests.hostile import NAMES


def test_means_are_those_of_the_centred_cosines():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 7, 5, generator=generator) + 3
    targets = [0, 1, 0, 2, 1, 2, 1]
    mean = np.concatenate([first, second]).mean(axis=0)
    found = crop_similarity(first, second, torch.tensor(targets))

    image, own, other = [], [], []
    matrix = [[[] for _ in range(3)] for _ in range(3)]
    for i in range(7):
        for j in range(7):
            a, b = first[i].numpy() - mean, second[j].numpy() - mean
            cosine = a @ b / np.sqrt(a @ a) / np.sqrt(b @ b)
            if i == j:
                image.append(cosine)
                continue
            (own if targets[i] == targets[j] else other).append(cosine)
            matrix[targets[i]][targets[j]].append(cosine)
    assert found.same_image == pytest.approx(np.mean(image), abs=1e-5)
    assert found.same_class == pytest.approx(np.mean(own), abs=1e-5)
    assert found.other_class == pytest.approx(np.mean(other), abs=1e-5)
    expected = [[np.mean(cell) for cell in row] for row in matrix]
    np.testing.assert_allclose(found.matrix, expected, atol=1e-5)


def test_picture_is_red_where_crops_are_alike_and_blue_where_they_are_not(tmp_path):
    one = CropSimilarity(0, 0, 0, torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    crop_matrices({"network": one}, ["a", "b"], tmp_path / "matrix.png")
    pixels = np.asarray(Image.open(tmp_path / "matrix.png").convert("RGB")).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 2] < 80)
    blue = (pixels[..., 2] > 150) & (pixels[..., 0] < 80)
    # The widest part with these colours is the matrix; the colour bar is beside it.
    rows = np.flatnonzero((red | blue).sum(axis=1) > pixels.shape[1] / 3)
    quarter = (rows[-1] - rows[0]) // 4
    for row, expected in ((rows[0] + quarter, "red blue"), (rows[-1] - quarter, "blue red")):
        colours = ["red" if red[row, x] else "blue" for x in np.flatnonzero(red[row] | blue[row])]
        runs = [now for now, last in zip(colours, ["", *colours], strict=False) if now != last]
        assert " ".join(runs).startswith(expected)


def test_names_of_classes_and_networks_are_no_formulas(tmp_path, drawn):
    pytest.importorskip("matplotlib")
    similarity = CropSimilarity(1, 0, 0, torch.zeros(len(NAMES), len(NAMES)))
    crop_matrices({NAMES[2]: similarity, NAMES[3]: similarity}, NAMES, tmp_path / "a.png")
    first, second, _ = drawn[0].axes
    shown = [printable(name) for name in NAMES]
    assert [text.get_text() for text in first.get_xticklabels()] == shown
    assert [text.get_text() for text in first.get_yticklabels()] == shown
    assert [first.get_title(), second.get_title()] == [NAMES[2], NAMES[3]]
    texts = [first.title, *first.get_xticklabels(), *first.get_yticklabels()]
    assert not any(text.get_parse_math() for text in texts)
