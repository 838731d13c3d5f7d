"""Pretrain, evaluate and report on made textures."""

from __future__ import annotations

import csv
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
from leoclr_plugin.config import load_config
from leoclr_plugin.config.check import check_part
from leoclr_plugin.config.overrides import quote
from leoclr_plugin.demo.knn_curve import KnnCurve
from leoclr_plugin.demo.pictures import CLASSES, draw_neighbours, similarity_of_crops
from leoclr_plugin.demo.report import HEADER, summary, table_rows, write_report
from leoclr_plugin.demo.textures import TRAIN_IMAGES, VAL_IMAGES, write_textures
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import Features, train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.linear import linear_on_features, parse_linear
from leoclr_plugin.plots.scatter import require_umap, umap_scatter
from leoclr_plugin.report.crop_matrix import CropSimilarity, crop_matrices
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json
from leoclr_plugin.terminal import say, say_text
from leoclr_plugin.training.pretrain import build_method, prepare, pretrain

_UNTRAINED = "untrained"
_NETWORKS = ("leoclr", "mocov2plus", _UNTRAINED)


@dataclass(frozen=True)
class Budget:
    """What a method may use: training pictures, epochs of pretraining and of the linear probe."""

    train_images: int
    epochs: int
    linear_epochs: int


@dataclass(frozen=True)
class Pretrained:
    """A network of the demo, before its evaluation.

    Attributes:
        method: in evaluation mode.
        accuracies: pairs (epochs trained, kNN top-1 in percent).
        losses: pairs (epochs trained, contrastive loss of the step that came next).
        seconds: of the pretraining.
    """

    method: nn.Module
    accuracies: list[tuple[int, float]]
    losses: list[tuple[float, float]]
    seconds: float


FULL = Budget(train_images=TRAIN_IMAGES, epochs=15, linear_epochs=15)
FAST = Budget(train_images=TRAIN_IMAGES, epochs=4, linear_epochs=5)


