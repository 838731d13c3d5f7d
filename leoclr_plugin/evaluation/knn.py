"""kNN accuracy of a method's frozen features."""

from __future__ import annotations

from typing import Any

from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.host import host


def knn(
    bank: Features,
    test: Features,
    k: int = 20,
    temperature: float = 0.07,
    distance: str = "cosine",
) -> dict[str, Any]:
    """Classify the test images by the host's weighted kNN over the bank.

    Args:
        bank: features ``[M, F]`` and targets ``[M]`` of the training images.
        test: the same of the validation images.
        k: neighbours.
        temperature: of the cosine's weight.
        distance: ``"cosine"`` or ``"euclidean"``.

    Returns:
        ``top1`` and ``top5`` in percent, and the settings.
    """
    classifier = host().WeightedKNNClassifier(k=k, T=temperature, distance_fx=distance)
    classifier.update(*bank, *test)
    top1, top5 = classifier.compute()
    settings = {"k": k, "temperature": temperature, "distance": distance}
    return {"top1": top1, "top5": top5, **settings}
