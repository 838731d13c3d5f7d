"""Run solo-learn's own scripts as its users do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from tests.programs import forked_python

needs_solo_learn = pytest.mark.skipif(
    not os.environ.get("SOLO_LEARN_HOME"), reason="SOLO_LEARN_HOME names no clone"
)
HAS_STOCK_UMAP = all(map(importlib.util.find_spec, ("umap", "seaborn", "pandas", "wandb")))
needs_stock_umap = pytest.mark.skipif(
    not HAS_STOCK_UMAP, reason="solo-learn's UMAP needs umap, seaborn, pandas and wandb"
)
CPU = ("accelerator=cpu", "devices=[0]", "precision=32", "strategy=null", "data.num_workers=0")


def stock(script: str, *args: object, folder: Path | None = None) -> subprocess.CompletedProcess:
    """Run a script of the clone by Python, in ``folder`` or else in the clone."""
    home = Path(os.environ["SOLO_LEARN_HOME"])
    environment = {key: value for key, value in os.environ.items() if key != "LEOCLR_HOST"}
    return subprocess.run(
        [forked_python(), str(home / script), *map(str, args)],
        cwd=folder or home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def pretrain(image_folder: Path, folder: Path, *more: str) -> subprocess.CompletedProcess:
    """Train ``leoclr`` for one small epoch by main_pretrain.py, and write it to ``folder``."""
    run = stock(
        "main_pretrain.py",
        *("--config-path", "scripts/pretrain/custom", "--config-name", "leoclr", *CPU),
        f"data.train_path={image_folder}/train",
        f"data.val_path={image_folder}/val",
        "augmentations.0.crop_size=32",
        "augmentations.1.crop_size=[32,32]",
        "method_kwargs.queue_size=64",
        "optimizer.batch_size=8",
        "max_epochs=1",
        "++knn_eval.enabled=True",
        f"checkpoint.dir={folder}",
        *more,
        folder=folder,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run
