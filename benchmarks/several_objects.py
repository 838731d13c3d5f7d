"""Make the tables and plots of benchmarks/several_objects.md from the runs that are there so far.

usage: python benchmarks/several_objects.py OUT COMMIT

``OUT`` is that of ``benchmarks/several_objects.sh``, and ``COMMIT`` the one that it was started at.
The script writes ``several-objects.json`` and the plots beside this file, and the part of
``several_objects.md`` between its two marks.
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
# Epochs of the cheapest row times its work a step: what every row is given at equal work.
EQUAL_WORK = 100 * 4


def main(out: Path, commit: str) -> None:
    """Read the runs, measure the differences, and write everything."""
    runs = list(_runs(out / "coco112"))
    if not runs:
        sys.exit(f"{out} has no evaluated run yet")
    steps = max(run.get("steps_per_epoch", 0) for run in runs)
    content = {
        "command": "bash benchmarks/several_objects.sh FOLDER OUT",
        "training_commit": commit,
        "settings": _without_folders(read_json(out / "coco112" / "settings.json")),
        "rates": {
            path.stem: read_json(path)
            for path in sorted((out / "coco112" / "rates").glob("*.json"))
        },
        "runs": runs,
        "differences": list(_differences(out / "coco112", runs)),
        "control": [
            {**run, "data": "imagenette"}
            for folder in sorted(out.glob("imagenette-*"))
            for run in _runs(folder)
        ],
        "environment": environment(),
    }
    write_json(HERE / "several-objects.json", content)
    for key in MEASURES:
        for over, unit in (("epochs", "epoch"), ("work", "work")):
            trends = trends_of(_as_compared(runs), f"{key}_map", over)
            if trends:
                svg = loss_curves(trends, unit)
                write_text(HERE / f"several-objects-{key}-{over}.svg", f"{svg}\n")
    page = HERE / "several_objects.md"
    before, rest = read_text(page).split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    lines = "\n".join([*_page(content, steps), ""])
    write_text(page, f"{before}{MARKS[0]}\n{lines}{MARKS[1]}{after}")


def _without_folders(settings: dict[str, Any]) -> dict[str, Any]:
    # Where the data sets lie is a matter of one machine.
    data_sets = r"/[^\"= ]*/(?=coco112|caltech112|imagenette160)"
    return json.loads(re.sub(data_sets, "", json.dumps(settings)))


def _runs(folder: Path) -> Iterator[dict[str, Any]]:
    """Each evaluation of each run: row, seed, epochs and figures."""
    for path in sorted(folder.glob("*/result*.json")):
        row, _, seed = path.parent.name.rpartition("-")
        record = {key: value for key, value in read_json(path).items() if key != "curve"}
        yield {"method": _row_name(row), "seed": int(seed), "folder": path.parent.name, **record}


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


def _scores(folder: Path, run: dict[str, Any]) -> Any:
    """The scores of each picture, which are kept beside this file; None if they were lost."""
    name = "scores.npz" if run["method"] == "untrained" else f"scores-{run['epochs']}.npz"
    kept = SCORES / run["folder"] / name
    given = folder / run["folder"] / name
    if given.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(given, kept)
    return np.load(kept) if kept.is_file() else None


def _differences(folder: Path, runs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Paired bootstraps of each row against the baselines, at the same epochs and seed."""
    for run in runs:
        for baseline in BASELINES:
            partner = [
                other
                for other in runs
                if other["method"] == baseline
                and (other["epochs"], other["seed"]) == (run["epochs"], run["seed"])
            ]
            if not partner or run["method"] == baseline:
                continue
            own, other = _scores(folder, run), _scores(folder, partner[0])
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


def _page(content: dict[str, Any], steps: int) -> Iterator[str]:
    runs = content["runs"]
    last = {
        run["folder"]: max(r["epochs"] for r in runs if r["folder"] == run["folder"])
        for run in runs
    }
    done = sorted(folder for folder, epochs in last.items() if epochs in (0, 100))
    yield ""
    yield (
        f"Complete: {len(done)} of 14 runs on coco112. "
        "`python benchmarks/several_objects.py OUT COMMIT` writes this part from the evaluations "
        "that are there. Raw data: "
        "[several-objects.json](several-objects.json)."
    )
    yield ""
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
    for key, title in MEASURES.items():
        if (HERE / f"several-objects-{key}-epochs.svg").exists():
            yield f"![{title} over the epochs](several-objects-{key}-epochs.svg)"
            yield ""
            yield f"![{title} over the work](several-objects-{key}-work.svg)"
            yield ""
    yield from _at_equal_work(runs, steps)
    if content["differences"]:
        yield "**Differences** with the 95 % interval of a paired bootstrap over the pictures:"
        yield ""
        yield "| row | seed | epochs | against | measure | difference | interval |"
        yield "|---|---|---|---|---|---|---|"
        for d in content["differences"]:
            low, high = d["interval"]
            yield (
                f"| {d['method']} | {d['seed']} | {d['epochs']} | {d['against']} | "
                f"{MEASURES[d['measure']]} | {d['difference']:+.2f} | {low:+.2f} to {high:+.2f} |"
            )
        yield ""


def _at_equal_work(runs: Sequence[dict[str, Any]], steps: int) -> Iterator[str]:
    rows = []
    for key in MEASURES:
        for method, points in trends_of(_as_compared(runs), f"{key}_map", "work").items():
            work, values = zip(*points, strict=True)
            if work[-1] >= EQUAL_WORK * steps / 1000:
                at = float(np.interp(EQUAL_WORK * steps / 1000, work, values))
                rows.append(f"| {method} | {MEASURES[key]} | {at:.2f} |")
    if rows:
        yield (
            "**At equal work**, that of 100 epochs of one-way MoCo-v2, between the measured points:"
        )
        yield ""
        yield "| row | measure | % |"
        yield "|---|---|---|"
        yield from rows
        yield ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
