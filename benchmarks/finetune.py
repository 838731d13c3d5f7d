"""Fine-tune the zoo's models with 1 % and 10 % of Imagenette's labels, at 64 px on one CPU core.

usage: python benchmarks/finetune.py DATA OUT [NETWORK...]

``DATA`` holds the folders ``train`` and ``val``. ``OUT`` gets a folder for each network and
all results in ``finetune.json``. What is finished there is not trained again. A network is a model
of the zoo, or ``untrained``; the default is all of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import read_json, write_json
from leoclr_plugin.zoo.manifest import read_manifest

_UNTRAINED = "untrained"
_EPOCHS = {"1%": 15, "10%": 3}
_ALL = (
    *("data.num_workers=1", "accelerator=cpu", "precision=32", "strategy=auto"),
    *("sync_batchnorm=False", "+num_sanity_val_steps=0", "+enable_progress_bar=False"),
)
_RECIPE = (
    *(
        "crop_size=64",
        "optimizer.batch_size=32",
        "optimizer.lr=0.02",
        "optimizer.classifier_lr=0.1",
    ),
    *("scheduler.warmup_epochs=0", "checkpoint.enabled=False"),
)


def leoclr(*words: object) -> None:
    """Run a command of the package, and fail if it fails."""
    subprocess.run([sys.executable, "-m", "leoclr_plugin", *map(str, words)], check=True)


def untrained_run(folders: list[str], out: Path) -> Path:
    """Write a checkpoint of a network after one step with a learning rate of 0."""
    still = [
        "optimizer.lr=0",
        "optimizer.classifier_lr=0",
        "+limit_train_batches=1",
        "max_epochs=1",
    ]
    small = ["optimizer.batch_size=2", "method_kwargs.queue_size=2", "data.val_path=null"]
    small += ["augmentations.0.crop_size=64", "augmentations.1.crop_size=[64,64]"]
    if not out.exists():
        words = [*folders[:1], *_ALL, *still, *small, f"checkpoint.dir={out}"]
        leoclr("pretrain", "imagenette/leoclr", *words)
    (run,) = (out / "leoclr").iterdir()
    return run


def train(source: object, labels: str, folders: list[str], out: Path) -> dict[str, Any]:
    """Fine-tune a network, or read what an earlier call measured."""
    path = out / f"finetune-{labels.removesuffix('%')}-percent.json"
    if not path.exists():
        epochs = _EPOCHS[labels]
        # One validation, at the end, takes most of the time of an epoch with few labels.
        budget = [f"max_epochs={epochs}", f"+check_val_every_n_epoch={epochs}"]
        leoclr(
            "finetune", source, "--labels", labels, "--out", out, *folders, *_ALL, *_RECIPE, *budget
        )
    return read_json(path)


def main() -> None:
    """Train all networks, write the JSON and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    names = [*read_manifest(), _UNTRAINED]
    parser.add_argument("networks", nargs="*", default=names, metavar="NETWORK")
    args = parser.parse_args()
    folders = [f"data.{part}_path={args.data / part}" for part in ("train", "val")]
    sources = {name: f"zoo:{name}" for name in args.networks if name != _UNTRAINED}
    if _UNTRAINED in args.networks:
        sources[_UNTRAINED] = untrained_run(folders, args.out / "untrained-run")
    results = {
        name: {labels: train(source, labels, folders, args.out / name) for labels in _EPOCHS}
        for name, source in sources.items()
    }
    recipe = {"all": _ALL, "recipe": _RECIPE, "epochs": _EPOCHS}
    write_json(
        args.out / "finetune.json",
        {"environment": environment(), "settings": recipe, "results": results},
    )
    rows = [
        (name, *(f"{by_labels[labels]['top1']:.2f}" for labels in _EPOCHS))
        for name, by_labels in results.items()
    ]
    print(text_table(("network", "1 % of labels, top-1 %", "10 %, top-1 %"), rows))


if __name__ == "__main__":
    main()
