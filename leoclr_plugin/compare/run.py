"""Run all methods and seeds that are not done yet, and write the table after each run."""

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
from leoclr_plugin.compare.evaluations import BOTH, check_evaluations
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
from leoclr_plugin.system.files import alone_in, read_json, read_text, write_json
from leoclr_plugin.terminal import printable
from leoclr_plugin.training.pretrain import prepare
from leoclr_plugin.training.resume import different_settings

# The last line of a traceback, or the line with which the worker reports a UserError.
_ERROR = re.compile(r"[\w.]*(Error|Exception)(:|$)")
_LOG, _CONFIG, _RUNS = "log.txt", "config.yaml", "runs"
# A step of ``compare.worker``, and the number of epochs after which it is done; None for the last.
_Step = tuple[str, int | None]
_TRIAL = ("trial", None)


@dataclass(frozen=True)
class Budget:
    """The budget of each method: either a number of epochs, or minutes of training."""

    epochs: int | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Measures:
    """What a comparison does in addition to evaluating each run after its last epoch.

    Attributes:
        epochs: epochs after which each run is evaluated as well.
        transfer: pairs of a name and a folder with ``train`` and ``val``; kNN and a linear probe
            are measured on these data sets too.
        rates: learning rates to try. Each row takes the one with the best linear probe on held-out
            training images. Without any, a row takes the rate of its recipe.
        rate_epochs: the number of epochs to train with each rate.
        held_out: the number of training images to hold out.
        evaluations: what each run is evaluated by, see ``evaluations.parse_evaluations``. Without
            any, by kNN and a linear probe.
    """

    epochs: tuple[int, ...] = ()
    transfer: tuple[tuple[str, str], ...] = ()
    rates: tuple[float, ...] = ()
    rate_epochs: int = 5
    held_out: int = 1000
    evaluations: tuple[str, ...] = ()

    def settings(self) -> dict[str, Any]:
        """Return the settings that are not empty, for ``settings.json``."""
        content: dict[str, Any] = {}
        if self.epochs:
            content["evaluate_at"] = list(self.epochs)
        if self.transfer:
            content["transfer"] = dict(self.transfer)
        if self.rates:
            content["rates"] = list(self.rates)
            content["rate_epochs"] = self.rate_epochs
            content["held_out"] = self.held_out
        if self.evaluations:
            content["evaluate"] = list(self.evaluations)
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
    """Pretrain and evaluate each row with each of its seeds; continue an unfinished comparison.

    Args:
        config: the name or path of a pretraining configuration of leoclr. All rows use its data,
            backbone, views and batch size.
        methods: the rows, see ``compare.rows.parse_row``.
        budget: the budget of each run.
        seeds: the number of runs of each row that does not name its own.
        out: the folder of the runs and the table.
        overrides: Hydra's overrides for all rows.
        measures: additional measurements, by default none.

    Returns:
        The content of ``results.json``: a list ``runs``, the settings, and the ``rows``.

    Raises:
        UserError: if there are no rows, a row is unknown, the configuration cannot be trained, or
            the folder holds another comparison.
    """
    measures = measures or Measures()
    if not methods:
        raise UserError("--methods names none")
    rows = [parse_row(text, seeds) for text in methods]
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--methods names {name} more than once; {name}:2 trains two seeds")
    base = load_config(config, "pretrain", overrides)
    if base.method != "leoclr":
        raise UserError(f"{config} is of {base.method}; name a config of leoclr")
    # Refuse a configuration that no run could use before anything is written.
    prepared = prepare(base.copy())
    base.devices = prepared.devices
    # Without a seed of its own the comparison begins at 0, so that it can be repeated.
    base.seed = prepared.seed or 0
    base.images = len(build_pretrain_dataset(base.data))
    # Check the data of the evaluation now, and not after hours of training.
    require(base, "data.val_path")
    for split in ("train", "val"):
        build_dataset(evaluation_cfg(base).data, split)
    base.transfer = {name: str(Path(folder).resolve()) for name, folder in measures.transfer}
    _check_transfers(base, measures.evaluations)
    check_evaluations(base, measures.evaluations)
    base.evaluations = list(measures.evaluations)
    # All methods are evaluated at the size of leoclr's largest view, even if their crops are
    # smaller.
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
    out.mkdir(parents=True, exist_ok=True)
    with alone_in(out, "comparison"):
        _keep_settings(out, settings)

        comparison = Comparison(config, base, budget, tuple(overrides), measures, out)
        runs: list[dict[str, Any]] = []
        most_seeds = max(row.seeds for row in rows)
        pending = [(row, seed) for seed in range(most_seeds) for row in rows if seed < row.seeds]
        bar = tqdm(pending, desc="Runs")
        for row, seed in bar:
            folder = out / f"{row.folder}-{seed}"
            # A run takes hours, so the bar shows how to follow its log.
            bar.set_postfix_str(printable(f"tail -f {folder / _LOG}"))
            runs.append(comparison.run(row, seed))
            content = write_report(out, runs, settings)
        return content


