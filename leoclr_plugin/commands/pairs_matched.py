"""Write pairs of different instances and their matched control: ``leoclr pairs matched``."""

from __future__ import annotations

import argparse
import shlex

from leoclr_plugin.commands.pairs_mine import pictures_in_files
from leoclr_plugin.commands.results import results_folder
from leoclr_plugin.terminal import say

_PAIRS, _LIST, _COUNTS = "pairs-instances.csv", "images.txt", "matched.json"


def run(args: argparse.Namespace) -> None:
    """Write the pairs, the list of images that both trainings use, and what they hold."""
    from leoclr_plugin.data.lists import write_list
    from leoclr_plugin.data.pairs.matched import match, pairs_by_class
    from leoclr_plugin.data.pairs.places import place_pairs
    from leoclr_plugin.data.pairs.table import read_pairs, write_pairs
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.system.files import write_json

    table = read_pairs(args.file)
    pictures = pictures_in_files(args.data)
    names, labels = pictures.names, pictures.labels
    if labels is None:
        raise UserError(
            f"{args.data} has no classes, and the matched sets need them; sort the images into "
            "class folders, or put a labels.csv beside them"
        )
    placed = place_pairs(args.file, table, args.data, names, labels)
    matched = match(placed)
    if not len(matched.images):
        raise UserError(
            f"{args.file} has no pair of two images of one class; {matched.other_class} are of "
            f"two classes, and {matched.unknown} of an unknown one"
        )
    by_class = pairs_by_class(matched, labels)
    say(f"{len(matched.images)} training pairs an epoch in either set, of {len(by_class)} classes")
    say(
        f"Left out: {matched.other_class} pairs of two classes, {matched.unknown} of an unknown "
        "class"
    )
    folder = results_folder(args.out, args.out)
    scores, weights = table.scores[matched.rows], table.weights[matched.rows]
    kinds = [table.kinds[row] for row in matched.rows.tolist()]
    write_pairs(
        folder / _PAIRS,
        (
            (names[i], names[j], score)
            for (i, j), score in zip(matched.pairs.tolist(), scores.tolist(), strict=True)
        ),
        None if (weights == 1).all() else weights.tolist(),
        kinds if any(kinds) else None,
    )
    write_list(folder / _LIST, (names[i] for i in matched.images.tolist()))
    content = {
        "file": str(args.file),
        "data": str(args.data),
        "images": len(matched.images),
        "pairs": len(matched.pairs),
        "pairs_an_epoch_by_class": by_class,
        "other_class": matched.other_class,
        "unknown_class": matched.unknown,
    }
    write_json(folder / _COUNTS, content)
    common = shlex.join([f"data.train_path={args.data}", f"+data.train_list={folder / _LIST}"])
    pairs = shlex.quote(f"+data.pairs.file={folder / _PAIRS}")
    say(f"Pairs of instances: {common} {pairs}")
    say(f"Pairs of one image: {common}")
