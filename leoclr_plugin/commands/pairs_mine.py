"""Find pairs of images whose similarity lies in a band: ``leoclr pairs mine``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leoclr_plugin.commands.networks import NETWORK_HELP, add_loading_arguments, open_encoder
from leoclr_plugin.commands.shared import positive
from leoclr_plugin.terminal import say, say_text

if TYPE_CHECKING:
    import torch

    from leoclr_plugin.data.pairs.mining import Mined
    from leoclr_plugin.evaluation.embedding import Pictures

_SEARCHES = ("exact", "ivf")


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of the images that pairs are of."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="folder of images as in data.train_path, or a list of image files",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".csv or .parquet")
    features = parser.add_mutually_exclusive_group(required=True)
    features.add_argument(
        "--encoder", metavar="NAME", help=f"{NETWORK_HELP}, or timm:NAME with timm's weights"
    )
    features.add_argument(
        "--features", type=Path, metavar="FOLDER", help="what leoclr embed wrote of these images"
    )
    parser.add_argument("--k", type=positive, default=5, help="neighbours of each image")
    parser.add_argument(
        "--min-similarity", type=float, default=0.97, metavar="X", help="lowest cosine of a pair"
    )
    parser.add_argument(
        "--max-similarity",
        type=float,
        default=0.99,
        metavar="X",
        help="highest cosine of a pair; more similar images are near-duplicates",
    )
    parser.add_argument(
        "--mutual", action="store_true", help="keep only pairs that both images find"
    )
    parser.add_argument(
        "--search",
        choices=_SEARCHES,
        default=_SEARCHES[0],
        help="exact, or faster by faiss's inverted lists, which miss some neighbours",
    )
    add_loading_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Embed the images, find neighbours, and write those in the band."""
    from leoclr_plugin.data.pairs.mining import SPARE, choose_pairs
    from leoclr_plugin.data.pairs.neighbours import find_neighbours
    from leoclr_plugin.data.pairs.search import IVF, ExactSearch, IvfSearch, require_faiss
    from leoclr_plugin.data.pairs.table import write_pairs
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.evaluation.embedding import require_pyarrow
    from leoclr_plugin.evaluation.features import device
    from leoclr_plugin.system.files import check_writable, write_json

    _check(args)
    require_pyarrow()
    if args.search == IVF:
        require_faiss()
    pictures = pictures_in_files(args.data)
    count = len(pictures.names)
    if count <= args.k:
        raise UserError(
            f"--k {args.k}: an image of {args.data} has only {count - 1} others; lower it"
        )
    _check_names(args.out, pictures.names)
    check_writable(args.out.absolute().parent)
    kept = args.out.with_suffix(".mined")
    features, about = _features(args, pictures, kept / "features")
    neighbours = min(args.k + SPARE, count - 1)

    def search() -> ExactSearch | IvfSearch:
        return IvfSearch(features) if args.search == IVF else ExactSearch(features, device())

    found = find_neighbours(
        search, count, neighbours, kept / f"neighbours-{args.search}-{neighbours}", about
    )
    band = (args.min_similarity, args.max_similarity)
    mined = choose_pairs(found, count, args.k, band, args.mutual)
    _tell(mined, count, args)
    names = pictures.names
    rows = zip(mined.images.tolist(), mined.partners.tolist(), mined.scores.tolist(), strict=True)
    write_pairs(args.out, ((names[i], names[j], score) for i, j, score in rows))
    write_json(args.out.with_suffix(".json"), _result(mined, count, args, about))
    say(f"Written to {args.out}, {args.out.with_suffix('.json').name}")


