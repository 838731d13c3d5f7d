"""Mined pairs are those that a comparison of every image with every other finds."""

import re

import numpy as np
import pytest
import torch

from leoclr_plugin.data.pairs import neighbours as kept
from leoclr_plugin.data.pairs.histogram import Histogram, range_of
from leoclr_plugin.data.pairs.matched import match, pairs_by_class
from leoclr_plugin.data.pairs.mining import SPARE, choose_pairs
from leoclr_plugin.data.pairs.neighbours import find_neighbours
from leoclr_plugin.data.pairs.places import Placed, place_pairs
from leoclr_plugin.data.pairs.search import ExactSearch, IvfSearch
from leoclr_plugin.data.pairs.table import PairTable, read_pairs, write_pairs
from leoclr_plugin.errors import UserError
from leoclr_plugin.metrics import neighbours as metric
from leoclr_plugin.report.pairs import ranges_of

CPU = torch.device("cpu")


@pytest.fixture
def features() -> torch.Tensor:
    """Forty features in groups of four, two of which are almost equal."""
    generator = torch.Generator().manual_seed(0)
    groups = torch.randn(10, 1, 8, generator=generator)
    features = groups + 0.3 * torch.randn(10, 4, 8, generator=generator)
    features[:, 3] = features[:, 2] + 0.001
    return features.flatten(0, 1)


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(kept, "_IMAGES_A_PART", 16)


def cosines_of(features: torch.Tensor) -> np.ndarray:
    unit = features.double().numpy()
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    return cosines


def by_hand(
    features: torch.Tensor, k: int, low: float, high: float
) -> dict[tuple[int, int], float]:
    """The pairs of each image with its k nearest neighbours of at most ``high``."""
    pairs = {}
    for image, row in enumerate(cosines_of(features)):
        others = [j for j in np.argsort(-row) if j != image and row[j] <= high]
        pairs |= {(image, int(j)): row[j] for j in others[:k] if row[j] >= low}
    return pairs


def mine(features, folder, k=3, band=(0.8, 0.99), mutual=False, search=None):
    count = min(k + SPARE, len(features) - 1)
    make = search or (lambda: ExactSearch(features, CPU))
    found = find_neighbours(make, len(features), count, folder, {})
    return choose_pairs(found, len(features), k, band, mutual)


def pairs_in(mined) -> dict[tuple[int, int], float]:
    keys = zip(mined.images.tolist(), mined.partners.tolist(), strict=True)
    return dict(zip(keys, mined.scores.tolist(), strict=True))


def test_exact_search_is_brute_force(features, tmp_path, monkeypatch, small_parts):
    # The bank is compared in several blocks.
    monkeypatch.setattr(metric, "_BLOCK", 7)
    expected = by_hand(features, 3, 0.8, 0.99)
    mined = mine(features, tmp_path / "found")
    assert len(expected) > 20
    assert pairs_in(mined) == pytest.approx(expected, abs=1e-6)


def test_near_duplicates_are_counted_and_take_no_place(features, tmp_path):
    cosines = cosines_of(features)
    mined = mine(features, tmp_path / "found", k=2)
    assert mined.duplicates == (np.triu(cosines, 1) > 0.99).sum() >= 10
    assert pairs_in(mined) == pytest.approx(by_hand(features, 2, 0.8, 0.99), abs=1e-6)
    assert mined.crowded == 0


def test_image_with_too_many_near_duplicates_is_told(tmp_path):
    features = torch.ones(60, 4)
    features[-1, 0] = 2
    mined = mine(features, tmp_path / "found", k=2, band=(0.5, 0.99))
    assert mined.duplicates > 60
    # The last image finds its neighbours, and the 59 equal ones do not find it.
    assert set(mined.images.tolist()) == {59}
    assert mined.crowded == 59
    # None of the equal ones is its own partner, though it may not be among its own neighbours.
    equal = mine(features, tmp_path / "found", k=2, band=(0.5, 1))
    assert (equal.images != equal.partners).all()
    assert len(equal.images) == 120


def test_mutual_pairs_are_found_from_both_sides(features, tmp_path):
    expected = by_hand(features, 2, 0.5, 0.99)
    both = {pair for pair in expected if pair[::-1] in expected}
    mined = mine(features, tmp_path / "found", 2, (0.5, 0.99), mutual=True)
    assert both < expected.keys()
    assert pairs_in(mined).keys() == both
    assert mined.one_sided == len(expected) - len(both)


def test_ivf_finds_most_of_what_exact_finds(tmp_path):
    pytest.importorskip("faiss")
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(40, 1, 16, generator=generator)
    features = (centres + 0.4 * torch.randn(40, 100, 16, generator=generator)).flatten(0, 1)
    search = IvfSearch(features)
    # Not all lists are looked at, or the search would be exact.
    assert search._index.nprobe < search._index.nlist / 4
    exact = pairs_in(mine(features, tmp_path / "exact", 5, (0.5, 1)))
    ivf = pairs_in(mine(features, tmp_path / "ivf", 5, (0.5, 1), search=lambda: search))
    shared = exact.keys() & ivf.keys()
    assert len(shared) > 0.9 * len(exact)
    assert {p: ivf[p] for p in shared} == pytest.approx({p: exact[p] for p in shared}, abs=1e-5)


