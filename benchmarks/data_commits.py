"""Compare how many images per second several commits turn into three views, on a CPU, in turns.

usage: python benchmarks/data_commits.py FOLDER COMMIT[:FORMAT]... [--size 224] [--rounds 5]
       --out benchmarks/data-commits.json

Each commit is checked out into a temporary folder and measured by its own ``leoclr bench data``.
COMMIT:FORMAT measures with ``--format FORMAT``, and COMMIT with the commit's own default. Each
measurement has its own process, so that no two pipelines share one. The ratios are to the first
commit that is named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tqdm import tqdm

from leoclr_plugin.bench.spread import ratio_spread
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json

REPOSITORY = Path(__file__).resolve().parents[1]
TURNS = 2  # Each process measures so many turns of eight batches.


def git(folder: Path, *arguments: str) -> str:
    """Run git in the repository in ``folder`` and return what it prints."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def check_out(commit: str, folder: Path) -> None:
    """Check out the commit into ``folder``."""
    git(REPOSITORY, "clone", "--quiet", "--shared", "--no-checkout", ".", str(folder))
    git(folder, "checkout", "--quiet", "--detach", commit)


def images_per_second(checkout: Path, row: str, data: Path, size: int) -> float:
    """Return the speed of the three views, measured by this checkout's own benchmark."""
    commit, _, form = row.partition(":")
    command = [sys.executable, "-m", "leoclr_plugin", "bench", "data", "--data", str(data)]
    options = ["--size", str(size), "--device", "cpu", "--rounds", str(TURNS), "--json"]
    options += ["--format", form] if form else []
    result = subprocess.run(
        [*command, *options],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SystemExit(f"{commit}: {result.stderr[-2000:]}")
    content = json.loads(result.stdout)
    # Python might have imported an installed package instead of the checkout.
    measured_commit = content["environment"]["commit"]
    if not measured_commit.startswith(commit):
        raise SystemExit(f"{commit}: its process ran the commit {measured_commit} instead")
    return content["images_per_second"]["three_views"]


def main() -> None:
    """Measure in turns, write the file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("commits", nargs="+")
    parser.add_argument(
        "--size", type=int, default=224, help="height and width of a view in pixels"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data = args.folder.resolve()
    named = [word.partition(":") for word in args.commits]
    commits = [git(REPOSITORY, "rev-parse", "--short=7", commit) for commit, _, _ in named]
    rows = [
        f"{commit}{colon}{form}" for commit, (_, colon, form) in zip(commits, named, strict=True)
    ]
    titles = {
        row: git(REPOSITORY, "show", "-s", "--format=%s", commit)
        for row, commit in zip(rows, commits, strict=True)
    }
    raw: dict[str, list[float]] = {row: [] for row in rows}
    with TemporaryDirectory() as temporary:
        checkouts = {commit: Path(temporary) / commit for commit in commits}
        for commit, folder in checkouts.items():
            check_out(commit, folder)
        with tqdm(total=args.rounds * len(raw), desc="Processes", leave=False) as bar:
            for _ in range(args.rounds):
                for row in rows:
                    checkout = checkouts[row.partition(":")[0]]
                    raw[row].append(images_per_second(checkout, row, data, args.size))
                    bar.update()
    baseline = raw[rows[0]]
    ratios = {commit: ratio_spread(values, baseline) for commit, values in raw.items()}
    content = {
        "images_per_second": {commit: median(values) for commit, values in raw.items()},
        "ratio": ratios,
        "raw": raw,
        "titles": titles,
        "settings": {"folder": data.name, "size": args.size, "rounds": args.rounds, "turns": TURNS},
        "environment": environment(),
    }
    write_json(args.out, content)
    table = [
        (
            f"{commit} {titles[commit][:60]}",
            f"{median(raw[commit]):.0f} ({min(raw[commit]):.0f} to {max(raw[commit]):.0f})",
            "{median:.2f} ({min:.2f} to {max:.2f})".format(**ratio),
        )
        for commit, ratio in ratios.items()
    ]
    print(text_table(("", "images/s", "ratio to the first"), table))


if __name__ == "__main__":
    main()
