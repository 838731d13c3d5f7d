"""Add a finished run to the zoo: its weights, configuration, card and manifest entry.

usage: python -m leoclr_plugin.zoo.publish RUN NAME --data FOLDER --command COMMAND --limits TEXT
       --commit COMMIT --hours HOURS [--hardware TEXT]

Maintainers of the zoo run this in a checkout. The figures are measured on the file of weights
that is written, so they hold for the half precision that users download.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from leoclr_plugin.checkpoints.backbone import backbone_state
from leoclr_plugin.checkpoints.reading import CheckpointFolder, epoch_of, input_size
from leoclr_plugin.checkpoints.weights import read_weights, write_weights
from leoclr_plugin.config.level_rules import AUTO
from leoclr_plugin.data.datasets import build_pretrain_dataset, class_names
from leoclr_plugin.data.levels import reading_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import folder_cfg
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import read_json, whole_file, write_json, write_text
from leoclr_plugin.terminal import printable, say_text
from leoclr_plugin.zoo.card import card
from leoclr_plugin.zoo.evaluate import evaluate
from leoclr_plugin.zoo.fetch import sha256
from leoclr_plugin.zoo.manifest import Entry, make_entry, zoo_folder
from leoclr_plugin.zoo.model import build_backbone

# English names of the class folders of Imagenette.
_CLASS_NAMES = {
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
# These settings hold paths and names that only mean something on the machine of the training.
_MACHINE_SETTINGS = (
    "train_path",
    "val_path",
    "dir",
    "wandb_run_id",
    "resume_from_checkpoint",
    "labels",
    "val_labels",
    "train_list",
    "val_list",
    "transfer",
)


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
    """Write ``<name>.safetensors``, ``<name>.json``, ``<name>.md`` and the manifest's entry.

    Args:
        run: folder of the run's checkpoint.
        name: name of the model.
        data: folder that holds ``train`` and ``val``, for the evaluation.
        command: command that trained the model.
        limits: what to know before using the model, in whole sentences. The card gives the image
            size and the epochs before them.
        commit: commit that trained the model.
        hours: duration of the training.
        hardware: hardware of the training; None means this machine.

    Returns:
        The new entry.

    Raises:
        UserError: if the network was trained on other images than ``zoo.load``'s ``preprocess``
            makes, which are RGB of 8 bits with the data set's own normalisation.
    """
    folder = zoo_folder()
    source = CheckpointFolder.open(run)
    cfg = source.cfg
    _check_reading(run, cfg.data)
    about = {"method": cfg.method, "backbone": cfg.backbone.name, "dataset": cfg.data.dataset}
    weights = folder / f"{name}.safetensors"
    with whole_file(weights) as part:
        write_weights(backbone_state(source), part, {"name": name, **about}, half=True)
    config = folder / f"{name}.json"
    write_json(config, _without_machine_settings(read_json(source.folder / "args.json")))

    machine = environment()
    evaluated = folder_cfg(cfg.data.dataset, data, cfg.data.num_workers)
    fields = {
        **about,
        "file": weights.name,
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
        "images": len(build_pretrain_dataset(cfg.data)),
        "size": input_size(cfg),
        "classes": list(_class_names(evaluated.data)),
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
        "licence": "MIT, like this package; the images' own terms apply to what is learned from "
        "them",
        "limits": limits,
    }
    entry = make_entry(name, fields)
    backbone = build_backbone(entry, read_weights(weights))
    fields["results"] = evaluate(entry, backbone, evaluated)
    entry = make_entry(name, fields)

    manifest = folder / "manifest.json"
    content = read_json(manifest)
    content["models"][name] = fields
    write_json(manifest, content)
    write_text(folder / f"{name}.md", card(entry))
    return entry


def _check_reading(run: Path, data: DictConfig) -> None:
    own = [
        f"data.{key}={value}"
        for key, value in reading_of(data).items()
        if value not in (AUTO, False)
    ]
    if own:
        raise UserError(
            f"{run} was trained with {', '.join(own)}, and the zoo's users get RGB of 8 bits with "
            "the data set's own normalisation; share this network by leoclr export"
        )


def _class_names(data: DictConfig) -> Iterable[str]:
    folders = (path.name for path in sorted(Path(data.val_path).iterdir()))
    return class_names(data) or [_CLASS_NAMES.get(name, name) for name in folders]


def _without_machine_settings(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_machine_settings(value)
            for key, value in node.items()
            if key not in _MACHINE_SETTINGS
        }
    if isinstance(node, list):
        return [_without_machine_settings(value) for value in node]
    return node


def main() -> None:
    """Publish the run that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the run's checkpoint")
    parser.add_argument("name", help="name of the model in the zoo")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds train and val")
    parser.add_argument("--command", required=True, help="command that trained the model")
    parser.add_argument("--limits", required=True, help="what to know before using the model")
    parser.add_argument("--commit", required=True, help="commit that trained the model")
    parser.add_argument("--hours", type=float, required=True, help="duration of the training")
    parser.add_argument("--hardware", help="hardware of the training (default: this machine)")
    try:
        say_text(card(publish(**vars(parser.parse_args()))))
    except UserError as error:
        parser.exit(2, f"error: {printable(error)}\n")


if __name__ == "__main__":
    main()