def pictures_in_files(path: Path) -> Pictures:
    """List the images that pairs are of; outside a folder, their names become absolute paths.

    Raises:
        UserError: if the images are missing, or are not files of their own.
    """
    from dataclasses import replace

    from leoclr_plugin.data.stores.opening import is_folder
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.evaluation.embedding import pictures_of

    pictures = pictures_of(path)
    if not pictures.images.store.are_files:
        raise UserError(f"--data {path}: pairs need images that are files; name a folder")
    if is_folder({"train_path": str(path)}, "train"):
        return pictures
    return replace(pictures, names=[str(Path(name).absolute()) for name in pictures.names])


def _check(args: argparse.Namespace) -> None:
    from leoclr_plugin.data.pairs.table import PARQUET
    from leoclr_plugin.errors import UserError

    for name in ("min", "max"):
        value = getattr(args, f"{name}_similarity")
        if not -1 <= value <= 1:
            raise UserError(f"--{name}-similarity {value:g}: a cosine lies from -1 to 1")
    if args.min_similarity > args.max_similarity:
        raise UserError(
            f"--min-similarity {args.min_similarity:g} is above --max-similarity "
            f"{args.max_similarity:g}; no pair can have both"
        )
    if args.out.suffix not in (".csv", *PARQUET):
        raise UserError(f"--out {args.out} must end in .csv, {' or '.join(PARQUET)}")


def _check_names(out: Path, names: list[str]) -> None:
    from leoclr_plugin.errors import UserError

    if out.suffix == ".csv":
        return
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"--out {out}: Parquet cannot hold the name {name!a}; take .csv, or rename it"
            ) from error


def _features(
    args: argparse.Namespace, pictures: Pictures, folder: Path
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return the features of all images, and what they depend on."""
    from leoclr_plugin.checkpoints.weights import fingerprint
    from leoclr_plugin.evaluation.embedding import embed, read_features

    if args.features is not None:
        return read_features(args.features, pictures)
    encoder = open_encoder(args.encoder)
    about = {
        "network": fingerprint(encoder.method.backbone.state_dict()),
        "size": list(encoder.view.size),
    }
    embed(
        encoder.method,
        encoder.view,
        pictures,
        folder,
        about,
        batch_size=args.batch_size,
        threads=args.num_workers,
        source=encoder.source,
        levels=encoder.levels,
    )
    return read_features(folder, pictures)


def _tell(mined: Mined, count: int, args: argparse.Namespace) -> None:
    import numpy as np

    from leoclr_plugin.data.pairs.histogram import name_of
    from leoclr_plugin.report.tables import text_table

    rows = [(name_of(low, high), str(n)) for low, high, n in mined.histogram.ranges()]
    say_text(text_table((f"cosine of the {args.k} nearest", "pairs"), rows))
    paired = len(np.unique(mined.images))
    say(
        f"{len(mined.images)} pairs from {args.min_similarity:g} to {args.max_similarity:g}, for "
        f"{paired} of {count} images"
    )
    if args.mutual:
        say(f"{mined.one_sided} pairs were found from one side only and are left out")
    say(f"{mined.duplicates} pairs of near-duplicates above the band are left out")
    if mined.crowded:
        say(
            f"{mined.crowded} images have so many near-duplicates that some of their pairs may be "
            "missing"
        )


def _result(
    mined: Mined, count: int, args: argparse.Namespace, about: dict[str, Any]
) -> dict[str, Any]:
    import numpy as np

    from leoclr_plugin.report.environment import environment

    return {
        "data": str(args.data),
        "encoder": args.encoder or str(args.features),
        "features": about,
        "k": args.k,
        "min_similarity": args.min_similarity,
        "max_similarity": args.max_similarity,
        "mutual": args.mutual,
        "search": args.search,
        "images": count,
        "pairs": len(mined.images),
        "paired_images": len(np.unique(mined.images)),
        "near_duplicates": mined.duplicates,
        "crowded_images": mined.crowded,
        "one_sided": mined.one_sided,
        "histogram": [
            {"from": low, "to": high, "pairs": number}
            for low, high, number in mined.histogram.ranges()
        ],
        "environment": environment(),
    }
