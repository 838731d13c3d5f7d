"""Images per second of finished views, against what bounds them and against other loaders."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from leoclr_plugin.data.images import list_images
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.environment import environment
from leoclr_plugin.errors import UserError
from leoclr_plugin.host import host
from leoclr_plugin.training.pretrain import prepare

# Batches that a loader may have ready; taken before the clock starts.
_READY = 6
# MoCo-v2's recipe, on all three views.
_APPEARANCE = {
    "color_jitter": {
        "prob": 0.8,
        "brightness": 0.4,
        "contrast": 0.4,
        "saturation": 0.4,
        "hue": 0.1,
    },
    "grayscale": {"prob": 0.2},
    "gaussian_blur": {"prob": 0.5},
    "solarization": {"prob": 0.0},
    "equalization": {"prob": 0.0},
    "horizontal_flip": {"prob": 0.5},
}
_RRC = {"crop_min_scale": 0.2, "crop_max_scale": 1.0}


def data_benchmark(
    folder: Path,
    form: str,
    device: str,
    compare: bool,
    size: int = 224,
    batch_size: int = 32,
    workers: int = 2,
    rounds: int = 5,
    batches: int = 8,
) -> dict[str, Any]:
    """Time three finished views of MoCo-v2's recipe, round about with what they compare to.

    Args:
        folder: images, in folders or not.
        form: ``"dali"`` or ``"torchvision"``, of the three views that are asked for.
        device: of DALI, ``"cpu"`` or ``"gpu"``.
        compare: time also decoding alone, decoding and three resizes alone, the torchvision
            loader and, where the real host is, its own DALI pipeline.
        size: height and width of a view in pixels.
        batch_size: images a batch.
        workers: DALI's threads, and the torchvision loader's processes.
        rounds: timed turns of each.
        batches: timed in a turn.

    Returns:
        ``images_per_second`` with ``three_views`` and, to compare, ``decode``,
        ``decode_resize``, ``torchvision`` and ``host_dali`` (None without the real host): the
        medians over the rounds; ``spread`` with their least and largest; ``ratios`` of
        ``three_views`` to each of the others, medians over the rounds; ``peak_gpu_mib``, what
        the GPU's memory lost during the run (None on a CPU); settings, environment.

    Raises:
        UserError: for fewer images than a batch, and a GPU that is not there.
    """
    paths = [str(path) for path in list_images(folder)] if folder.is_dir() else []
    if len(paths) < batch_size:
        raise UserError(f"--data {folder} has {len(paths)} images; a batch is {batch_size}")
    if device == "gpu" and not torch.cuda.device_count():
        raise UserError("--device gpu, but there is no GPU; use --device cpu")
    settings = {"size": size, "batch_size": batch_size, "workers": workers, "device": device}

    free_before = _free_gpu_bytes()

    def views(format_: str) -> Iterator[Any]:
        cfg = three_views_config(folder, format_, **settings)
        return endless(pretrain_loader(prepare(cfg)))

    runs: dict[str, Iterator[Any]] = {
        "three_views": views("dali" if form == "dali" else "image_folder")
    }
    missing = []
    if compare:
        runs["decode"] = decode_and_resize(paths, 0, **settings)
        runs["decode_resize"] = decode_and_resize(paths, 3, **settings)
        runs["torchvision"] = views("image_folder")
        theirs = host().dali_batches
        if theirs is None:
            missing.append("host_dali")
        else:
            cfg = three_views_config(folder, "dali", **settings)
            runs["host_dali"] = _endless_runs(theirs(cfg.augmentations, folder, **settings))

    times: dict[str, list[float]] = {name: [] for name in runs}
    used = 0
    for turn in tqdm(range(rounds + 1), desc="Rounds", leave=False):
        for name, run in runs.items():
            get_ready(run)
            used = max(used, free_before - _free_gpu_bytes())
            start = time.perf_counter()
            for _ in range(batches):
                next(run)
            if turn:
                times[name].append(batches * batch_size / (time.perf_counter() - start))
    return {
        "images_per_second": {
            **{name: statistics.median(values) for name, values in times.items()},
            **dict.fromkeys(missing),
        },
        "spread": {name: [min(values), max(values)] for name, values in times.items()},
        "ratios": {
            name: statistics.median(
                a / b for a, b in zip(times["three_views"], values, strict=True)
            )
            for name, values in times.items()
            if name != "three_views"
        },
        "raw": times,
        "settings": {"format": form, **settings, "rounds": rounds, "batches": batches},
        "images": len(paths),
        # Of all that was timed: DALI keeps its memory for the process, not for one pipeline.
        "peak_gpu_mib": used / 2**20 if device == "gpu" else None,
        "environment": environment(),
    }


def get_ready(batches: Iterator[Any]) -> None:
    """Let the pipeline before come to rest, and take what ``batches`` has made ahead.

    The latter would cost nothing on the clock. What solo-learn's makes ahead takes longer than all
    that is timed of ours.
    """
    for _ in range(100):
        used = time.process_time()
        time.sleep(0.1)
        if time.process_time() - used < 0.02:
            break
    for _ in range(_READY):
        next(batches)


def _free_gpu_bytes() -> int:
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else 0


def three_views_config(
    folder: Path, form: str, size: int, batch_size: int, workers: int, device: str
) -> DictConfig:
    """An unparsed configuration: three views of ``folder``'s images by MoCo-v2's recipe."""
    crop = {**_APPEARANCE, "crop_size": size, "num_crops": 2, "rrc": {"enabled": True, **_RRC}}
    original = {
        **_APPEARANCE,
        "crop_size": [size, size],
        "num_crops": 1,
        "rrc": {"enabled": False, **_RRC},
    }
    return OmegaConf.create(
        {
            "name": "bench",
            "method": "leoclr",
            "backbone": {"name": "resnet18"},
            "data": {
                "dataset": "custom",
                "train_path": str(folder),
                "no_labels": True,
                "format": form,
                "num_workers": workers,
            },
            "dali": {"device": device},
            "augmentations": [crop, original],
            "method_kwargs": {"proj_hidden_dim": 2048, "proj_output_dim": 128, "temperature": 0.2},
            "momentum": {"base_tau": 0.999, "final_tau": 0.999},
            "optimizer": {
                "name": "sgd",
                "batch_size": batch_size,
                "lr": 0.03,
                "weight_decay": 1e-4,
            },
            "scheduler": {"name": "none"},
            "max_epochs": 1,
            "devices": [0],
            "accelerator": "gpu" if device == "gpu" else "cpu",
        }
    )


def endless(loader: Any) -> Iterator[Any]:
    """The loader's batches, epoch after epoch as in a training."""
    for epoch in count():
        sampler_of(loader).set_epoch(epoch)
        yield from loader


