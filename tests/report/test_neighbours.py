"""Compare nearest neighbours with brute force, and check how they are drawn."""

import numpy as np
import torch
from PIL import Image

from leoclr_plugin.report.neighbours import nearest, neighbour_rows, neighbours_of_classes


def test_nearest_agrees_with_brute_force():
    features = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    found = nearest(features, [4, 17], 5).tolist()
    for query, row in zip([4, 17], found, strict=True):
        cosines = {
            i: torch.cosine_similarity(features[query], features[i], dim=0).item()
            for i in range(30)
            if i != query
        }
        assert row == sorted(cosines, key=cosines.get, reverse=True)[:5]


def test_length_of_a_feature_does_not_matter():
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [50.0, 40.0], [-1.0, 0.0]])
    assert nearest(features, [0], 3).tolist() == [[1, 2, 3]]


def test_frame_shows_whether_a_neighbour_has_the_class_of_the_query(tmp_path, drawn):
    samples = []
    for number, target in enumerate([0, 1, 0, 1]):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (8, 8), (10 * number, 0, 0)).save(path)
        samples.append((str(path), target))
    # Images 0 and 1 are close, and so are 2 and 3, so each nearest image has the other class.
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.2], [-1.0, 0.3]])
    targets = torch.tensor([target for _, target in samples])
    rows = neighbours_of_classes(features, targets, ["$x$", "_dog\x1b"], neighbours=3)
    neighbour_rows(rows, lambda index: Image.open(samples[index][0]), tmp_path / "rows.png")
    grid = np.array(drawn[0].axes).reshape(2, 4)
    assert [row[0].get_ylabel() for row in grid] == ["$x$", r"_dog\x1b"]
    assert not grid[0][0].yaxis.label.get_parse_math()
    assert [cell.get_title() for cell in grid[0]] == ["query", "1", "2", "3"]
    for row in grid:
        shown = [int(cell.images[0].get_array()[0, 0, 0]) // 10 for cell in row]
        assert shown == [shown[0], *nearest(features, shown[:1], 3)[0].tolist()]
        for index, cell in zip(shown, row, strict=True):
            frame = cell.spines["left"]
            red, green, _, _ = frame.get_edgecolor()
            assert (green > red) == (samples[index][1] == samples[shown[0]][1])
            assert (frame.get_linewidth() > 0) == (cell is not row[0])
    with Image.open(tmp_path / "rows.png") as picture:
        assert picture.width > picture.height


def test_many_classes_have_at_most_twenty_rows_from_first_to_last():
    targets = torch.arange(45)
    rows = neighbours_of_classes(torch.rand(45, 4), targets, list(map(str, range(45))))
    assert [row.title for row in rows] == [str(number) for number in range(0, 45, 3)]
    assert [row.query for row in rows] == list(range(0, 45, 3))
