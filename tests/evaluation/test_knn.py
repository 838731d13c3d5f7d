import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from leoclr_plugin.evaluation.knn import knn


def clouds(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(6, 12, generator=torch.Generator().manual_seed(99))
    targets = torch.randint(0, 6, (count,), generator=generator)
    return centres[targets] + 1.2 * torch.randn(count, 12, generator=generator), targets


@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize(
    ("distance", "temperature"), [("cosine", 0.07), ("cosine", 0.01), ("euclidean", 0.07)]
)
@pytest.mark.parametrize("classes", [6, 4])
def test_equals_scikit_learn(k, distance, temperature, classes):
    # Of four classes, the neighbours are of others too.
    bank, (features, targets) = clouds(0, 300), clouds(1, 300)
    test = features[targets < classes], targets[targets < classes]

    def weights(distances: np.ndarray) -> np.ndarray:
        if distance == "cosine":
            return np.exp((1 - distances) / temperature)
        return 1 / (distances + 1e-5)

    reference = KNeighborsClassifier(k, weights=weights, metric=distance, algorithm="brute").fit(
        *(x.double().numpy() for x in bank)
    )
    expected = 100 * reference.score(*(x.double().numpy() for x in test))
    result = knn(bank, test, k=k, temperature=temperature, distance=distance)
    # A tie may fall either way in float32: one image of 200.
    assert result["top1"] == pytest.approx(expected, abs=0.51)
    assert result["top5"] >= result["top1"]


def test_separated_classes_are_all_found():
    features = torch.eye(5).repeat(8, 1)
    targets = torch.arange(5).repeat(8)
    assert knn((features, targets), (features, targets), k=8)["top1"] == 100.0
    shifted = (targets + 1) % 5
    assert knn((features, targets), (features, shifted), k=8)["top1"] == 0.0
