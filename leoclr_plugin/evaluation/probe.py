"""The quick linear probe of comparisons and of the zoo: on features that were extracted once."""

from __future__ import annotations

import tempfile
from typing import Any

from omegaconf import DictConfig

from leoclr_plugin.config import load_config
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.evaluation.linear import linear_config_name, linear_on_features, parse_linear

LINEAR_EPOCHS = 50


def linear_probe(
    data: DictConfig,
    train: Features,
    val: Features,
    seed: int | None = None,
    lr: float | None = None,
) -> dict[str, Any]:
    """Train the host's linear model for 50 epochs with the data set's packaged configuration.

    Args:
        data: node of the evaluation with the data set's name and its two folders.
        train: features ``[M, F]`` and targets ``[M]`` of the training images.
        val: the same of the validation images.
        seed: of the classifier and of the order, by default the configuration's.
        lr: learning rate at 256 images a batch, by default the configuration's.

    Returns:
        See ``evaluation.linear.linear``.
    """
    with tempfile.TemporaryDirectory() as temporary:
        overrides = [
            f"data.train_path='{data.train_path}'",
            f"data.val_path='{data.val_path}'",
            f"max_epochs={LINEAR_EPOCHS}",
            f"checkpoint.dir='{temporary}'",
        ]
        cfg = load_config(linear_config_name(data.dataset), "linear", overrides)
        cfg.optimizer.batch_size = min(cfg.optimizer.batch_size, len(train[0]))
        if seed is not None:
            cfg.seed = seed
        if lr is not None:
            cfg.optimizer.lr = lr
        return linear_on_features(parse_linear(cfg), train, val)
