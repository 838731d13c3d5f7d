"""List, download, verify and evaluate the zoo's checkpoints, and draw their pictures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from leoclr_plugin.commands.shared import not_negative
from leoclr_plugin.terminal import say, say_text

EXAMPLE = "leoclr zoo download leoclr-resnet18-imagenette"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="list the models with their results").set_defaults(act=_list)

    info = what.add_parser("info", help="show a model's card")
    info.add_argument("name", help="name of the model")
    info.set_defaults(act=_info)

    download = what.add_parser("download", help="fetch a model's file and print its path")
    download.add_argument("name", help="name of the model")
    download.add_argument(
        "--to", type=Path, metavar="DIR", help="download to this folder instead of the user's cache"
    )
    download.set_defaults(act=_download)

    verify = what.add_parser("verify", help="compare the files on this machine with the manifest")
    verify.set_defaults(act=_verify)

    evaluate = what.add_parser("eval", help="measure the figures of a model's card again")
    evaluate.add_argument("name", help="name of the model")
    _add_data(evaluate)
    evaluate.set_defaults(act=_eval)

    pictures = what.add_parser(
        "pictures", help="draw a UMAP, nearest neighbours and similarity maps of models"
    )
    pictures.add_argument("names", nargs="*", metavar="name", help="models (default: all)")
    _add_data(pictures)
    pictures.add_argument(
        "--out", type=Path, default=Path("pictures"), help="folder to write the pictures to"
    )
    pictures.set_defaults(act=_pictures)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder that holds train and val")
    parser.add_argument(
        "--num_workers", type=not_negative, default=2, help="threads that load images"
    )


def run(args: argparse.Namespace) -> None:
    """Run the subcommand."""
    args.act(args)


def _list(args: argparse.Namespace) -> None:
    from leoclr_plugin.evaluation.results import headline
    from leoclr_plugin.report.tables import text_table
    from leoclr_plugin.zoo.manifest import read_manifest

    header = ("name", "data", "px", "epochs", "kNN %", "linear %", "measure", "MB")
    rows = [
        (
            entry.name,
            entry.dataset,
            str(entry.size[0]),
            entry.length,
            *(f"{headline(entry.results[kind]):.2f}" for kind in ("knn", "linear")),
            "mAP" if "mAP" in entry.results["knn"] else "top-1",
            f"{entry.bytes / 1e6:.1f}",
        )
        for entry in read_manifest().values()
    ]
    say_text(text_table(header, rows))


def _info(args: argparse.Namespace) -> None:
    from leoclr_plugin.zoo.card import card
    from leoclr_plugin.zoo.manifest import find_entry

    say_text(card(find_entry(args.name)))


def _download(args: argparse.Namespace) -> None:
    from leoclr_plugin.zoo.fetch import fetch
    from leoclr_plugin.zoo.manifest import find_entry

    say(fetch(find_entry(args.name), args.to))


def _verify(args: argparse.Namespace) -> None:
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.zoo.fetch import cache_folder, check, local_folder
    from leoclr_plugin.zoo.manifest import read_manifest

    bad_files = 0
    for entry in read_manifest().values():
        paths = [folder / entry.file for folder in (local_folder(), cache_folder())]
        existing = [path for path in paths if path.is_file()]
        if not existing:
            say(f"{entry.name}: not downloaded")
        for path in existing:
            try:
                check(path, entry)
                say(f"{entry.name}: good, {path}")
            except UserError as error:
                bad_files += 1
                say(f"{entry.name}: BAD, {error}")
    if bad_files:
        sys.exit(1)


def _eval(args: argparse.Namespace) -> None:
    from leoclr_plugin.evaluation.data import folder_cfg
    from leoclr_plugin.report.tables import text_table
    from leoclr_plugin.zoo.evaluate import evaluate
    from leoclr_plugin.zoo.manifest import find_entry
    from leoclr_plugin.zoo.model import load

    entry = find_entry(args.name)
    data = folder_cfg(entry.dataset, args.data, args.num_workers)
    measured = evaluate(entry, load(args.name).backbone, data)
    rows = [
        (f"{kind} {figure} %", f"{entry.results[kind][figure]:.2f}", f"{value:.2f}")
        for kind, figures in measured.items()
        for figure, value in figures.items()
    ]
    say_text(text_table((args.name, "card", "measured"), rows))


def _pictures(args: argparse.Namespace) -> None:
    from leoclr_plugin.commands.networks import open_network
    from leoclr_plugin.commands.pictures import pictured_by
    from leoclr_plugin.evaluation.data import folder_cfg
    from leoclr_plugin.plots.scatter import require_umap
    from leoclr_plugin.report.pictures import KINDS, draw_pictures
    from leoclr_plugin.zoo.manifest import find_entry, read_manifest
    from leoclr_plugin.zoo.source import PREFIX

    require_umap()
    for entry in [find_entry(name) for name in args.names or read_manifest()]:
        cfg = folder_cfg(entry.dataset, args.data, args.num_workers)
        pictured, _ = pictured_by(open_network(f"{PREFIX}{entry.name}"), cfg)
        args.out.mkdir(parents=True, exist_ok=True)
        paths = {kind: args.out / f"{entry.name}-{kind}.png" for kind in KINDS}
        draw_pictures(pictured, paths)
        for path in paths.values():
            say(f"Written to {path}")