def _endless_runs(run: Callable[[], Any]) -> Iterator[Any]:
    while True:
        yield run()


def decode_and_resize(
    paths: list[str], views: int, size: int, batch_size: int, workers: int, device: str
) -> Iterator[Any]:
    """Endless batches of DALI's decoding, and of ``views`` resizes of each image, no more."""
    from nvidia.dali import Pipeline, fn, types

    from leoclr_plugin.data.dali.files import encode_paths
    from leoclr_plugin.data.dali.graph import decode
    from leoclr_plugin.data.dali.operators import operators_on
    from leoclr_plugin.data.dali.views import View

    files = cycle(paths)
    resize = operators_on(device, workers).resize
    pipeline = Pipeline(batch_size, workers, 0 if device == "gpu" else None)
    with pipeline:
        path = fn.external_source(
            lambda: encode_paths([next(files) for _ in range(batch_size)]),
            dtype=types.UINT8,
            ndim=1,
        )
        images = decode(fn.io.file.read(path), device)
        # DALI merges equal operators: each of them resizes to a pixel less.
        resized = [
            resize(
                images, View(OmegaConf.create(), (size - i, size), ((0.0,) * 3, (1.0,) * 3)), None
            )
            for i in range(views)
        ]
        pipeline.set_outputs(*(resized or [images]))
    pipeline.build()
    return _endless_runs(pipeline.run)
