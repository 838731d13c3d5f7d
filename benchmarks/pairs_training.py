"""Make the table of benchmarks/pairs_training.md from the runs that are there so far.

usage: python benchmarks/pairs_training.py OUT COMMIT
       python benchmarks/pairs_training.py --oracle MINED IMAGES ORACLE
       python benchmarks/pairs_training.py --restore OUT

``OUT`` is that of ``benchmarks/pairs_training.sh``, and ``COMMIT`` the one that it was started at.
The script writes ``pairs-training.json`` and the part of ``pairs_training.md`` between its two
marks. ``--oracle`` writes the pairs of ``MINED`` as ``ORACLE``, with each partner replaced by a
random image of its image's class; ``IMAGES`` is the folder of the classes. ``--restore`` writes the
published results of the runs into an empty ``OUT``, so that the trainings can go on there.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from restored_run import restore_run

from leoclr_plugin.data.pairs.table import read_pairs, write_pairs
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import read_json, read_text, write_json, write_text

HERE = Path(__file__).parent
MARKS = ("<!-- results -->", "<!-- end of results -->")
ROWS, METHODS, SEEDS = ("plain", "mined", "control", "oracle"), ("leoclr", "mocov2plus"), (0, 1)
MEASURES = {"knn_top1": "kNN", "linear_top1": "linear"}


def main(out: Path, commit: str) -> None:
    """Read the runs, and write the table and the raw data."""
    runs = [run for row in ROWS for method in METHODS for run in _runs(out, row, method)]
    write_json(
        HERE / "pairs-training.json",
        {
            "command": "bash benchmarks/pairs_training.sh IMAGENETTE OUT",
            "training_commit": commit,
            "pairs": {
                key: value
                for key, value in read_json(out / "mined.json").items()
                if key not in ("data", "histogram")
            },
            "runs": runs,
            "environment": environment(),
        },
    )
    page = HERE / "pairs_training.md"
    before, rest = read_text(page).split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    lines = "\n".join([*_page(runs), ""])
    write_text(page, f"{before}{MARKS[0]}\n{lines}{MARKS[1]}{after}")


def _runs(out: Path, row: str, method: str) -> Iterator[dict[str, Any]]:
    for seed in SEEDS:
        path = out / f"{row}-{method}" / f"{method}-{seed}" / "result.json"
        if path.is_file():
            yield {"row": row, "method": method, "seed": seed, **read_json(path)}


def _page(runs: list[dict[str, Any]]) -> Iterator[str]:
    yield ""
    yield (
        f"Complete: {len(runs)} of {len(ROWS) * len(METHODS) * len(SEEDS)} runs. Top-1 accuracy in "
        "percent with seed 0 and seed 1, and the mean difference from the plain row over the "
        "seeds that both have. Raw data: [pairs-training.json](pairs-training.json)."
    )
    for method in METHODS:
        yield ""
        yield f"| {method} | kNN | difference | linear | difference |"
        yield "|---|---|---|---|---|"
        for row in ROWS:
            cells = [cell for key in MEASURES for cell in _cells(runs, method, row, key)]
            yield f"| {row} | {' | '.join(cells)} |"
    yield ""


def _cells(runs: list[dict[str, Any]], method: str, row: str, key: str) -> tuple[str, str]:
    own, plain = (
        {run["seed"]: run[key] for run in runs if (run["method"], run["row"]) == (method, name)}
        for name in (row, "plain")
    )
    both = [own[seed] - plain[seed] for seed in own if seed in plain]
    figures = ", ".join(f"{value:.2f}" for value in own.values())
    return figures, f"{mean(both):+.2f}" if both and row != "plain" else ""


def restore(out: Path) -> None:
    """Write the published runs into ``out``, as ``leoclr compare`` leaves them."""
    for run in read_json(HERE / "pairs-training.json")["runs"]:
        folder = out / f"{run['row']}-{run['method']}" / f"{run['method']}-{run['seed']}"
        restore_run(folder, run, ("row", "method", "seed"))


def write_oracle(mined: Path, images: Path, oracle: Path) -> None:
    """Replace each partner by a random image of the image's own class."""
    of_class = {
        folder.name: sorted(f"{folder.name}/{file.name}" for file in folder.iterdir())
        for folder in images.iterdir()
    }
    rng = random.Random(0)
    rows = []
    for name in read_pairs(mined).images:
        others = [other for other in of_class[name.split("/")[0]] if other != name]
        rows.append((name, rng.choice(others), math.nan))
    write_pairs(oracle, rows)


if __name__ == "__main__":
    if sys.argv[1] == "--oracle":
        write_oracle(*map(Path, sys.argv[2:]))
    elif sys.argv[1] == "--restore":
        restore(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), sys.argv[2])
