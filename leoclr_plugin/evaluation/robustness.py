"""Accuracy on corrupted pictures, of classifiers that were trained on clean ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import Subset

from leoclr_plugin.data.datasets import build_dataset, class_names
from leoclr_plugin.data.loaders import source_loader
from leoclr_plugin.data.sources import build_source
from leoclr_plugin.data.views import View
from leoclr_plugin.evaluation.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    check_size,
    corrupted_source,
)
from leoclr_plugin.evaluation.features import Features, extract_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.results import headline
from leoclr_plugin.evaluation.transfer import figure, fit
from leoclr_plugin.evaluation.transfer_sets import MAP, TOP1

# From a classifier's name to its function, which returns the figure of some features in percent.
_Classifiers = dict[str, Callable[[Features], float]]


def robustness(
    method: nn.Module,
    view: View,
    cfg: DictConfig,
    images: int,
    seed: int,
    source: object = "the network",
) -> dict[str, Any]:
    """Train a linear classifier and kNN on clean features, and measure them on corrupted pictures.

    The linear classifier is the logistic regression of ``evaluation.transfer``. kNN has the
    settings of ``evaluation.knn.knn``. A picture is corrupted after its resize and crop, so
    networks of one size see the same pixels.

    Args:
        method: maps images ``[N, 3, H, W]`` to a dict with the features ``feats`` ``[N, F]``.
        view: how an image is prepared, without augmentation.
        cfg: configuration with the nodes ``data`` and ``optimizer.batch_size``.
        images: the number of validation images; all are taken if there are fewer.
        seed: the seed of the choice of images and of the corruptions.
        source: the checkpoint of the method, for error messages.

    Returns:
        ``metric``, ``train_images``, ``val_images``, the ``strength`` of the regression and
        whether it ``converged``; and for ``linear`` and ``knn`` what ``summary`` returns.

    Raises:
        UserError: if the view is smaller than 32 pixels, the data is missing, or an image cannot
            be read.
    """
    check_size(view.size, source)
    batch_size, threads = cfg.optimizer.batch_size, cfg.data.num_workers
    datasets = {split: build_dataset(cfg.data, split) for split in ("train", "val")}
    sources = {
        split: build_source(dataset, cache_mb=0, threads=max(1, threads))
        for split, dataset in datasets.items()
    }
    chosen = chosen_images(len(datasets["val"]), images, seed)

    def features_of(dataset: Any, image_source: Any, a_view: View, title: str) -> Features:
        loader = source_loader(dataset, image_source, a_view, batch_size, threads)
        return extract_features(method, loader, ["backbone"], title, source)[0]

    train = features_of(datasets["train"], sources["train"], view, "Training images")
    metric = MAP if class_names(cfg.data) else TOP1
    classifiers, choice = _classifiers(train, metric)
    # What has to be resized and cropped comes from the corrupted source in its final size.
    finished = replace(view, resize_shorter=None)
    clean_source = replace(
        sources["val"],
        image=lambda index: sources["val"].image(chosen[index]),
        targets=sources["val"].targets[torch.as_tensor(chosen)],
    )
    clean = features_of(Subset(datasets["val"], chosen), clean_source, view, "Clean images")
    figures: dict[str, dict[str, Any]] = {
        name: {"clean": measure(clean), "corrupted": {}} for name, measure in classifiers.items()
    }
    for corruption in CORRUPTIONS:
        features, targets = features_of(
            Subset(datasets["val"], chosen * len(SEVERITIES)),
            corrupted_source(sources["val"], view, chosen, corruption, seed),
            finished,
            corruption,
        )
        # Many images of a wide network may be in a file in float16, see ``FeatureBank``.
        parts = [
            (part.float(), labels)
            for part, labels in zip(
                features.split(len(chosen)), targets.split(len(chosen)), strict=True
            )
        ]
        for name, measure in classifiers.items():
            figures[name]["corrupted"][corruption] = [measure(part) for part in parts]
    return {
        "metric": metric,
        "train_images": len(train[1]),
        "val_images": len(chosen),
        **choice,
        **{name: summary(part["clean"], part["corrupted"]) for name, part in figures.items()},
    }


def chosen_images(count: int, images: int, seed: int) -> list[int]:
    """Return the sorted indexes of ``images`` of ``count`` images, the same at every call."""
    # The numbers of RandomState are the same in every version of numpy.
    return np.sort(np.random.RandomState(seed).permutation(count)[:images]).tolist()


def summary(clean: float, corrupted: dict[str, Sequence[float]]) -> dict[str, Any]:
    """Add the means over the corruptions to the figures of a classifier.

    Args:
        clean: the figure on clean images, in percent.
        corrupted: for each corruption the figures of severities 1 to 5, in percent.

    Returns:
        ``clean`` and ``corrupted``; ``by_severity``, the means over the corruptions; ``mean``,
        their mean over the severities; and ``relative``, the mean in percent of ``clean``, which
        is None if ``clean`` is 0.
    """
    by_severity = [mean(figures) for figures in zip(*corrupted.values(), strict=True)]
    overall = mean(by_severity)
    return {
        "clean": clean,
        "corrupted": {name: list(figures) for name, figures in corrupted.items()},
        "by_severity": by_severity,
        "mean": overall,
        "relative": 100 * overall / clean if clean else None,
    }


def _classifiers(train: Features, metric: str) -> tuple[_Classifiers, dict[str, Any]]:
    regressions, choice = fit(train, metric)

    def linear(part: Features) -> float:
        outputs = regressions.outputs(part[0].numpy())
        return figure(outputs, part[1].long().numpy(), metric)

    classifiers = {"linear": linear, "knn": lambda part: headline(knn(train, part))}
    return classifiers, {key: choice[key] for key in ("strength", "converged")}
