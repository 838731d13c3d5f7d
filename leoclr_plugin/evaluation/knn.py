"""kNN accuracy of a method's frozen features."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.data.loaders import plain_train_loader, val_loader
from leoclr_plugin.evaluation.features import extract_features
from leoclr_plugin.host import host


def knn(
    method: nn.Module,
    cfg: DictConfig,
    size: tuple[int, int],
    k: int = 20,
    temperature: float = 0.07,
    distance: str = "cosine",
    feature_type: str = "backbone",
) -> dict[str, Any]:
    """Classify the validation images by the host's weighted kNN over the training images.

    Args:
        method: one of the host's methods.
        cfg: nodes ``data`` and ``optimizer.batch_size``.
        size: height and width in pixels of the images.
        k: neighbours.
        temperature: of the cosine's weight.
        distance: ``"cosine"`` or ``"euclidean"``.
        feature_type: ``"backbone"`` or ``"projector"``.

    Returns:
        ``top1`` and ``top5`` in percent, and the settings.
    """
    bank = extract_features(method, plain_train_loader(cfg, size), feature_type, "Training images")
    test = extract_features(method, val_loader(cfg, size), feature_type, "Validation images")
    classifier = host().WeightedKNNClassifier(k=k, T=temperature, distance_fx=distance)
    classifier.update(*bank, *test)
    top1, top5 = classifier.compute()
    settings = {"k": k, "temperature": temperature, "distance": distance}
    return {"top1": top1, "top5": top5, **settings, "feature_type": feature_type}
