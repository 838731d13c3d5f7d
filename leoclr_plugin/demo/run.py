"""Pretrain, evaluate and report on the digits."""

from __future__ import annotations

import logging
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
from leoclr_plugin.config import load_config
from leoclr_plugin.config.overrides import quote
from leoclr_plugin.data.images import list_images, open_rgb
from leoclr_plugin.demo.digits import write_digits
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import Features, train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.linear import linear_on_features, parse_linear
from leoclr_plugin.host import host
from leoclr_plugin.report.curves import loss_curves, read_metric
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.html import Report
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.report.view_grid import view_grid
from leoclr_plugin.system.files import write_json
from leoclr_plugin.training.pretrain import build_method, prepare, pretrain

_METHODS = ("leoclr", "mocov2plus")
_ROWS = ("method", "kNN top-1 %", "linear top-1 %", "seconds of pretraining")


@dataclass(frozen=True)
class Budget:
    """What a method may use: training images, epochs of pretraining and of the linear probe."""

    train_images: int | None
    epochs: int
    linear_epochs: int


FULL = Budget(train_images=None, epochs=5, linear_epochs=30)
FAST = Budget(train_images=192, epochs=2, linear_epochs=10)


def run_demo(out: Path, budget: Budget) -> dict[str, Any]:
    """Run the demo and write ``results.json`` and ``report.html`` under ``out``.

    Args:
        out: folder for the digits, checkpoints and reports; made if it is not there. Only what
            an earlier demo wrote there is replaced.
        budget: the same for every method.

    Returns:
        The content of ``results.json``.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    started = time.perf_counter()
    # Of six short fits, the banners and tips would be most of what is printed.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    digits, models = out / "digits", out / "trained_models"
    shutil.rmtree(digits, ignore_errors=True)
    write_digits(digits, budget.train_images)

    results: dict[str, dict[str, float]] = {}
    curves: dict[str, list[tuple[float, float]]] = {}
    plots: dict[str, Future] = {}
    # UMAP is compiled and fitted on one core while the next network trains.
    with ThreadPoolExecutor(1) as plotter:
        for name in (*_METHODS, "untrained"):
            print(f"\n== {name}")
            # The untrained network is leoclr's before its first step.
            cfg = _config("leoclr" if name == "untrained" else name, digits, models, budget)
            if name == "untrained":
                method, seconds = _untrained(cfg), 0.0
            else:
                start = time.perf_counter()
                folder = pretrain(cfg)
                seconds = time.perf_counter() - start
                method = CheckpointFolder.open(folder).load_method()
                curves[name] = read_metric(folder / "metrics.csv", "train_nce_loss_epoch")
            train, val = train_and_val_features(method, evaluation_cfg(cfg), input_size(cfg))
            results[name] = {
                "knn_top1": round(knn(train, val)["top1"], 2),
                "linear_top1": round(_linear(train, val, digits, models, budget), 2),
                "seconds": round(seconds, 1),
            }
            plots[name] = plotter.submit(_plot_umap, val, out / f"umap-{name}.png")
    umaps = {name: plot.result() for name, plot in plots.items()}

    rows = [
        (name, f"{r['knn_top1']:.1f}", f"{r['linear_top1']:.1f}", f"{r['seconds']:.0f}")
        for name, r in results.items()
    ]
    print("\n" + text_table(_ROWS, rows))
    content = {
        "methods": results,
        "curves": curves,
        "budget": {
            "train_images": len(list_images(digits / "train")),
            "epochs": budget.epochs,
            "linear_epochs": budget.linear_epochs,
        },
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment(),
    }
    write_json(out / "results.json", content)
    _write_report(out, digits, rows, content, umaps)
    print(f"Written to {out / 'results.json'} and {out / 'report.html'}")
    return content


def _config(method: str, digits: Path, models: Path, budget: Budget) -> DictConfig:
    return load_config(
        f"digits/{method}",
        "pretrain",
        [
            f"data.train_path={quote(f'{digits}/train')}",
            f"data.val_path={quote(f'{digits}/val')}",
            f"checkpoint.dir={quote(str(models))}",
            # After the first epoch and the last.
            f"checkpoint.frequency={budget.epochs - 1}",
            *_epochs(budget.epochs),
        ],
    )


def _epochs(epochs: int) -> list[str]:
    # One validation, at the end: the report shows no other.
    return [
        f"max_epochs={epochs}",
        f"+check_val_every_n_epoch={epochs}",
        "+num_sanity_val_steps=0",
        "+log_every_n_steps=1",
    ]


def _untrained(cfg: DictConfig) -> nn.Module:
    cfg = prepare(cfg)
    seed_everything(cfg.seed)
    return build_method(cfg).eval()


def _linear(train: Features, val: Features, digits: Path, models: Path, budget: Budget) -> float:
    cfg = load_config(
        "digits/leoclr",
        "linear",
        [
            f"data.train_path={quote(f'{digits}/train')}",
            f"data.val_path={quote(f'{digits}/val')}",
            f"checkpoint.dir={quote(str(models))}",
            *_epochs(budget.linear_epochs),
        ],
    )
    return linear_on_features(parse_linear(cfg), train, val)["top1"]


def _plot_umap(features: Features, path: Path) -> Path | None:
    loader = DataLoader(TensorDataset(*features), batch_size=len(features[0]))
    try:
        host().OfflineUMAP().plot("cpu", nn.Identity(), loader, path)
    except UserError as error:
        print(f"No UMAP in the report: {error}")
        return None
    return path


def _write_report(
    out: Path, digits: Path, rows: list, content: dict[str, Any], umaps: dict[str, Path | None]
) -> None:
    cfg = load_config("digits/leoclr", "pretrain")
    torch.manual_seed(0)
    paths = list_images(digits / "val")
    images = [open_rgb(path) for path in paths[:: len(paths) // 5][:5]]
    budget, here = content["budget"], content["environment"]

    report = Report("LeOCLR on handwritten digits")
    report.text(
        f"ResNet-18, {budget['train_images']} training images, {budget['epochs']} epochs of "
        f"pretraining without labels; kNN with k = 20 and a linear probe of "
        f"{budget['linear_epochs']} epochs on {len(paths)} validation images."
    )
    report.table(_ROWS, rows)
    report.heading("What the networks see")
    report.text(
        "The query encoder sees X, the whole image; the momentum encoder sees the crops X1 and "
        "X2. Each crop is pulled to X, never to the other crop."
    )
    report.picture(view_grid(images, cfg), "the three views")
    report.heading("Contrastive loss")
    report.text("LeOCLR's loss is a sum over two crops, mocov2plus's a mean over two views.")
    report.svg(loss_curves(content["curves"]))
    report.heading("UMAP of the validation features")
    for name, path in umaps.items():
        if path is None:
            report.text('UMAP needs umap-learn, matplotlib: pip install "leoclr-plugin[umap]"')
            break
        report.text(name)
        report.picture_file(path, f"UMAP of {name}")
    report.text(
        f"leoclr-plugin {here['leoclr']}, {here['host']} host, torch {here['versions']['torch']}, "
        f"{here['gpu'] or here['cpu']}"
    )
    report.write(out / "report.html")