def test_interrupted_search_goes_on(features, tmp_path, small_parts):
    class Interrupted(ExactSearch):
        searched: list[int] = []

        def __call__(self, first, stop, k):
            if len(self.searched) == 2:
                raise KeyboardInterrupt
            self.searched.append(first)
            return super().__call__(first, stop, k)

    with pytest.raises(KeyboardInterrupt):
        mine(features, tmp_path / "found", search=lambda: Interrupted(features, CPU))
    first = {path: path.read_bytes() for path in (tmp_path / "found").iterdir()}
    assert [path.name for path in sorted(first)] == [
        "_about.json",
        "part-000000.npz",
        "part-000001.npz",
    ]
    Interrupted.searched = [0]
    again = mine(features, tmp_path / "found", search=lambda: Interrupted(features, CPU))
    assert Interrupted.searched == [0, 32]
    assert pairs_in(again) == pairs_in(mine(features, tmp_path / "whole"))

    def never():
        raise AssertionError

    mine(features, tmp_path / "found", band=(0.5, 0.9), search=never)


def test_neighbours_of_other_features_or_damaged_ones_are_refused(features, tmp_path):
    mine(features, tmp_path / "found")
    with pytest.raises(UserError, match="holds the neighbours of other features"):
        list(find_neighbours(lambda: None, 40, 5, tmp_path / "found", {"network": "another"}))
    (tmp_path / "found/part-000000.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(UserError, match=r"part-000000\.npz is damaged"):
        mine(features, tmp_path / "found")


def test_empty_band_says_where_the_neighbours_lie(features, tmp_path):
    with pytest.raises(UserError) as error:
        mine(features, tmp_path / "found", band=(-1, -0.999))
    text = str(error.value)
    assert text.startswith("no pair of neighbours has a similarity from -1 to -0.999; of the 120 ")
    assert sum(map(int, re.findall(r"(\d+) lie (?:from|below)", text))) == 120


def test_histogram_counts_each_similarity_once():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0.9, 0.99, 980), rng.uniform(-0.2, 0.5, 15), [1.0, 0.97]])
    histogram = Histogram()
    histogram.add(values[:500])
    histogram.add(values[500:])
    edges = histogram.edges()
    counts = [number for _, _, number in histogram.ranges()]
    assert counts == np.histogram(values, edges)[0].tolist()
    assert np.bincount(range_of(values, edges), minlength=len(counts)).tolist() == counts
    # A few far ones are one range, so that the others are told apart.
    assert edges[0] == -1
    assert 5 <= len(counts) <= 11
    assert range_of(np.array([0.97]), np.array([0.9, 0.97, 1.0])).tolist() == [1]


def test_names_are_found_under_the_folder_or_by_absolute_path(tmp_path):
    names, labels = ["a/1.png", "a/2.png", "b/3.png", "4.png"], ["a", "a", "b", None]
    (tmp_path / "pairs.csv").write_text(
        f"image,partner\na/1.png,./a/2.png\n{tmp_path}/b/3.png,a/1.png\n4.png,a/1.png\n"
    )
    table = read_pairs(tmp_path / "pairs.csv")
    placed = place_pairs(tmp_path / "pairs.csv", table, tmp_path, names, labels)
    assert placed.images.tolist() == [0, 2, 3]
    assert placed.partners.tolist() == [1, 0, 0]
    assert placed.same.tolist() == [1, 0, -1]
    several = place_pairs(tmp_path / "p", table, tmp_path, names, [["x", "y"], ["y"], [], ["x"]])
    assert several.same.tolist() == [1, 0, 1]
    with pytest.raises(
        UserError, match=r"is of another data set: 1 of its names .* is 4\.png; name"
    ):
        place_pairs(tmp_path / "p", table, tmp_path, names[:3], labels[:3])


def test_ranges_have_the_share_of_pairs_of_one_class():
    scores = np.array([0.81, 0.82, 0.95, np.nan, 0.951])
    same = np.array([1, 0, 1, 1, -1])
    *scored, without = ranges_of(scores, same)
    shares = {tuple(one.rows): one.share for one in scored if len(one.rows)}
    assert shares.pop((2, 4)) == 100
    assert sum(len(rows) for rows in shares) == 2
    assert (without.name, without.rows.tolist(), without.share) == ("no score", [3], 100)


def test_matched_sets_have_the_same_images_and_both_sides():
    placed = Placed(np.array([0, 1, 2, 4, 5]), np.array([1, 0, 3, 5, 5]), np.array([1, 1, 1, 0, 1]))
    matched = match(placed)
    assert matched.images.tolist() == [0, 1, 2, 3]
    assert matched.pairs.tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    # A side that the file has keeps its own row.
    assert matched.rows.tolist() == [0, 1, 2, 2]
    assert (matched.other_class, matched.unknown) == (1, 0)
    assert pairs_by_class(matched, ["a", "a", "b", "b", "a", "a"]) == {"a": 2, "b": 2}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_unknown_scores_and_weights_are_written(ending, tmp_path):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"pairs.{ending}"
    write_pairs(path, [("a", "b", 0.5), ("b", "a", float("nan"))], [1.0, 2.0])
    table: PairTable = read_pairs(path)
    assert (table.images, table.partners) == (["a", "b"], ["b", "a"])
    np.testing.assert_array_equal(table.scores, [0.5, np.nan])
    assert table.weights.tolist() == [1, 2]
