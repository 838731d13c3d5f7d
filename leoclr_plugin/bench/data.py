"""How many images per second become finished views, compared to bounds and to other loaders."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from leoclr_plugin.bench.bounds import decode_and_resize, endless_runs
from leoclr_plugin.bench.recipe import CROP_SCALE, recipe
from leoclr_plugin.bench.torchvision_reference import torchvision_batches
from leoclr_plugin.data.dali import has_dali
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.opening import is_folder, open_store, paths_of, shown
from leoclr_plugin.errors import UserError
from leoclr_plugin.host import host
from leoclr_plugin.report.environment import environment
from leoclr_plugin.training.pretrain import prepare

# A loader may have so many batches ready; they are taken before the clock starts.
_BATCHES_READY = 6
# All three views are augmented by MoCo-v2's recipe.
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


def data_benchmark(
    data: Mapping[str, Any],
    form: str,
    device: str,
    compare: bool,
    size: int = 224,
    batch_size: int = 32,
    workers: int = 2,
    rounds: int = 5,
    batches: int = 8,
) -> dict[str, Any]:
    """Time three finished views of MoCo-v2's recipe, in turns with what they are compared to.

    Args:
        data: the keys of a ``data`` node that name the images: ``train_path``, and optionally
            ``source`` and ``image_key``.
        form: the loader that makes the three views, ``"image_folder"`` or ``"dali"``.
        device: where views are finished, ``"cpu"`` or ``"gpu"``; DALI also decodes there.
        compare: whether to time also decoding alone, decoding and three resizes alone, the other
            loader, a DataLoader with torchvision's transforms if the images are files and, with
            the real solo-learn and one folder of images, its own DALI pipeline.
        size: height and width of a view in pixels.
        batch_size: images per batch.
        workers: the number of threads, and of the DataLoader's processes.
        rounds: the number of timed turns of each.
        batches: the number of batches that are timed in a turn.

    Returns:
        A dictionary with these keys:

        - ``images_per_second``: the medians over the rounds, of ``three_views`` and, with
          ``compare``, of ``decode``, ``decode_resize``, the other loader, ``torchvision`` and
          ``host_dali``. None stands for what is not installed or cannot read the images.
        - ``spread``: the smallest and the largest value of each.
        - ``ratios``: ``three_views`` divided by each of the others, medians over the rounds.
        - ``peak_gpu_mib``: how much GPU memory the run took at most (None on a CPU).
        - ``raw``, ``settings``, ``images`` and ``environment``.

    Raises:
        UserError: if the images are not there or fewer than a batch needs, or there is no GPU where
            one is asked for.
    """
    images = Images(open_store(data, "train", labelled=False))
    if len(images) < batch_size:
        raise UserError(
            f"--data {shown(data['train_path'])} has {len(images)} images, but a batch takes "
            f"{batch_size}; name more images, or lower --batch-size"
        )
    if device == "gpu" and not torch.cuda.device_count():
        raise UserError("--device gpu, but there is no GPU; use --device cpu")
    settings = {"size": size, "batch_size": batch_size, "workers": workers, "device": device}

    free_before = _free_gpu_bytes()

    def views(format_: str) -> Iterator[Any]:
        cfg = three_views_config("", format_, **settings)
        cfg.data.update(data)
        return endless(pretrain_loader(prepare(cfg)))

    runs: dict[str, Iterator[Any]] = {"three_views": views(form)}
    missing = []
    if compare:
        runs["decode"] = decode_and_resize(images, 0, **settings)
        runs["decode_resize"] = decode_and_resize(images, 3, **settings)
        (other,) = {"image_folder", "dali"} - {form}
        if other == "dali" and not has_dali():
            missing.append("dali")
        else:
            runs[other] = views(other)
        augmentations = three_views_config("", "image_folder", **settings).augmentations
        if images.store.are_files:
            paths = list(images.names)
            runs["torchvision"] = torchvision_batches(paths, augmentations, batch_size, workers)
        else:
            missing.append("torchvision")
        host_dali_batches = host().dali_batches
        if host_dali_batches is None or not (has_dali() and is_folder(data, "train")):
            missing.append("host_dali")
        else:
            (folder,) = paths_of(data["train_path"])
            in_folders = _lie_in_folders(paths, Path(folder))
            host_run = host_dali_batches(augmentations, Path(folder), in_folders, **settings)
            runs["host_dali"] = endless_runs(host_run)

    speeds: dict[str, list[float]] = {name: [] for name in runs}
    used_gpu_bytes = 0
    for turn in tqdm(range(rounds + 1), desc="Rounds", leave=False):
        for name, run in runs.items():
            get_ready(run)
            used_gpu_bytes = max(used_gpu_bytes, free_before - _free_gpu_bytes())
            start = time.perf_counter()
            for _ in range(batches):
                next(run)
            if turn:  # The first turn is a warm-up.
                speeds[name].append(batches * batch_size / (time.perf_counter() - start))
    return {
        "images_per_second": {
            **{name: statistics.median(values) for name, values in speeds.items()},
            **dict.fromkeys(missing),
        },
        "spread": {name: [min(values), max(values)] for name, values in speeds.items()},
        "ratios": {
            name: statistics.median(
                a / b for a, b in zip(speeds["three_views"], values, strict=True)
            )
            for name, values in speeds.items()
            if name != "three_views"
        },
        "raw": speeds,
        "settings": {"format": form, **settings, "rounds": rounds, "batches": batches},
        "images": len(images),
        # This is the memory of all runs together, because DALI keeps its memory for the process
        # and not for one pipeline.
        "peak_gpu_mib": used_gpu_bytes / 2**20 if device == "gpu" else None,
        "environment": environment(),
    }


def _lie_in_folders(paths: list[str], folder: Path) -> bool:
    """Return whether all images lie in folders of ``folder``, or all in ``folder`` itself."""
    depths = {len(Path(path).relative_to(folder).parts) for path in paths}
    if depths not in ({1}, {2}):
        raise UserError(
            f"{folder}: solo-learn's DALI pipeline needs all images in the folder itself, or all "
            "of them in its direct subfolders; move the images, or leave solo-learn out"
        )
    return depths == {2}


def get_ready(batches: Iterator[Any]) -> None:
    """Wait until the last pipeline is idle, and take the batches that are ready already.

    Batches that are ready would cost no time on the clock, and the result would be too fast.
    solo-learn's pipeline needs longer for its ready batches than ours needs for all that is timed.
    """
    for _ in range(100):
        processor_time = time.process_time()
        time.sleep(0.1)
        if time.process_time() - processor_time < 0.02:
            break
    for _ in range(_BATCHES_READY):
        next(batches)


def _free_gpu_bytes() -> int:
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else 0


def three_views_config(
    folder: str | Path, form: str, size: int, batch_size: int, workers: int, device: str
) -> DictConfig:
    """Return an unparsed configuration of three views of ``folder``'s images, as in MoCo-v2."""
    crop = {
        **_APPEARANCE,
        "crop_size": size,
        "num_crops": 2,
        "rrc": {"enabled": True, **CROP_SCALE},
    }
    original = {
        **_APPEARANCE,
        "crop_size": [size, size],
        "num_crops": 1,
        "rrc": {"enabled": False, **CROP_SCALE},
    }
    return OmegaConf.create(
        {
            **recipe(batch_size),
            "name": "bench",
            "method": "leoclr",
            "backbone": {"name": "resnet18"},
            "data": {
                "dataset": "custom",
                "train_path": str(folder),
                "no_labels": True,
                "format": form,
                "num_workers": workers,
                "augment_on": device if form == "image_folder" else "cpu",
            },
            "dali": {"device": device},
            "augmentations": [crop, original],
            "accelerator": "gpu" if device == "gpu" else "cpu",
        }
    )


def endless(loader: Any) -> Iterator[Any]:
    """Yield the loader's batches without end, epoch after epoch as in a training."""
    for epoch in count():
        sampler_of(loader).set_epoch(epoch)
        yield from loader