def _check_transfers(base: DictConfig, evaluations: Sequence[str]) -> None:
    if base.transfer and evaluations and not set(evaluations) & {*BOTH, "mAP"}:
        raise UserError(
            "--transfer is measured by kNN and a linear probe, and --evaluate names neither; add "
            "knn or linear, or name the folder as transfer:FOLDER"
        )
    for name, folder in base.transfer.items():
        for split in ("train", "val"):
            dataset = build_dataset(transfer_cfg(base, name).data, split)
            if len(dataset.classes) < 2:
                raise UserError(
                    f"--transfer {name}={folder}: the images of {split} are of one class, which "
                    "measures nothing; give each class a folder, or add labels.csv"
                )


def _keep_settings(out: Path, settings: dict[str, Any]) -> None:
    path = out / "settings.json"
    if path.exists() and read_json(path) != settings:
        raise UserError(f"--out {out} holds another comparison; name another folder")
    write_json(path, settings)


@dataclass(frozen=True)
class Comparison:
    """The settings that all runs of a comparison share; see ``compare``."""

    config: str
    base: DictConfig
    budget: Budget
    overrides: tuple[str, ...]
    measures: Measures
    out: Path

    def run(self, row: Row, seed: int) -> dict[str, Any]:
        """Do the missing steps of the run of a row with a seed, and return the run's record.

        Raises:
            UserError: if the row was trained with another configuration.
        """
        record: dict[str, Any] = {"method": row.name, "seed": seed, "deviations": []}
        folder = self.out / f"{row.folder}-{seed}"
        trained = row.method != UNTRAINED
        epochs = self.budget.epochs or self.base.max_epochs
        try:
            cfg, deviations = self._configuration(row, seed, self.base.images, epochs)
        except UserError as error:
            return {**record, "error": str(error)}
        if trained and self.budget.minutes is not None:
            trial = folder / STEPS["trial"]
            code = 0 if trial.exists() else work(cfg, folder, [_TRIAL], self.budget.minutes)
            if code:
                return {**record, **record_of(folder, code)}
            # The warmup and the queue must fit the epochs that the minutes are enough for.
            epochs = read_json(trial)["epochs"]
            cfg, deviations = self._configuration(row, seed, self.base.images, epochs)
        if trained and self.measures.rates:
            rate, failed = self._rate(row)
            if rate is None:
                return {**record, "error": "; ".join(failed)}
            cfg.optimizer.lr = rate
            deviations += [f"optimizer.lr {rate}, chosen on held-out images", *failed]
        steps: list[_Step] = [("evaluate", None)]
        if trained:
            record["deviations"] = [row.about, *deviations] if row.about else deviations
            at = [leg for leg in self.measures.epochs if leg < epochs]
            left_out = [str(leg) for leg in self.measures.epochs if leg > epochs]
            if left_out:
                record["deviations"].append(f"not evaluated after {', '.join(left_out)} epochs")
            steps = [(step, leg) for leg in (*at, None) for step in ("train", "evaluate")]
        code = work(cfg, folder, steps)
        return {**record, **record_of(folder, code)}

    def _configuration(
        self, row: Row, seed: int, images: int, epochs: int
    ) -> tuple[DictConfig, list[str]]:
        changes = [*self.overrides, *row.overrides]
        base = self.base
        if row.overrides:
            base = load_config(self.config, "pretrain", changes)
            for key in ("devices", "images", "transfer", "evaluations", "evaluated_at"):
                base[key] = self.base[key]
        # An untrained network only needs a method for its number of classes.
        method = "leoclr" if row.method == UNTRAINED else row.method
        cfg, deviations = method_config(base, self.config, method, epochs, images, changes)
        cfg.name, cfg.seed = row.method, self.base.seed + seed
        return cfg, deviations

    def _rate(self, row: Row) -> tuple[float | None, list[str]]:
        """Return the learning rate with the best linear probe after a short training.

        Returns:
            The rate, or None if the training failed with each of them; and what failed.
        """
        held_out = hold_out(self.base.data, self.measures.held_out, self.out / "rates")
        scores: dict[float, float] = {}
        failed: list[str] = []
        for rate in tqdm(self.measures.rates, desc=f"Rates of {row.name}", leave=False):
            folder = self.out / "rates" / f"{row.folder}-{rate}"
            images = self.base.images - self.measures.held_out
            cfg, _ = self._configuration(row, 0, images, self.measures.rate_epochs)
            cfg.optimizer.lr, cfg.images = rate, images
            cfg.data = {**cfg.data, **held_out}
            cfg.transfer, cfg.evaluations = {}, ["linear"]
            steps: list[_Step] = [("train", None), ("evaluate", None)]
            record = record_of(folder, work(cfg, folder, steps))
            if "error" in record:
                # A rate that is too high makes the loss nan, and the others are still a choice.
                failed.append(f"optimizer.lr {rate} failed: {record['error']}")
                continue
            scores[rate] = record.get("linear_map", record.get("linear_top1"))
        write_json(
            self.out / "rates" / f"{row.folder}.json",
            {str(rate): round(score, 4) for rate, score in scores.items()},
        )
        return max(scores, key=scores.__getitem__, default=None), failed


