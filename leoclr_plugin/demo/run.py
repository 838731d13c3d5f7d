"""Pretrain, evaluate and report on made textures."""

from __future__ import annotations

import csv
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

from leoclr_plugin.config import load_config
from leoclr_plugin.demo.knn_curve import KnnCurve
from leoclr_plugin.demo.pictures import draw_neighbours, draw_similarity
from leoclr_plugin.demo.report import HEADER, summary, table_rows, write_report
from leoclr_plugin.demo.textures import TRAIN_IMAGES, VAL_IMAGES, write_textures
from leoclr_plugin.environment import environment
from leoclr_plugin.errors import UserError, check_number
from leoclr_plugin.evaluation.checkpoint import CheckpointFolder, input_size
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import Features, train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.linear import linear_on_features, parse_linear
from leoclr_plugin.files import write_json
from leoclr_plugin.host import host
from leoclr_plugin.overrides import quote
from leoclr_plugin.report.scatter import require_umap
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.training.pretrain import build_method, prepare, pretrain

_METHODS = ("leoclr", "mocov2plus")
_BEFORE_AND_AFTER = ("untrained", "leoclr")


@dataclass(frozen=True)
class Budget:
    """What a method may use: training pictures, epochs of pretraining and of the linear probe."""

    train_images: int
    epochs: int
    linear_epochs: int


FULL = Budget(train_images=TRAIN_IMAGES, epochs=15, linear_epochs=15)
FAST = Budget(train_images=TRAIN_IMAGES, epochs=4, linear_epochs=5)


def run_demo(out: Path, budget: Budget, seed: int) -> dict[str, Any]:
    """Run the demo and write ``results.json`` and ``report.html`` under ``out``.

    Args:
        out: folder for the pictures, checkpoints and reports; made if it is not there. Only what
            an earlier demo wrote there is replaced.
        budget: the same for every method.
        seed: of the networks and their training. The pictures are the same with every seed.

    Returns:
        The content of ``results.json``.

    Raises:
        UserError: where ``out`` is a file, or the seed is not in [0, 2**32 - 1].
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    check_number("--seed", seed, 0, 2**32 - 1, whole=True)
    started = time.perf_counter()
    # The banners and tips of the demo's five fits would be most of what is printed.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    textures, models = out / "textures", out / "trained_models"
    shutil.rmtree(textures, ignore_errors=True)
    write_textures(textures, budget.train_images)

    results: dict[str, dict[str, float]] = {}
    curves: dict[str, dict[str, list]] = {"knn_top1": {}, "train_nce_loss": {}}
    networks: dict[str, nn.Module] = {}
    features: dict[str, Features] = {}
    umaps: dict[str, Future] = {}
    plots = _can_plot()
    # UMAP is compiled and fitted on one core while the next network trains.
    with ThreadPoolExecutor(1) as plotter:
        for name in (*_METHODS, "untrained"):
            print(f"\n== {name}")
            # The untrained network is leoclr's before its first step.
            overrides = _overrides(textures, models, budget.epochs, seed)
            recipe = "leoclr" if name == "untrained" else name
            cfg = load_config(f"textures/{recipe}", "pretrain", overrides)
            seconds = 0.0
            if name == "untrained":
                networks[name] = _untrained(cfg)
            else:
                curve = KnnCurve(cfg, input_size(cfg))
                start = time.perf_counter()
                folder = pretrain(cfg, [curve])
                seconds = time.perf_counter() - start
                networks[name] = CheckpointFolder.open(folder).load_method()
                curves["knn_top1"][name] = curve.points
                steps = budget.train_images // cfg.optimizer.batch_size
                curves["train_nce_loss"][name] = _losses(folder / "metrics.csv", steps)
            train, val = train_and_val_features(
                networks[name], evaluation_cfg(cfg), input_size(cfg)
            )
            features[name] = val
            linear = load_config(
                "textures/leoclr",
                "linear",
                _overrides(textures, models, budget.linear_epochs, seed),
            )
            results[name] = {
                "knn_top1": round(knn(train, val)["top1"], 2),
                "linear_top1": round(_linear(linear, train, val), 2),
                "seconds": round(seconds, 1),
            }
            if plots:
                umaps[name] = plotter.submit(_plot_umap, val, out / f"umap-{name}.png")
    for umap in umaps.values():
        umap.result()

    cfg = load_config(
        "textures/leoclr", "pretrain", _overrides(textures, models, budget.epochs, seed)
    )
    pictures = _draw_pictures(networks, features, cfg, out) if plots else {}
    content = {
        "methods": results,
        "curves": curves,
        "budget": {**vars(budget), "val_images": VAL_IMAGES},
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment(),
    }
    print(f"\n{text_table(HEADER, table_rows(results))}\n{summary(results)}")
    write_json(out / "results.json", content)
    write_report(out / "report.html", content, cfg, pictures)
    print(f"Written to {out / 'results.json'} and {out / 'report.html'}")
    return content


def _overrides(textures: Path, models: Path, epochs: int, seed: int) -> list[str]:
    return [
        f"data.train_path={quote(f'{textures}/train')}",
        f"data.val_path={quote(f'{textures}/val')}",
        f"checkpoint.dir={quote(str(models))}",
        # The last epoch's checkpoint is the only one that is read.
        f"checkpoint.frequency={epochs}",
        f"seed={seed}",
        f"max_epochs={epochs}",
        # The report shows no validation but its own.
        f"+check_val_every_n_epoch={epochs}",
        "+num_sanity_val_steps=0",
        "+log_every_n_steps=1",
    ]


def _untrained(cfg: DictConfig) -> nn.Module:
    cfg = prepare(cfg)
    seed_everything(cfg.seed)
    return build_method(cfg).eval()


def _linear(cfg: DictConfig, train: Features, val: Features) -> float:
    # One rate does for features of any scale, those of an untrained network too.
    deviation, mean = torch.std_mean(train[0], dim=0)
    scaled = [((part - mean) / (deviation + 1e-6), targets) for part, targets in (train, val)]
    return linear_on_features(parse_linear(cfg), *scaled)["top1"]


def _losses(metrics: Path, steps_per_epoch: int) -> list[tuple[float, float]]:
    """The contrastive loss of each step, at the epochs that were trained before the step."""
    with metrics.open(newline="") as file:
        rows = [row["train_nce_loss_step"] for row in csv.DictReader(file)]
    losses = [float(value) for value in rows if value]
    return [(step / steps_per_epoch, loss) for step, loss in enumerate(losses)]


def _can_plot() -> bool:
    try:
        require_umap()
    except UserError as error:
        print(f"The report goes without pictures of what was learned: {error}")
        return False
    return True


def _plot_umap(features: Features, path: Path) -> None:
    loader = DataLoader(TensorDataset(*features), batch_size=len(features[0]))
    host().OfflineUMAP().plot("cpu", nn.Identity(), loader, path)


def _draw_pictures(
    networks: dict[str, nn.Module], features: dict[str, Features], cfg: DictConfig, out: Path
) -> dict[str, dict[str, Path]]:
    neighbours = {name: out / f"neighbours-{name}.png" for name in _BEFORE_AND_AFTER}
    for name, path in neighbours.items():
        draw_neighbours(features[name], cfg, path)
    similarity = out / "similarity.png"
    draw_similarity({name: networks[name] for name in _BEFORE_AND_AFTER}, cfg, similarity)
    umaps = {name: out / f"umap-{name}.png" for name in ("untrained", *_METHODS)}
    return {"neighbours": neighbours, "similarity": {"both": similarity}, "umap": umaps}
