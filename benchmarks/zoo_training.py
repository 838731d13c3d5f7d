"""Add a run to the zoo's raw data: its entry in a manifest, and its online accuracy by epoch.

usage: python benchmarks/zoo_training.py TITLE NAME RUN... --out benchmarks/zoo-training.json
           [--zoo FOLDER]

``NAME`` is the name that ``python -m leoclr_plugin.zoo.publish RUN NAME ...`` was given. ``RUN...``
are the folder of the run and the folders of its resumptions. A run that is not meant for
publication is published in another clone only, whose folder ``zoo`` is named by ``--zoo``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.report.curves import read_resumed_metric
from leoclr_plugin.system.files import read_json, write_json
from leoclr_plugin.zoo.manifest import read_manifest, zoo_folder


def main() -> None:
    """Parse the arguments and add the row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("title", help="title of the row")
    parser.add_argument("name")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument(
        "--zoo", type=Path, default=zoo_folder(), help="the folder that holds the manifest"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    entry = read_manifest(args.zoo)[args.name]
    published = read_manifest().get(args.name)
    curve = read_resumed_metric((run / "metrics.csv" for run in args.runs), "val_acc1")
    content = read_json(args.out)
    content["runs"][args.title] = {
        "published": args.name if published == entry else None,
        "command": entry.command,
        "seed": entry.seed,
        "commit": entry.commit,
        "hours": entry.hours,
        "hardware": entry.hardware,
        "online_val_acc1_by_epoch": {str(int(e)): round(value, 2) for e, value in curve},
        **entry.results,
    }
    write_json(args.out, content)


if __name__ == "__main__":
    main()
