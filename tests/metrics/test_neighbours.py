"""Test the search of neighbours block by block."""

import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from leoclr_plugin.metrics import neighbours as module
from leoclr_plugin.metrics.neighbours import weighted_neighbours


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize(("block", "k"), [(7, 3), (7, 20), (64, 5)])
def test_blocks_find_the_neighbours_of_scikit_learn(distance, block, k, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", block)
    monkeypatch.setattr(module, "_QUERIES", 11)
    monkeypatch.setattr(module, "_VOTERS", 4)
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(60, 8, generator=generator).half()
    features = torch.randn(30, 8, generator=generator)
    search = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=distance)
    distances, expected = search.fit(bank.double()).kneighbors(features.double())
    weights, nearest = (
        torch.cat(parts)
        for parts in zip(*weighted_neighbours(features, bank, k, 0.5, distance), strict=True)
    )
    assert nearest.tolist() == expected.tolist()
    distances = torch.from_numpy(distances)
    if distance == "cosine":
        known = ((distances[:, :1] - distances) / 0.5).exp()
    else:
        known = 1 / (distances + 1e-5)
    assert torch.allclose(weights.double(), known, rtol=1e-4)
