"""A model's card: all that the manifest says of it, as Markdown."""

from __future__ import annotations

from leoclr_plugin.evaluation.protocol import LINEAR_EPOCHS, ZOO_RATE
from leoclr_plugin.zoo.manifest import Entry


def card(entry: Entry) -> str:
    """Write the card of an entry; ``zoo/<name>.md`` is this text."""
    height, width = entry.size
    knn, linear = entry.results["knn"], entry.results["linear"]
    rows = {
        "method": entry.method,
        "backbone": f"{entry.backbone} without classifier, in half precision",
        "data": f"{entry.dataset}, {entry.images} training images at {height} x {width} px",
        "epochs": entry.length,
        "seed": str(entry.seed),
        "hardware": entry.hardware,
        "hours": f"{entry.hours:.2f}",
        "commit": entry.commit,
        "configuration": f"[{entry.config}]({entry.config})",
        "file": f"{entry.file}, {entry.bytes / 1e6:.1f} MB",
        "SHA-256": f"`{entry.sha256}`",
        "licence": entry.licence,
    }
    lines = [
        f"# {entry.name}",
        "",
        f"{height} px, {entry.length} epochs. {entry.limits}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in rows.items()),
        "",
        "Trained by",
        "",
        f"    {entry.command}",
        "",
        "## Results",
        "",
        "| | top-1 % | top-5 % |",
        "|---|---|---|",
        f"| kNN | {knn['top1']:.2f} ± {knn['spread']:.2f} | {knn['top5']:.2f} |",
        f"| linear probe | {linear['top1']:.2f} ± {linear['spread']:.2f} | {linear['top5']:.2f} |",
        "",
        f"On the validation images, by `leoclr zoo eval {entry.name} --data FOLDER`. kNN: k = 20, "
        "cosine, temperature 0.07; its spread is the standard error over the images. Linear: "
        f"{LINEAR_EPOCHS} epochs on features that were extracted once, at a rate of {ZOO_RATE}; "
        "mean and standard deviation over three seeds of the probe, within which it also depends "
        "on the machine.",
    ]
    return "\n".join(lines) + "\n"
