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

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.compare.recipes import method_config
from leoclr_plugin.compare.rows import Row, parse_row
from leoclr_plugin.compare.table import write_report
from leoclr_plugin.compare.worker import STEPS, UNTRAINED, transfer_cfg, written_by
from leoclr_plugin.config import load_config
from leoclr_plugin.config.check import require
from leoclr_plugin.data.datasets import build_dataset, build_pretrain_dataset
from leoclr_plugin.data.held_out import hold_out
from leoclr_plugin.data.sampler import processes
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.host import host
from leoclr_plugin.system.child import run_child
from leoclr_plugin.system.files import read_json, read_text, write_json
from leoclr_plugin.training.pretrain import prepare

# As Python ends a traceback, and the worker what a user can mend.
_ERROR = re.compile(r"[\w.]*(Error|Exception)(:|$)")
_LOG = "log.txt"


@dataclass(frozen=True)
class Budget:
    """What each method may use: epochs, or minutes of training; one of the two."""

    epochs: int | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Measures:
    """What a comparison measures besides the networks after their last epoch.

    Attributes:
        epochs: after which each run is evaluated as well.
        transfer: by name, folders with ``train`` and ``val`` whose classes are learned from the
            frozen features too.
        rates: learning rates of which each row takes the one with the best linear probe on
            training images that are held out for it; none to train with the recipe's own.
        rate_epochs: how long a rate is tried.
        held_out: number of the images that are held out.
    """

    epochs: tuple[int, ...] = ()
    transfer: tuple[tuple[str, str], ...] = ()
    rates: tuple[float, ...] = ()
    rate_epochs: int = 5
    held_out: int = 1000

    def settings(self) -> dict[str, Any]:
        """Those that were asked for, as they are kept beside the runs."""
        content: dict[str, Any] = {}
        if self.epochs:
            content["evaluate_at"] = list(self.epochs)
        if self.transfer:
            content["transfer"] = dict(self.transfer)
        if self.rates:
            content["rates"] = list(self.rates)
            content["rate_epochs"] = self.rate_epochs
            content["held_out"] = self.held_out
        return content


def compare(
    config: str,
    methods: Sequence[str],
    budget: Budget,
    seeds: int,
    out: Path,
    overrides: Sequence[str] = (),
    measures: Measures | None = None,
) -> dict[str, Any]:
    """Pretrain and evaluate each row with each of its seeds; go on where an earlier call stopped.

    Args:
        config: a configuration of leoclr for pretraining, by name or path: the data, backbone,
            views and batch size of all.
        methods: the rows, see ``compare.rows.parse_row``.
        budget: of each.
        seeds: runs of each row that does not say how many.
        out: folder of the runs and the table.
        overrides: Hydra's, of all rows.
        measures: what is measured besides, by default nothing.

    Returns:
        The content of ``results.json``: a list ``runs``, the settings, and the ``rows``.

    Raises:
        UserError: for no row or an unknown one, a configuration that no method can be trained
            on, or a folder that holds another comparison.
    """
    measures = measures or Measures()
    if not methods:
        raise UserError("--methods names none")
    rows = [parse_row(text, seeds) for text in methods]
    base = load_config(config, "pretrain", overrides)
    if base.method != "leoclr":
        raise UserError(f"{config} is of {base.method}; name a config of leoclr")
    # What every run would refuse is refused before anything is written.
    prepared = prepare(base.copy())
    base.devices = prepared.devices
    base.images = len(build_pretrain_dataset(base.data, transform=None))
    # The evaluation comes after hours of training, so its data are looked at now.
    require(base, "data.val_path")
    for split in ("train", "val"):
        build_dataset(evaluation_cfg(base).data, split, transform=None)
    base.transfer = {name: str(Path(folder).resolve()) for name, folder in measures.transfer}
    for name in base.transfer:
        for split in ("train", "val"):
            build_dataset(transfer_cfg(base, name).data, split, transform=None)
    # All methods see the size of leoclr's largest view, though their crops may be smaller.
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
        **measures.settings(),
    }
    _keep_settings(out, settings)

    comparison = Comparison(config, base, budget, tuple(overrides), measures, out)
    runs: list[dict[str, Any]] = []
    most = max(row.seeds for row in rows)
    pending = [(row, seed) for seed in range(most) for row in rows if seed < row.seeds]
    bar = tqdm(pending, desc="Runs")
    for row, seed in bar:
        folder = out / f"{row.folder}-{seed}"
        # A run takes hours, so its log's name is shown while it is trained.
        bar.set_postfix_str(f"tail -f {folder / _LOG}")
        runs.append(comparison.run(row, seed))
        content = write_report(out, runs, settings)
    return content


def _keep_settings(out: Path, settings: dict[str, Any]) -> None:
    path = out / "settings.json"
    out.mkdir(parents=True, exist_ok=True)
    if path.exists() and read_json(path) != settings:
        raise UserError(f"--out {out} holds another comparison; name another folder")
    write_json(path, settings)


