"""Make the tables and plots of benchmarks/several_objects.md from the runs that are there so far.

usage: python benchmarks/several_objects.py OUT COMMIT
       python benchmarks/several_objects.py --restore OUT

``OUT`` is that of ``benchmarks/several_objects.sh``, and ``COMMIT`` the one that it was started at.
The script writes ``several-objects.json`` and the plots beside this file, and the part of
``several_objects.md`` between its two marks. ``--restore`` does the opposite for what is published:
it writes the chosen rates and the results of the addition's runs into an empty ``OUT``, so that the
trainings can go on where the folder was lost.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from restored_run import restore_run
from several_objects_plot import plot_rows, plot_work

from leoclr_plugin.compare.table import trends_of
from leoclr_plugin.metrics.bootstrap import bootstrap_map, interval
from leoclr_plugin.report.curves import loss_curves
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import read_json, read_text, write_json, write_text

HERE = Path(__file__).parent
SCORES = HERE / "several-objects-scores"
MARKS = ("<!-- results -->", "<!-- end of results -->")
BASELINES = ("leoclr/moco-v2", "mocov2plus")
MEASURES = {"linear": "linear mAP", "knn": "kNN mAP"}
PRECISION = "bf16-mixed"  # the plan's
# Epochs of the plan and of its addition.
PLAN, SHORT = 100, 25
# Work a step of the cheapest row, whose work every row is given at equal work.
CHEAPEST = 4


def main(out: Path, commit: str) -> None:
    """Read the runs, measure the differences, and write everything."""
    kept = read_json(HERE / "several-objects.json")
    plan = _part(out, "coco112", "coco112")
    short = _part(out, "short-*", "short")
    # A folder whose runs were restored has no settings and no rates of its own.
    short["settings"] = kept["short"]["settings"] or short["settings"]
    short["rates"] = kept["short"]["rates"] | short["rates"]
    short["standard_errors"] = {
        run["folder"]: _standard_errors(_scores(sorted(out.glob("short-*")), run, SCORES / "short"))
        for run in short["runs"]
    }
    content = {
        "command": "bash benchmarks/several_objects.sh FOLDER OUT",
        "training_commit": commit,
        **plan,
        "short": short,
        "environment": environment(),
    }
    if not plan["runs"]:
        # Only the addition is trained further.
        content |= {key: kept[key] for key in ("training_commit", *plan)}
        short["training_commit"] = commit
    write_json(HERE / "several-objects.json", content)
    for key in MEASURES:
        for over, unit in (("epochs", "epoch"), ("work", "work")):
            trends = trends_of(_as_compared(content["runs"]), f"{key}_map", over)
            if trends:
                svg = loss_curves(trends, unit)
                write_text(HERE / f"several-objects-{key}-{over}.svg", f"{svg}\n")
    plot_rows(short["runs"], short["standard_errors"], HERE / "several-objects-short.svg")
    plot_work(short["runs"], HERE / "several-objects-short-work.svg")
    page = HERE / "several_objects.md"
    before, rest = read_text(page).split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    lines = "\n".join([*_page(content), ""])
    write_text(page, f"{before}{MARKS[0]}\n{lines}{MARKS[1]}{after}")


def _part(out: Path, pattern: str, scores: str) -> dict[str, Any]:
    """Read the runs of the plan, or of its addition, and measure their differences."""
    folders = sorted(out.glob(pattern))
    runs = [run for folder in folders for run in _runs(folder)]
    settings = [folder / "settings.json" for folder in folders]
    rates = [path for folder in folders for path in sorted((folder / "rates").glob("*.json"))]
    return {
        "settings": next((_without_folders(read_json(s)) for s in settings if s.is_file()), {}),
        "rates": {path.stem: read_json(path) for path in rates},
        "runs": runs,
        "differences": list(_differences(folders, runs, SCORES / scores)),
        "control": [
            {**run, "data": "imagenette"}
            for folder in sorted(out.glob("imagenette-*"))
            if folder.name.startswith("imagenette-short-") == (scores == "short")
            for run in _runs(folder)
        ],
    }


def restore(out: Path) -> None:
    """Write what is published of the addition into ``out``, as ``leoclr compare`` leaves it."""
    content = read_json(HERE / "several-objects.json")
    for name, rates in {**content["rates"], **content["short"]["rates"]}.items():
        (out / "coco112" / "rates").mkdir(parents=True, exist_ok=True)
        write_json(out / "coco112" / "rates" / f"{name}.json", rates)
    short = content["short"]
    for run in (*short["runs"], *short["control"]):
        row, _, _ = run["folder"].rpartition("-")
        prefix = "imagenette-short-" if run.get("data") else "short-"
        folder = out / f"{prefix}{row}" / run["folder"]
        restore_run(folder, run, ("method", "seed", "folder", "data"))


def _without_folders(settings: dict[str, Any]) -> dict[str, Any]:
    # Where the data sets lie is a matter of one machine.
    data_sets = r"/[^\"= ]*/(?=coco112|caltech112|imagenette160)"
    return json.loads(re.sub(data_sets, "", json.dumps(settings)))


def _runs(folder: Path) -> Iterator[dict[str, Any]]:
    """Each evaluation of each run: row, seed, epochs and figures."""
    for path in sorted(folder.glob("*/result*.json")):
        row, _, seed = path.parent.name.rpartition("-")
        record = {key: value for key, value in read_json(path).items() if key != "curve"}
        yield {
            **{"method": _row_name(row), "seed": int(seed), "folder": path.parent.name},
            **{"precision": _precision(folder), **record},
        }


def _precision(folder: Path) -> str:
    """The precision that a folder's runs are trained with."""
    path = folder / "settings.json"
    words = read_json(path)["overrides"] if path.is_file() else []
    given = [word.partition("=")[2] for word in words if word.startswith("precision=")]
    return given[-1] if given else PRECISION


