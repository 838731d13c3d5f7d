"""The quick linear probe of comparisons and of the zoo, on features that are extracted once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from omegaconf import DictConfig

from leoclr_plugin.config import load_config
from leoclr_plugin.config.datasets import SOURCE_KEYS
from leoclr_plugin.config.keys import LINEAR
from leoclr_plugin.config.overrides import as_value, quote
from leoclr_plugin.evaluation.classifier import config_of
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.evaluation.linear import linear_on_features, parse_linear
from leoclr_plugin.evaluation.protocol import LINEAR_EPOCHS, RATES
from leoclr_plugin.evaluation.results import headline
from leoclr_plugin.training.multilabel import ValidationMAP

_HELD_OUT = 0.1
_SPLIT_SEED = 0


def linear_probe(
    data: DictConfig,
    train: Features,
    val: Features,
    lr: float,
    seed: int | None = None,
    ranking: ValidationMAP | None = None,
    rows: torch.Tensor | None = None,
) -> dict[str, Any]:
    """Train the host's linear model for 50 epochs with the data set's packaged configuration.

    Args:
        data: the evaluation's ``data`` node, with the data set's name and its two folders.
        train: features ``[M, F]`` and targets ``[M]`` of the training images.
        val: features and targets of the validation images.
        lr: the learning rate for a batch of 256 images.
        seed: the seed of the classifier and of the order of images, by default the
            configuration's.
        ranking: keeps the scores of the validation images, if they have several labels.
        rows: the indexes of the training images to take; all by default.

    Returns:
        See ``evaluation.classifier.train_classifier``.
    """
    with tempfile.TemporaryDirectory() as temporary, _one_thread():
        keys = ("dataset", "train_path", "val_path", "labels", "val_labels", *SOURCE_KEYS)
        given = {key: data[key] for key in keys if data.get(key)}
        overrides = [
            *(f"++data.{key}={as_value(value)}" for key, value in given.items()),
            f"max_epochs={LINEAR_EPOCHS}",
            f"optimizer.lr={lr}",
            f"checkpoint.dir={quote(temporary)}",
        ]
        cfg = load_config(config_of(data.dataset, LINEAR), LINEAR, overrides)
        cfg.optimizer.batch_size = min(
            cfg.optimizer.batch_size, len(train[0] if rows is None else rows)
        )
        if seed is not None:
            cfg.seed = seed
        return linear_on_features(parse_linear(cfg), train, val, ranking, rows)


def tuned_linear_probe(
    data: DictConfig,
    train: Features,
    val: Features,
    ranking: ValidationMAP | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """Train ``linear_probe`` with the best learning rate of ``RATES``.

    The rate is chosen on a tenth of the training images, which are held out for this and are the
    same at every call. Then all training images train the probe.

    Args:
        data: see ``linear_probe``.
        train: features ``[M, F]`` and targets ``[M]`` of the training images.
        val: features and targets of the validation images, which do not affect the choice.
        ranking: see ``linear_probe``.
        seed: see ``linear_probe``.

    Returns:
        The result of ``train_classifier``, and the chosen rate as ``lr``.
    """
    features, targets = train
    generator = torch.Generator().manual_seed(_SPLIT_SEED)
    order = torch.randperm(len(targets), generator=generator)
    held_out, kept = order.tensor_split([max(1, int(_HELD_OUT * len(order)))])
    tenth = features[held_out], targets[held_out]

    def on_the_tenth(rate: float) -> float:
        return headline(linear_probe(data, train, tenth, rate, seed, rows=kept))

    lr = max(RATES, key=on_the_tenth)
    return {**linear_probe(data, train, val, lr, seed, ranking), "lr": lr}


@contextmanager
def _one_thread() -> Iterator[None]:
    # The number of threads changes how sums are rounded, and with SGD this would change the
    # results. Steps this small are not faster with several threads.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