def run_demo(out: Path, budget: Budget, seed: int) -> dict[str, Any]:
    """Run the demo and write ``results.json`` and ``report.html`` under ``out``.

    Args:
        out: folder for the pictures, checkpoints and reports; made if it is not there. Files that
            no demo wrote are left alone.
        budget: the same for every method.
        seed: of the networks and their training. The pictures are the same with every seed.

    Returns:
        The content of ``results.json``.

    Raises:
        UserError: where ``out`` is a file, or the seed is not in [0, 2**32 - 1].
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    check_part("seed", seed)
    started = time.perf_counter()
    # The banners and tips of the demo's five fits would be most of what is printed.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    write_textures(out / "textures", budget.train_images)

    cfg = _config("leoclr", "pretrain", out, budget.epochs, seed)
    networks: dict[str, Pretrained] = {}
    results: dict[str, dict[str, float]] = {}
    features: dict[str, Features] = {}
    umaps: list[Future] = []
    with_plots = _can_plot()
    # UMAP is compiled and fitted on one core while the next network trains.
    with ThreadPoolExecutor(1) as plotter:
        for name in _NETWORKS:
            say("", f"== {name}")
            networks[name] = network = _network(name, out, budget, seed)
            data = evaluation_cfg(cfg), input_size(cfg)
            train, features[name] = train_and_val_features(network.method, *data)
            linear_cfg = _config("leoclr", "linear", out, budget.linear_epochs, seed)
            results[name] = {
                "knn_top1": round(knn(train, features[name])["top1"], 2),
                "linear_top1": round(_linear(linear_cfg, train, features[name]), 2),
                "seconds": round(network.seconds, 1),
            }
            if with_plots:
                plot = plotter.submit(umap_scatter, *features[name], CLASSES, _umap(out, name))
                umaps.append(plot)
    for plot in umaps:
        plot.result()

    crops = {name: similarity_of_crops(networks[name].method, cfg) for name in _NETWORKS[::-1]}
    trained = {name: networks[name] for name in _NETWORKS if name != _UNTRAINED}
    content = {
        "methods": results,
        "curves": {
            "knn_top1": {name: network.accuracies for name, network in trained.items()},
            "train_nce_loss": {name: network.losses for name, network in trained.items()},
        },
        "crop_cosines": {name: _means(similarity) for name, similarity in crops.items()},
        "budget": {**vars(budget), "val_images": VAL_IMAGES},
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment(),
    }
    pictures = _draw_pictures(features, crops, cfg, out) if with_plots else {}
    say_text(f"\n{text_table(HEADER, table_rows(results))}\n{summary(results)}")
    write_json(out / "results.json", content)
    write_report(out / "report.html", content, cfg, pictures)
    say(f"Written to {out / 'results.json'} and {out / 'report.html'}")
    return content


def _config(method: str, kind: str, out: Path, epochs: int, seed: int) -> DictConfig:
    overrides = [
        f"data.train_path={quote(str(out / 'textures/train'))}",
        f"data.val_path={quote(str(out / 'textures/val'))}",
        f"checkpoint.dir={quote(str(out / 'trained_models'))}",
        # Only the last epoch's checkpoint is read.
        f"checkpoint.frequency={epochs}",
        f"seed={seed}",
        f"max_epochs={epochs}",
        # The demo evaluates the network itself.
        f"+check_val_every_n_epoch={epochs}",
        "+num_sanity_val_steps=0",
        "+log_every_n_steps=1",
    ]
    return load_config(f"textures/{method}", kind, overrides)


def _network(name: str, out: Path, budget: Budget, seed: int) -> Pretrained:
    if name == _UNTRAINED:
        # It is LeOCLR's network before its first step.
        cfg = prepare(_config("leoclr", "pretrain", out, budget.epochs, seed))
        seed_everything(cfg.seed)
        return Pretrained(build_method(cfg).eval(), [], [], 0.0)
    cfg = _config(name, "pretrain", out, budget.epochs, seed)
    curve = KnnCurve(cfg, input_size(cfg))
    start = time.perf_counter()
    folder = pretrain(cfg, [curve])
    seconds = time.perf_counter() - start
    losses = _losses(folder / "metrics.csv", budget.train_images // cfg.optimizer.batch_size)
    return Pretrained(CheckpointFolder.open(folder).load_method(), curve.points, losses, seconds)


def _losses(metrics: Path, steps_per_epoch: int) -> list[tuple[float, float]]:
    with metrics.open(newline="") as file:
        rows = [row["train_nce_loss_step"] for row in csv.DictReader(file)]
    losses = [float(value) for value in rows if value]
    return [(step / steps_per_epoch, loss) for step, loss in enumerate(losses)]


def _linear(cfg: DictConfig, train: Features, val: Features) -> float:
    # One rate does for features of any scale, those of an untrained network too.
    deviation, mean = torch.std_mean(train[0], dim=0)
    scaled = [((part - mean) / (deviation + 1e-6), targets) for part, targets in (train, val)]
    return linear_on_features(parse_linear(cfg), *scaled)["top1"]


def _can_plot() -> bool:
    try:
        require_umap()
    except UserError as error:
        say(f"The report goes without pictures of what was learned: {error}")
        return False
    return True


def _umap(out: Path, name: str) -> Path:
    return out / f"umap-{name}.png"


def _means(similarity: CropSimilarity) -> dict[str, float]:
    keys = ("same_image", "same_class", "other_class")
    return {key: round(getattr(similarity, key), 3) for key in keys}


def _draw_pictures(
    features: dict[str, Features], crops: dict[str, CropSimilarity], cfg: DictConfig, out: Path
) -> dict[str, Any]:
    neighbours = {name: out / f"neighbours-{name}.png" for name in (_UNTRAINED, "leoclr")}
    for name, path in neighbours.items():
        draw_neighbours(features[name], cfg, path)
    similarity = out / "similarity.png"
    crop_matrices(crops, CLASSES, similarity)
    umaps = {name: _umap(out, name) for name in crops}
    return {"neighbours": neighbours, "similarity": similarity, "umap": umaps}
