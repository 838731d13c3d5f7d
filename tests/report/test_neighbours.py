"""Nearest neighbours against brute force."""

import torch

from leoclr_plugin.report.neighbours import nearest


def test_nearest_by_brute_force():
    features = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    found = nearest(features, [4, 17], 5).tolist()
    for query, row in zip([4, 17], found, strict=True):
        cosines = {
            i: torch.cosine_similarity(features[query], features[i], dim=0).item()
            for i in range(30)
            if i != query
        }
        assert row == sorted(cosines, key=cosines.get, reverse=True)[:5]


def test_length_of_a_feature_is_of_no_matter():
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [50.0, 40.0], [-1.0, 0.0]])
    assert nearest(features, [0], 3).tolist() == [[1, 2, 3]]
