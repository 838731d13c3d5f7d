"""A model's card: everything that the manifest says about the model, as Markdown."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import quote

from leoclr_plugin.evaluation.protocol import LINEAR_EPOCHS, ZOO_RATE
from leoclr_plugin.terminal import printable
from leoclr_plugin.zoo.manifest import Entry


def card(entry: Entry) -> str:
    """Return the card of an entry as Markdown. ``zoo/<name>.md`` holds this text."""
    height, width = entry.size
    rows = {
        "method": entry.method,
        "backbone": f"{entry.backbone} without classifier, in half precision",
        "data": f"{entry.dataset}, {entry.images} training images at {height} x {width} px",
        "epochs": entry.length,
        "seed": str(entry.seed),
        "hardware": entry.hardware,
        "hours": f"{entry.hours:.2f}",
        "commit": entry.commit,
        "configuration": entry.config,
        "file": f"{entry.file}, {entry.bytes / 1e6:.1f} MB",
        "SHA-256": f"`{entry.sha256}`",
        "licence": entry.licence,
    }
    cells = {key: _text(value) for key, value in rows.items()}
    cells["configuration"] = f"[{cells['configuration']}]({quote(entry.config)})"
    lines = [
        f"# {_text(entry.name)}",
        "",
        f"This model was trained on images of {height} px for {entry.length} epochs. "
        f"{_text(entry.limits)}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in cells.items()),
        "",
        "This command trained it:",
        "",
        f"    {printable(entry.command)}",
        "",
        "## Results",
        "",
        *_table(entry.results),
        "",
        f"`leoclr zoo eval {_text(entry.name)} --data FOLDER` measures these figures on the "
        "validation images. kNN uses k = 20, cosine similarity and a temperature of 0.07; its "
        "spread is the standard error over the images. The linear probe is trained for "
        f"{LINEAR_EPOCHS} epochs at a learning rate of {ZOO_RATE}, on features that were extracted "
        "once; its figures are the mean and the standard deviation over three seeds. Its results "
        "on different machines differ by less than this deviation.",
    ]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Return a field of the manifest as text of Markdown that is no HTML, link or end of a cell."""
    return re.sub(r"[\\|\[\]]", r"\\\g<0>", escape(printable(text), quote=False))


def _table(results: dict[str, dict[str, float]]) -> list[str]:
    titles = {"top1": "top-1 %", "top5": "top-5 %", "mAP": "mAP %"}
    first, *others = (name for name in titles if name in results["knn"])
    lines = [
        f"| | {' | '.join(titles[name] for name in (first, *others))} |",
        "|---" * (2 + len(others)) + "|",
    ]
    for title, figures in (("kNN", results["knn"]), ("linear probe", results["linear"])):
        cells = [f"{figures[first]:.2f} ± {figures['spread']:.2f}"]
        cells += [f"{figures[name]:.2f}" for name in others]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines
