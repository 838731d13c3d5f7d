"""Make small configurations with the host's keys."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf


def pipeline(crop_size, num_crops: int = 1, crop: bool = True, **probs: float) -> dict:
    """Return an augmentation node. Only the appearance augmentations in ``probs`` are active."""
    names = ("grayscale", "gaussian_blur", "solarization", "equalization", "horizontal_flip")
    return {
        "crop_size": crop_size,
        "num_crops": num_crops,
        "rrc": {"enabled": crop, "crop_min_scale": 0.2, "crop_max_scale": 1.0},
        "color_jitter": {
            "prob": probs.get("color_jitter", 0.0),
            "brightness": 0.4,
            "contrast": 0.4,
            "saturation": 0.4,
            "hue": 0.1,
        },
        **{name: {"prob": probs.get(name, 0.0)} for name in names},
    }


def views(method: str, size: int = 32, crops: int = 2) -> list[dict]:
    """Return a method's augmentation nodes: crops, followed by the original for leoclr."""
    nodes = [pipeline(size, crops)]
    return [*nodes, pipeline([size, size], crop=False)] if method == "leoclr" else nodes


def method_cfg(method: str = "leoclr", crops: int = 2, **changes) -> DictConfig:
    """Return a configuration that the host has not parsed yet.

    ``changes`` are values by dotted key, with ``__`` in place of each dot.
    """
    cfg = OmegaConf.create(
        {
            "name": "test",
            "method": method,
            "backbone": {"name": "small_convnet"},
            "method_kwargs": {
                "proj_hidden_dim": 32,
                "proj_output_dim": 16,
                "temperature": 0.2,
                "queue_size": 64,
            },
            "momentum": {"base_tau": 0.99, "final_tau": 1.0},
            "data": {
                "dataset": "imagenette",
                "train_path": "nowhere",
                "val_path": "nowhere",
                "num_workers": 0,
            },
            "augmentations": views(method, crops=crops),
            "optimizer": {
                "name": "sgd",
                "batch_size": 8,
                "lr": 0.1,
                "classifier_lr": 0.1,
                "weight_decay": 1e-4,
            },
            "scheduler": {"name": "none"},
            "max_epochs": 2,
            "devices": [0],
            "accelerator": "cpu",
        }
    )
    if method == "byol":
        cfg.method_kwargs.pred_hidden_dim = 32
    for key, value in changes.items():
        OmegaConf.update(cfg, key.replace("__", "."), value, force_add=True)
    return cfg


def small_config(image_folder) -> list[str]:
    """Return command line words: a packaged configuration of leoclr and overrides for small
    images and batches.
    """
    return [
        "custom/leoclr",
        f"data.train_path={image_folder}/train",
        f"data.val_path={image_folder}/val",
        "augmentations.0.crop_size=32",
        "augmentations.1.crop_size=[32,32]",
        "backbone.name=small_convnet",
        "optimizer.batch_size=8",
        "data.num_workers=0",
    ]