@dataclass(frozen=True)
class Comparison:
    """What all runs of a comparison share; see ``compare``."""

    config: str
    base: DictConfig
    budget: Budget
    overrides: tuple[str, ...]
    measures: Measures
    out: Path

    def run(self, row: Row, seed: int) -> dict[str, Any]:
        """Train and evaluate a row with a seed, or what is missing of it; return its record."""
        about: dict[str, Any] = {"method": row.name, "seed": seed, "deviations": []}
        folder = self.out / f"{row.folder}-{seed}"
        trained = row.method != UNTRAINED
        try:
            cfg, deviations = self._configuration(row, self.base.images, self._epochs())
            if trained and self.measures.rates:
                cfg.optimizer.lr = self._rate(row)
                deviations.append(f"optimizer.lr {cfg.optimizer.lr}, chosen on held-out images")
        except UserError as error:
            return {**about, "error": str(error)}
        if trained:
            about["deviations"] = [row.about, *deviations] if row.about else deviations
        cfg.seed = self.base.seed + seed
        legs = [epochs for epochs in self.measures.epochs if epochs < cfg.max_epochs]
        minutes = self.budget.minutes if trained else None
        code = work(cfg, minutes, folder, legs if trained else [])
        return {**about, **record_of(folder, code)}

    def _epochs(self) -> int:
        return self.budget.epochs or self.base.max_epochs

    def _configuration(self, row: Row, images: int, epochs: int) -> tuple[DictConfig, list[str]]:
        changes = [*self.overrides, *row.overrides]
        base = self.base
        if row.overrides:
            base = load_config(self.config, "pretrain", changes)
            for key in ("devices", "images", "transfer", "evaluated_at"):
                base[key] = self.base[key]
        # An untrained network only needs a method for the number of its classes.
        method = "leoclr" if row.method == UNTRAINED else row.method
        cfg, deviations = method_config(base, self.config, method, epochs, images, changes)
        cfg.name = row.method
        return cfg, deviations

    def _rate(self, row: Row) -> float:
        """The rate of ``measures.rates`` whose short training has the best linear probe."""
        held_out = hold_out(self.base.data, self.measures.held_out, self.out / "rates")
        scores: dict[float, float] = {}
        for rate in tqdm(self.measures.rates, desc=f"Rates of {row.name}", leave=False):
            folder = self.out / "rates" / f"{row.folder}-{rate}"
            images = self.base.images - self.measures.held_out
            cfg, _ = self._configuration(row, images, self.measures.rate_epochs)
            cfg.optimizer.lr, cfg.seed, cfg.images = rate, self.base.seed, images
            cfg.data = {**cfg.data, **held_out}
            cfg.transfer = {}
            record = record_of(folder, work(cfg, None, folder, []))
            if "error" in record:
                raise UserError(f"optimizer.lr={rate}: {record['error']}")
            scores[rate] = record.get("linear_map", record.get("linear_top1"))
        write_json(
            self.out / "rates" / f"{row.folder}.json",
            {str(rate): round(score, 4) for rate, score in scores.items()},
        )
        return max(scores, key=scores.__getitem__)


def work(cfg: DictConfig, minutes: float | None, folder: Path, legs: Sequence[int]) -> int:
    """Do what is missing of a run: train it up to each leg, and evaluate it there.

    Args:
        cfg: of the training, whose ``name`` is ``untrained`` where there is none.
        minutes: of training, where they are the budget.
        folder: of the run.
        legs: numbers of epochs after which it is evaluated, besides the last.

    Returns:
        0, or the exit code of the step that failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cfg.checkpoint = {**cfg.checkpoint, "enabled": True, "frequency": 1, "keep_prev": False}
    cfg.checkpoint.dir = str((folder / "runs").resolve())
    cfg.auto_resume = {"enabled": True, "max_hours": 24 * 365}
    cfg.num_sanity_val_steps = 0
    OmegaConf.save(cfg, folder / "config.yaml")
    write_json(folder / "budget.json", {"minutes": minutes})
    steps: list[tuple[str, int | None]] = [("trial", None)] if minutes is not None else []
    for leg in (*legs, None):
        steps += (
            [("evaluate", leg)] if cfg.name == UNTRAINED else [("train", leg), ("evaluate", leg)]
        )
    worker = [sys.executable, "-m", "leoclr_plugin.compare.worker"]
    with (folder / _LOG).open("a") as log:
        for step, leg in steps:
            if (folder / written_by(step, leg)).exists():
                continue
            code = run_child([*worker, step, str(folder), *([str(leg)] if leg else [])], log)
            if code:
                return code
    return 0


def record_of(folder: Path, code: int) -> dict[str, Any]:
    """What is known of a run: its figures, those after its legs, and why it is not done."""
    done = read_json(folder / STEPS["evaluate"]) if (folder / STEPS["evaluate"]).exists() else {}
    legs = {}
    for path in folder.glob("result-*.json"):
        leg = read_json(path)
        legs[leg["epochs"]] = leg
    record = dict(done)
    if legs:
        record["legs"] = [legs[epochs] for epochs in sorted(legs)]
    log = folder / _LOG
    if not done:
        record["error"] = f"{_reason(log, code)} (log: {log})"
    return record


def _reason(log: Path, code: int) -> str:
    if code < 0:
        return f"ended by signal {-code}"
    lines = [line.strip() for line in read_text(log).splitlines()]
    said = [line for line in lines if line]
    # A progress bar is drawn once more when its process has said why it ends.
    errors = [line for line in said if _ERROR.match(line)]
    return (errors or said or [f"exit code {code}"])[-1][:300]