def _row_name(folder: str) -> str:
    # The folder of leoclr/third-crop is leoclr-third-crop.
    method, _, change = folder.partition("-")
    return f"{method}/{change}" if change else method


def _as_compared(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The evaluations of each run as ``leoclr compare`` has them: the last one, and its legs."""
    compared = []
    for folder in dict.fromkeys(run["folder"] for run in runs):
        *legs, last = sorted(
            (run for run in runs if run["folder"] == folder), key=lambda run: run["epochs"]
        )
        compared.append({**last, "legs": legs})
    return compared


def _scores(folders: Sequence[Path], run: dict[str, Any], kept: Path) -> Any:
    """The scores of each picture, which are kept beside this file; None if they were lost."""
    name = "scores.npz" if run["method"] == "untrained" else f"scores-{run['epochs']}.npz"
    kept = kept / run["folder"] / name
    for folder in folders:
        given = folder / run["folder"] / name
        if given.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(given, kept)
    return np.load(kept) if kept.is_file() else None


def _standard_errors(scores: Any) -> dict[str, float]:
    """The standard error of each measure of a run over the pictures; none without its scores."""
    if scores is None:
        return {}
    drawn = bootstrap_map({measure: scores[measure] for measure in MEASURES}, scores["targets"])
    return {measure: float(values.std()) for measure, values in drawn.items()}


def _differences(
    folders: Sequence[Path], runs: Sequence[dict[str, Any]], kept: Path
) -> Iterator[dict[str, Any]]:
    """Paired bootstraps of each row against others, at the same epochs and seed."""
    for run in runs:
        # This keeps the scores also of a run whose partner is still to be trained.
        _scores(folders, run, kept)
        for baseline in _baselines_of(run["method"]):
            partner = [
                other
                for other in runs
                if other["method"] == baseline
                and (other["epochs"], other["seed"]) == (run["epochs"], run["seed"])
            ]
            if not partner:
                continue
            own, other = (_scores(folders, one, kept) for one in (run, partner[0]))
            if own is None or other is None:
                continue
            for measure in MEASURES:
                drawn = bootstrap_map(
                    {"own": own[measure], "other": other[measure]}, own["targets"]
                )
                low, high = interval(drawn["own"] - drawn["other"])
                yield {
                    **{key: run[key] for key in ("method", "seed", "epochs")},
                    **{"against": baseline, "measure": measure},
                    "difference": run[f"{measure}_map"] - partner[0][f"{measure}_map"],
                    "interval": [low, high],
                }


def _baselines_of(method: str) -> Sequence[str]:
    if method in BASELINES:
        # Each pair of rows is compared once.
        return BASELINES[: BASELINES.index(method)]
    # A row that changes one setting is compared with the row without the change as well.
    unchanged = method.rpartition("+")[0] or method.partition("/")[0]
    return [row for row in dict.fromkeys((unchanged, *BASELINES)) if row != method]


def _page(content: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield (
        "`python benchmarks/several_objects.py OUT COMMIT` writes this part from the evaluations "
        "that are there. Raw data: [several-objects.json](several-objects.json)."
    )
    yield ""
    for title, part, epochs, name in (
        (f"The addition: {SHORT} epochs", content["short"], SHORT, "short-"),
        (f"The plan: {PLAN} epochs", content, PLAN, ""),
    ):
        done = {run["folder"] for run in part["runs"] if run["epochs"] in (0, epochs)}
        yield f"### {title}"
        yield ""
        yield f"Complete: {len(done)} of 14 runs on coco112."
        yield ""
        yield from _tables(part, epochs, name)


def _tables(part: dict[str, Any], epochs: int, name: str) -> Iterator[str]:
    runs = part["runs"]
    steps = max((run.get("steps_per_epoch", 0) for run in runs), default=0)
    yield "**At equal epochs.** mAP in percent, with the seed's number:"
    yield ""
    yield (
        "| row | seed | epochs | linear mAP | kNN mAP | linear, pictures of 1 / 2 / 3 or more "
        "classes | Caltech-101 linear / kNN | Imagenette linear / kNN |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for run in sorted(runs, key=lambda run: (run["epochs"], run["method"], run["seed"])):
        counts = " / ".join(f"{part['linear_map']:.1f}" for part in run["by_count"].values())
        transfers = [
            f"{t['linear_top1']:.1f} / {t['knn_top1']:.1f}"
            for t in (run["transfer"][name] for name in ("caltech112", "imagenette"))
        ]
        yield (
            f"| {run['method']} | {run['seed']} | {run['epochs']} | {run['linear_map']:.2f} | "
            f"{run['knn_map']:.2f} | {counts} | {' | '.join(transfers)} |"
        )
    yield ""
    others = [run for run in runs if run.get("precision", PRECISION) != PRECISION]
    if others:
        names = ", ".join(f"`{run['method']}` (seed {run['seed']})" for run in others)
        yield (
            f"Trained with `precision={others[0]['precision']}`, because the CPU has no bfloat16: "
            f"{names}. All other rows: `precision={PRECISION}`."
        )
        yield ""
    pictures = {
        f"{title} over the {over}": f"several-objects-{key}-{over}.svg"
        for key, title in MEASURES.items()
        for over in ("epochs", "work")
    }
    if name:
        pictures = {
            "Each measure, with 1.96 standard errors": "several-objects-short.svg",
            "mAP against the work of the training": "several-objects-short-work.svg",
        }
    for title, file in pictures.items():
        yield f"![{title}]({file})"
        yield ""
    if any(run["epochs"] not in (0, epochs) for run in runs):
        yield from _at_equal_work(runs, steps, epochs)
    elif name:
        yield (
            "There is no table at equal work, because each network was measured once, at its end. "
            "The second plot has the work."
        )
        yield ""
    if part["differences"]:
        yield "**Differences** with the 95 % interval of a paired bootstrap over the pictures:"
        yield ""
        yield "| row | seed | epochs | against | measure | difference | interval |"
        yield "|---|---|---|---|---|---|---|"
        for d in part["differences"]:
            low, high = d["interval"]
            yield (
                f"| {d['method']} | {d['seed']} | {d['epochs']} | {d['against']} | "
                f"{MEASURES[d['measure']]} | {d['difference']:+.2f} | {low:+.2f} to {high:+.2f} |"
            )
        yield ""
    if part["control"]:
        yield "**The control**: top-1 accuracy in percent on Imagenette, after as many steps:"
        yield ""
        yield "| row | epochs | linear | kNN |"
        yield "|---|---|---|---|"
        for run in part["control"]:
            figures = f"{run['linear_top1']:.2f} | {run['knn_top1']:.2f}"
            yield f"| {run['method']} | {run['epochs']} | {figures} |"
        yield ""


def _at_equal_work(runs: Sequence[dict[str, Any]], steps: int, epochs: int) -> Iterator[str]:
    rows, equal = [], epochs * CHEAPEST * steps / 1000
    for key in MEASURES:
        for method, points in trends_of(_as_compared(runs), f"{key}_map", "work").items():
            work, values = zip(*points, strict=True)
            if work[-1] >= equal:
                at = float(np.interp(equal, work, values))
                rows.append(f"| {method} | {MEASURES[key]} | {at:.2f} |")
    if rows:
        yield (
            f"**At equal work**, that of {epochs} epochs of one-way MoCo-v2, between the measured "
            "points:"
        )
        yield ""
        yield "| row | measure | % |"
        yield "|---|---|---|"
        yield from rows
        yield ""


if __name__ == "__main__":
    if sys.argv[1] == "--restore":
        restore(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), sys.argv[2])