def work(
    cfg: DictConfig, folder: Path, steps: Sequence[_Step], minutes: float | None = None
) -> int:
    """Do the missing ones of a run's steps, each in a process of its own.

    Args:
        cfg: the configuration of the training; the ``name`` ``untrained`` means no training.
        folder: the folder of the run.
        steps: keys of ``worker.STEPS``, each with the number of epochs after which it is done;
            None for the last epoch.
        minutes: the minutes of training that a trial turns into epochs.

    Returns:
        0, or the exit code of the step that failed.

    Raises:
        UserError: if the folder has a training with another configuration.
    """
    _check_same(cfg, folder)
    folder.mkdir(parents=True, exist_ok=True)
    cfg.checkpoint = {**cfg.checkpoint, "enabled": True, "frequency": 1, "keep_prev": False}
    cfg.checkpoint.dir = str((folder / _RUNS).resolve())
    cfg.auto_resume = {"enabled": True, "max_hours": 24 * 365}
    cfg.num_sanity_val_steps = 0
    OmegaConf.save(cfg, folder / _CONFIG)
    write_json(folder / "budget.json", {"minutes": minutes})
    worker = [sys.executable, "-m", "leoclr_plugin.compare.worker"]
    with (folder / _LOG).open("a") as log:
        for step, leg in steps:
            if (folder / written_by(step, leg)).exists():
                continue
            code = run_child([*worker, step, str(folder), *([str(leg)] if leg else [])], log)
            if code:
                return code
    return 0


def _check_same(cfg: DictConfig, folder: Path) -> None:
    # Files of recipes can change between two calls, and the settings of a comparison only have
    # their names.
    begun = (folder / _RUNS, folder / STEPS["evaluate"])
    if not any(path.exists() for path in begun):
        return
    earlier = OmegaConf.load(folder / _CONFIG)
    different = different_settings(earlier, cfg, ("method", "backbone", "max_epochs"))
    for key, (before, now) in different.items():
        raise UserError(
            f"{folder} was trained with another configuration: {key} was {before}, and now it is "
            f"{now}; name another folder with --out, or restore the config"
        )


def record_of(folder: Path, code: int) -> dict[str, Any]:
    """Return a run's figures, the figures after its legs, and an error if it is not done."""
    result = folder / STEPS["evaluate"]
    record = dict(read_json(result)) if result.exists() else {}
    is_done = bool(record)
    legs = {}
    for path in folder.glob("result-*.json"):
        leg = read_json(path)
        legs[leg["epochs"]] = leg
    if legs:
        record["legs"] = [legs[epochs] for epochs in sorted(legs)]
    if not is_done:
        log = folder / _LOG
        record["error"] = f"{_reason(log, code)} (log: {log})"
    return record


def _reason(log: Path, code: int) -> str:
    if code < 0:
        return f"ended by signal {-code}"
    stripped = [line.strip() for line in read_text(log).splitlines()]
    lines = [line for line in stripped if line]
    # The last line may be a progress bar, which is drawn once more after the error.
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or [f"exit code {code}"])[-1][:300]
