"""Say which device and which library make the views, and what the alternatives need."""

from __future__ import annotations

import torch
from omegaconf import DictConfig

from leoclr_plugin.data.dali import has_dali
from leoclr_plugin.data.loaders import cache_mb
from leoclr_plugin.data.opencv import has_opencv

_INSTALL_DALI = 'pip install "leoclr-plugin[dali]"'


def how_it_loads(cfg: DictConfig) -> str:
    """Describe in one line how a training with these settings loads its images.

    Args:
        cfg: a configuration that ``prepare`` has checked and filled in.
    """
    on_gpu = cfg.accelerator != "cpu"
    dali = cfg.data.format == "dali"
    if dali and not cache_mb(cfg):
        return how_dali_loads(cfg.dali.device == "gpu")
    augment_on = cfg.dali.device if dali else cfg.data.get("augment_on")
    return how_threads_load(max(1, cfg.data.num_workers), augment_on, on_gpu)


def how_threads_load(
    threads: int | None = None, augment_on: str | None = "cpu", on_gpu: bool | None = None
) -> str:
    """Describe the loader of ``data.format=image_folder``.

    Args:
        threads: their number; None without a configuration.
        augment_on: ``data.augment_on``.
        on_gpu: whether a GPU trains; None means that it does if there is one.
    """
    subject = f"{threads} threads" if threads and threads > 1 else "a thread"
    subject = "threads" if threads is None else subject
    verb = "" if subject.endswith("threads") else "s"
    if augment_on == "gpu":
        return f"{subject} decode{verb} and resize{verb} on the CPU, and the GPU does the rest"
    by = "OpenCV" if has_opencv() else "torch"
    text = f"{subject} decode{verb} and augment{verb} on the CPU, with colours and blur by {by}"
    if not has_opencv():
        text += ', which is slower than OpenCV (pip install "leoclr-plugin[opencv]")'
    if torch.cuda.is_available() if on_gpu is None else on_gpu:
        needs = "" if has_dali() else f" (needs {_INSTALL_DALI})"
        text += f"; data.augment_on=gpu or data.format=dali{needs} takes work off the CPU"
    return text


def how_dali_loads(on_gpu: bool | None = None) -> str:
    """Describe the loader of ``data.format=dali``; without ``on_gpu`` for the present machine."""
    if not has_dali():
        return f"not installed: {_INSTALL_DALI}  (Linux)"
    if torch.cuda.is_available() if on_gpu is None else on_gpu:
        return "DALI decodes and resizes on the GPU, and torch does the rest there"
    return "DALI works on the CPU, where data.format=image_folder is several times as fast"
