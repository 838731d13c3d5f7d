"""Put a finished run into the zoo: weights, configuration, card and manifest entry.

usage: python -m leoclr_plugin.zoo.publish RUN NAME --data FOLDER --command COMMAND --limits TEXT

For those who keep the zoo, in a checkout. The figures are measured from the file that was written.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from leoclr_plugin.data.datasets import build_pretrain_dataset
from leoclr_plugin.environment import environment
from leoclr_plugin.evaluation.checkpoint import CheckpointFolder, epoch_of, input_size
from leoclr_plugin.export.backbone import backbone_state
from leoclr_plugin.files import read_json, whole_file, write_json, write_text
from leoclr_plugin.zoo.card import card
from leoclr_plugin.zoo.evaluate import evaluate, zoo_data
from leoclr_plugin.zoo.fetch import sha256
from leoclr_plugin.zoo.manifest import Entry, make_entry, zoo_folder
from leoclr_plugin.zoo.model import build_backbone
from leoclr_plugin.zoo.weights import read_weights, write_weights

# What the folders of the data set are called by people.
_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
# Where the data lie and what a run is called is of one machine alone.
_PRIVATE = ("train_path", "val_path", "dir", "wandb_run_id", "resume_from_checkpoint")


def publish(
    run: Path,
    name: str,
    data: Path,
    command: str,
    limits: str,
    commit: str,
    hours: float,
    hardware: str | None = None,
) -> Entry:
    """Write ``<name>.safetensors``, ``<name>.json`` and ``<name>.md`` and the manifest's entry.

    Args:
        run: folder of the run's checkpoint.
        name: of the model.
        data: folder with ``train`` and ``val``, of the evaluation.
        command: that trained it.
        limits: what to know before using it; the card says the size and the epochs before this.
        commit: at which it was trained.
        hours: of training.
        hardware: that it was trained on; None for this machine's.

    Returns:
        The entry.
    """
    folder = zoo_folder()
    source = CheckpointFolder.open(run)
    cfg = source.cfg
    about = {"method": cfg.method, "backbone": cfg.backbone.name, "dataset": cfg.data.dataset}
    weights = folder / f"{name}.safetensors"
    with whole_file(weights) as part:
        write_weights(backbone_state(source), part, {"name": name, **about}, half=True)
    config = folder / f"{name}.json"
    write_json(config, _without_private(read_json(source.folder / "args.json")))

    machine = environment()
    fields = {
        **about,
        "file": weights.name,
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
        "images": len(build_pretrain_dataset(cfg.data, transform=None)),
        "size": input_size(cfg),
        "classes": [
            _CLASSES.get(path.name, path.name) for path in sorted((data / "val").iterdir())
        ],
        "epochs": cfg.max_epochs,
        "epochs_trained": epoch_of(source.checkpoint) + 1,
        "seed": cfg.seed,
        "command": command,
        "config": config.name,
        "commit": commit,
        "hardware": hardware
        or machine["gpu"]
        or f"{machine['cpu']}, {machine['cores']} cores, no GPU",
        "hours": round(hours, 2),
        "results": {},
        "licence": "MIT, as this package; the images' own terms hold for what is learned of them",
        "limits": limits,
    }
    entry = make_entry(name, fields)
    backbone = build_backbone(entry, read_weights(weights))
    fields["results"] = evaluate(entry, backbone, zoo_data(entry, data, cfg.data.num_workers))
    entry = make_entry(name, fields)

    manifest = folder / "manifest.json"
    content = read_json(manifest)
    content["models"][name] = fields
    write_json(manifest, content)
    write_text(folder / f"{name}.md", card(entry))
    return entry


def _without_private(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_private(v) for k, v in node.items() if k not in _PRIVATE}
    return [_without_private(value) for value in node] if isinstance(node, list) else node


def main() -> None:
    """Parse the arguments and publish."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, required=True)
    for option in ("command", "limits", "commit"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--hardware", help="that it was trained on, where not on this machine")
    print(card(publish(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
