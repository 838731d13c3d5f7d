"""Run all methods and seeds that are not done yet, and write the table after each."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from leoclr_plugin.child import run_child
from leoclr_plugin.compare.recipes import method_config
from leoclr_plugin.compare.table import write_report
from leoclr_plugin.compare.worker import STEPS, UNTRAINED
from leoclr_plugin.config import load_config
from leoclr_plugin.config.check import require
from leoclr_plugin.data.datasets import build_dataset, build_pretrain_dataset
from leoclr_plugin.data.sampler import processes
from leoclr_plugin.errors import UserError, suggestion
from leoclr_plugin.evaluation.checkpoint import input_size
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.files import read_json, read_text, write_json
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from leoclr_plugin.training.pretrain import prepare

# As Python ends a traceback, and the worker what a user can mend.
_ERROR = re.compile(r"[\w.]*(Error|Exception)(:|$)")
_LOG = "log.txt"


@dataclass(frozen=True)
class Budget:
    """What each method may use: epochs, or minutes of training; one of the two."""

    epochs: int | None = None
    minutes: float | None = None


def compare(
    config: str,
    methods: Sequence[str],
    budget: Budget,
    seeds: int,
    out: Path,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Pretrain and evaluate each method with each seed; go on where an earlier call stopped.

    Args:
        config: a configuration of leoclr for pretraining, by name or path: the data, backbone,
            views and batch size of all.
        methods: names of the host's methods, and ``untrained``.
        budget: of each.
        seeds: runs of each method.
        out: folder of the runs and the table.
        overrides: Hydra's, of all methods.

    Returns:
        The content of ``results.json``: a list ``runs``, the settings, and the ``rows``.

    Raises:
        UserError: for no method or an unknown one, a configuration that no method can be trained
            on, or a folder that holds another comparison.
    """
    if not methods:
        raise UserError("--methods names none")
    known = [*(name for name in METHODS if name not in ("base", "linear")), UNTRAINED]
    for method in methods:
        if method not in known:
            raise UserError(
                f"--methods {method}: the {host().name} host has no such method"
                f"{suggestion(method, known)}"
            )
    base = load_config(config, "pretrain", overrides)
    if base.method != "leoclr":
        raise UserError(f"{config} is of {base.method}; name a config of leoclr")
    # What every run would refuse is refused before anything is written.
    base.devices = prepare(base.copy()).devices
    base.images = len(build_pretrain_dataset(base.data, transform=None))
    # Those of the evaluation, which comes after hours of training.
    require(base, "data.val_path")
    for split in ("train", "val"):
        build_dataset(evaluation_cfg(base).data, split, transform=None)
    # Of all methods, though leoclr's original be larger than the crops that the others see.
    base.evaluated_at = list(input_size(base))
    batch_size = processes(base) * base.optimizer.batch_size
    if base.images < 3 * batch_size:
        raise UserError(
            f"{base.images} images are fewer than three batches of {batch_size}; "
            "lower optimizer.batch_size"
        )
    settings = {
        "config": config,
        "overrides": list(overrides),
        "budget": vars(budget),
        "images": base.images,
        "host": host().name,
    }
    _keep_settings(out, settings)

    runs = []
    pending = [(method, seed) for seed in range(seeds) for method in methods]
    bar = tqdm(pending, desc="Runs")
    for method, seed in bar:
        folder = out / f"{method}-{seed}"
        # Where a run that takes hours can be looked after.
        bar.set_postfix_str(f"tail -f {folder / _LOG}")
        runs.append(_one(base, config, method, seed, budget, folder, overrides))
        content = write_report(out, runs, settings)
    return content


def _keep_settings(out: Path, settings: dict[str, Any]) -> None:
    path = out / "settings.json"
    out.mkdir(parents=True, exist_ok=True)
    if path.exists() and read_json(path) != settings:
        raise UserError(f"--out {out} holds another comparison; name another folder")
    write_json(path, settings)


def _one(
    base: DictConfig,
    config: str,
    method: str,
    seed: int,
    budget: Budget,
    folder: Path,
    overrides: Sequence[str],
) -> dict[str, Any]:
    about: dict[str, Any] = {"method": method, "seed": seed, "deviations": []}
    # Of an untrained network the method is of no matter, but for the classes that it has.
    name = "leoclr" if method == UNTRAINED else method
    try:
        cfg, deviations = method_config(
            base, config, name, budget.epochs or base.max_epochs, base.images, overrides
        )
    except UserError as error:
        return {**about, "error": str(error)}
    if method != UNTRAINED:
        about["deviations"] = deviations
    result = folder / STEPS["evaluate"]
    if not result.exists():
        cfg.seed = base.seed + seed
        cfg.name = method
        minutes = None if method == UNTRAINED else budget.minutes
        code = _work(cfg, minutes, folder)
        if not result.exists():
            log = folder / _LOG
            return {**about, "error": f"{_reason(log, code)} (log: {log})"}
    return {**about, **read_json(result)}


def _work(cfg: DictConfig, minutes: float | None, folder: Path) -> int:
    folder.mkdir(exist_ok=True)
    cfg.checkpoint = {**cfg.checkpoint, "enabled": True, "frequency": 1, "keep_prev": False}
    cfg.checkpoint.dir = str((folder / "runs").resolve())
    cfg.auto_resume = {"enabled": True, "max_hours": 24 * 365}
    cfg.num_sanity_val_steps = 0
    OmegaConf.save(cfg, folder / "config.yaml")
    write_json(folder / "budget.json", {"minutes": minutes})
    needless = {"trial"} if minutes is None else set()
    if cfg.name == UNTRAINED:
        needless = {"trial", "train"}
    worker = [sys.executable, "-m", "leoclr_plugin.compare.worker"]
    with (folder / _LOG).open("a") as log:
        for step, written in STEPS.items():
            if step in needless or (folder / written).exists():
                continue
            code = run_child([*worker, step, str(folder)], log)
            if code:
                break
    return code


def _reason(log: Path, code: int) -> str:
    if code < 0:
        return f"ended by signal {-code}"
    lines = [line.strip() for line in read_text(log).splitlines()]
    said = [line for line in lines if line]
    # A progress bar is drawn once more when its process has said why it ends.
    errors = [line for line in said if _ERROR.match(line)]
    return (errors or said or [f"exit code {code}"])[-1][:300]
