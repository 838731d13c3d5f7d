"""Show the similarities of pairs, some of the pairs, and their classes: ``leoclr pairs report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.pairs_mine import pictures_in_files
from leoclr_plugin.commands.results import results_folder
from leoclr_plugin.terminal import say, say_text


def run(args: argparse.Namespace) -> None:
    """Print the table, and write it with the histogram and the grid."""
    from PIL import Image

    from leoclr_plugin.data.pairs.places import place_pairs
    from leoclr_plugin.data.pairs.table import read_pairs
    from leoclr_plugin.report.html import Report
    from leoclr_plugin.report.pairs import histogram_svg, pair_grid, ranges_of
    from leoclr_plugin.report.tables import text_table
    from leoclr_plugin.system.files import whole_file, write_json, write_text

    table = read_pairs(args.file)
    pictures = pictures_in_files(args.data)
    placed = place_pairs(args.file, table, args.data, pictures.names, pictures.labels)
    ranges = ranges_of(table.scores, placed.same)
    header = ("similarity", "pairs", "one class %")
    rows = [
        (one.name, str(len(one.rows)), "-" if one.share is None else f"{one.share:.1f}")
        for one in ranges
    ]
    known, same = int((placed.same >= 0).sum()), int((placed.same == 1).sum())
    rows.append(("all", str(len(table)), f"{100 * same / known:.1f}" if known else "-"))
    say_text(text_table(header, rows))
    svg = histogram_svg(ranges)
    grid = pair_grid(
        ranges,
        placed.images,
        placed.partners,
        placed.same,
        lambda index: Image.fromarray(pictures.images.decode(index)),
    )
    folder = results_folder(args.out, args.file.absolute().parent)
    paths = {
        end: folder / f"{args.file.stem}-{end}"
        for end in ("report.html", "report.json", "histogram.svg", "grid.png")
    }
    page = Report(f"Pairs of {args.file.name}")
    page.text("Green: both images are of one class. Red: they are not. Grey: a class is unknown.")
    page.heading("Similarities")
    page.svg(svg)
    page.table(header, rows)
    page.heading("Random pairs of each range")
    page.picture(grid, "Random pairs of each range")
    page.write(paths["report.html"])
    write_text(paths["histogram.svg"], svg)
    with whole_file(paths["grid.png"]) as part:
        grid.save(part)
    content = {
        "file": str(args.file),
        "data": str(args.data),
        "images": len(pictures.names),
        "pairs": len(table),
        "known": known,
        "same_class": same,
        "ranges": [
            {
                "from": one.low,
                "to": one.high,
                "pairs": len(one.rows),
                "known": one.known,
                "same_class": one.same,
            }
            for one in ranges
        ],
    }
    write_json(paths["report.json"], content)
    say(f"Written to {', '.join(str(path) for path in map(Path, paths.values()))}")
