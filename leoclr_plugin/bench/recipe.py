"""The parts of MoCo v2's configuration that all benchmarks share."""

from __future__ import annotations

from typing import Any

QUEUE_SIZE = 65536
CROP_SCALE = {"crop_min_scale": 0.2, "crop_max_scale": 1.0}


def recipe(batch_size: int) -> dict[str, Any]:
    """Return projector, queue, momentum and optimizer for batches of ``batch_size`` images."""
    return {
        "method_kwargs": {
            "proj_hidden_dim": 2048,
            "proj_output_dim": 128,
            "temperature": 0.2,
            "queue_size": QUEUE_SIZE,
        },
        "momentum": {"base_tau": 0.999, "final_tau": 0.999},
        "optimizer": {
            "name": "sgd",
            "batch_size": batch_size,
            "lr": 0.03,
            "classifier_lr": 0.03,
            "weight_decay": 1e-4,
        },
        "scheduler": {"name": "none"},
        "max_epochs": 1,
        "devices": [0],
    }
