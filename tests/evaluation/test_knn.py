import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier

from leoclr_plugin.evaluation.knn import knn, knn_scores


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
    # With four classes of test images, some neighbours belong to the other two classes.
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
    # In float32 a tie may be decided differently, which can change one image of 200.
    assert result["top1"] == pytest.approx(expected, abs=0.51)
    assert result["top5"] >= result["top1"]


def test_separated_classes_are_classified_without_an_error():
    features = torch.eye(5).repeat(8, 1)
    targets = torch.arange(5).repeat(8)
    assert knn((features, targets), (features, targets), k=8)["top1"] == 100.0
    shifted = (targets + 1) % 5
    assert knn((features, targets), (features, shifted), k=8)["top1"] == 0.0


@pytest.mark.parametrize(
    ("distance", "temperature"), [("cosine", 0.07), ("cosine", 0.005), ("euclidean", 0.07)]
)
def test_scores_of_several_labels_equal_a_loop_over_the_images(distance, temperature):
    generator = torch.Generator().manual_seed(3)
    bank, features = torch.randn(2, 40, 6, generator=generator)
    labels = torch.randint(-1, 2, (40, 3), generator=generator)
    scores = knn_scores((bank, labels), features, 7, temperature, distance)

    def weight(one, other):
        if distance == "euclidean":
            return 1 / (np.linalg.norm(one - other) + 1e-5)
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        return np.exp(cosine / temperature)

    images = features.double().numpy()
    for image, image_scores in zip(images, scores, strict=True):
        weights = np.array([weight(image, other) for other in bank.double().numpy()])
        nearest = np.argsort(-weights)[:7]
        for column in range(3):
            known = [i for i in nearest if labels[i, column] != -1]
            shown = [i for i in known if labels[i, column] == 1]
            share = weights[shown].sum() / weights[known].sum() if known else 0
            assert image_scores[column].item() == pytest.approx(share, abs=1e-4)


def test_far_neighbours_have_the_vote_where_the_labels_of_near_ones_are_unknown():
    bank, labels = torch.eye(3), torch.tensor([[-1, -1], [1, 0], [0, 1]])
    # The cosines 1 and 0 give weights of exp(200) and 1, of which float32 keeps only one.
    scores = knn_scores((bank, labels), torch.eye(3)[:1], 3, temperature=0.005)
    assert scores.tolist() == [[0.5, 0.5]]


def test_several_labels_are_measured_by_average_precision():
    generator = torch.Generator().manual_seed(4)
    bank, features = torch.randn(2, 60, 6, generator=generator)
    labels, targets = (torch.rand(2, 60, 2, generator=generator) < 0.4).to(torch.int8)
    result = knn((bank, labels), (features, targets), k=9, classes=["cat", "dog"])
    scores = knn_scores((bank, labels), features, 9)
    expected = [100 * average_precision_score(targets[:, i], scores[:, i]) for i in range(2)]
    assert list(result["AP"].values()) == pytest.approx(expected, abs=1e-3)
    assert list(result["AP"]) == ["cat", "dog"]
    assert result["mAP"] == pytest.approx(sum(expected) / 2)
    assert "top1" not in result
