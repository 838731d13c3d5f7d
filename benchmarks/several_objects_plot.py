"""Draw the networks of benchmarks/several_objects.md at equal epochs, and against their work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from leoclr_plugin.system.files import whole_file

Run = dict[str, Any]
# Words for a reader who does not know the names of the rows; a row without words has its name.
TITLES = {
    "untrained": "untrained network",
    "leoclr": "LeOCLR, the paper's form",
    "leoclr/moco-v2": "one-way MoCo-v2, its baseline",
    "mocov2plus": "solo-learn's mocov2plus",
    "leoclr/both-branches": "LeOCLR, query=both (ours)",
    "leoclr/third-crop": "a crop in the original's place",
    "simclr": "solo-learn's simclr",
    "leoclr/small-crops": "LeOCLR, crops from 0.08",
    "leoclr/moco-v2+small-crops": "one-way MoCo-v2, crops from 0.08",
    "leoclr/shuffled-bn": "LeOCLR, shuffled batch norm",
    "leoclr/moco-v2+shuffled-bn": "one-way MoCo-v2, shuffled batch norm",
}
PANELS: Mapping[str, Callable[[Run], float]] = {
    "coco112\nlinear probe, mAP %": lambda run: run["linear_map"],
    "coco112\nkNN, mAP %": lambda run: run["knn_map"],
    "Caltech-101, unseen\nkNN, top-1 %": lambda run: run["transfer"]["caltech112"]["knn_top1"],
    "Imagenette, unseen\nkNN, top-1 %": lambda run: run["transfer"]["imagenette"]["knn_top1"],
}
# Validation images of the last two.
_IMAGES = {2: 606, 3: 3925}
_KEYS = ("linear", "knn")
# LeOCLR and its variants are blue, MoCo-v2's rows are from yellow to red.
_COLOURS = {
    "untrained": "#888888",
    "leoclr": "#1f5fbf",
    "leoclr/moco-v2": "#e8a33d",
    "mocov2plus": "#c0431f",
    "leoclr/both-branches": "#0b2a66",
    "leoclr/third-crop": "#5fa8e8",
    "simclr": "#2e8b57",
    "leoclr/small-crops": "#4f6fd0",
    "leoclr/moco-v2+small-crops": "#d99a6c",
    "leoclr/shuffled-bn": "#7d8fd9",
    "leoclr/moco-v2+shuffled-bn": "#b58b00",
}
_STYLE = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "svg.hashsalt": "1"}


def plot_rows(runs: Sequence[Run], errors: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draw a row for each method and a panel for each measure, with a dot for each seed.

    The bars are 1.96 standard errors of the validation images either way.

    Args:
        runs: those to draw, all after as many epochs.
        errors: the standard errors of ``linear`` and ``knn`` by a run's folder, in percent.
        path: the SVG file.
    """
    names = [name for name in TITLES if any(run["method"] == name for run in runs)]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(11, 1.3 + 0.42 * len(names)), facecolor="white")
        panels = figure.subplots(1, len(PANELS), sharey=True)
        for number, (panel, (title, measure)) in enumerate(
            zip(panels, PANELS.items(), strict=True)
        ):
            for run in runs:
                seeds = sum(run["method"] == other["method"] for other in runs)
                # Dots of two seeds lie above one another, so that their bars can be told.
                height = names.index(run["method"]) + (0.3 * (run["seed"] - 0.5) * (seeds > 1))
                value, colour = measure(run), _COLOURS[run["method"]]
                error = _error(value, number, errors[run["folder"]])
                panel.errorbar(value, height, xerr=1.96 * error, fmt="o", color=colour)
                if run["method"] == "untrained":
                    panel.axvline(value, color=colour, linewidth=0.8, linestyle=":")
            panel.set_title(title, fontsize=10)
            panel.set_yticks(range(len(names)), [TITLES[name] for name in names])
            panel.set_ylim(len(names) - 0.5, -0.5)
            panel.grid(axis="x", color="#eeeeee")
            _without_frame(panel)
        figure.tight_layout()
        _save(figure, path)


def _error(value: float, panel: int, errors: Mapping[str, float]) -> float:
    if panel < len(_KEYS):
        return errors.get(_KEYS[panel], 0.0)
    return (value * (100 - value) / _IMAGES[panel]) ** 0.5


def plot_work(runs: Sequence[Run], path: Path) -> None:
    """Draw the two measures that decide against the work of the training.

    Work is counted in forward passes of one image by the encoder.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(11, 3.6), facecolor="white", layout="constrained")
        panels = figure.subplots(1, 2)
        names = [name for name in TITLES if any(run["method"] == name for run in runs)]
        for panel, (title, measure) in zip(panels, list(PANELS.items())[:2], strict=True):
            for name in names:
                own = [run for run in runs if run["method"] == name]
                work = [run["epochs"] * run.get("work_per_step", 0) for run in own]
                values = [measure(run) for run in own]
                panel.plot(work, values, "o", color=_COLOURS[name], label=TITLES[name])
            panel.set_title(title.replace("\n", ", "), fontsize=10)
            panel.set_xlabel("work: passes of the encoder over the training set")
            panel.margins(x=0.1, y=0.15)
            panel.grid(color="#eeeeee")
            _without_frame(panel)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
        _save(figure, path)


def _without_frame(panel: Any) -> None:
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)


def _save(figure: Figure, path: Path) -> None:
    with whole_file(path) as part:
        figure.savefig(part, format="svg", metadata={"Date": None})
