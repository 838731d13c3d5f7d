"""Test callbacks, loggers and a schedule of the weight decay that a configuration names."""

import csv
import json
import math

import pytest
import torch
from lightning.pytorch import Callback

from leoclr_plugin.commands.main import main
from tests.configs import small_config

EARLY = "lightning.pytorch.callbacks.EarlyStopping"
BEST = "lightning.pytorch.callbacks.ModelCheckpoint"


class Recorder(Callback):
    """Keeps the weight decay of each step."""

    decays: list[list[float]] = []

    def on_train_batch_end(self, trainer, *_):
        groups = trainer.optimizers[0].param_groups
        self.decays.append([group["weight_decay"] for group in groups])


@pytest.fixture(autouse=True)
def work_in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pretrain(image_folder, *overrides):
    return main([str(word) for word in ("pretrain", *small_config(image_folder), *overrides)])


def run_of(tmp_path):
    (run,) = (tmp_path / "trained_models" / "leoclr").iterdir()
    return run


def test_early_stopping_best_checkpoint_and_a_logger(image_folder, tmp_path, capsys):
    stop = f"{{_target_: {EARLY}, monitor: val_acc1, mode: min, patience: 0, min_delta: 100}}"
    best = f"{{_target_: {BEST}, monitor: val_acc1, mode: max, filename: best}}"
    logger = "{_target_: lightning.pytorch.loggers.CSVLogger, save_dir: elsewhere}"
    words = [f"+callbacks={{stop: {stop}, best: {best}}}", f"+loggers=[{logger}]", "max_epochs=9"]
    assert pretrain(image_folder, "checkpoint.enabled=True", *words) == 0
    run = run_of(tmp_path)
    with (run / "metrics.csv").open() as file:
        epochs = {row["epoch"] for row in csv.DictReader(file)}
    # The first validation is the best one, and the second ends the training.
    assert epochs == {"0", "1"}
    assert list((tmp_path / "elsewhere").rglob("metrics.csv"))
    assert json.loads((run / "best" / "args.json").read_text())["method"] == "leoclr"
    assert [path.name for path in (run / "best").glob("*.ckpt")] == ["best.ckpt"]
    assert main(["knn", str(run / "best"), "--num_workers", "0", "--k", "5"]) == 0
    assert (run / "best" / "knn.json").is_file()


def test_the_weight_decay_moves_by_half_a_cosine(image_folder):
    Recorder.decays.clear()
    words = ["optimizer.weight_decay=0.04", "+optimizer.final_weight_decay=0.4", "max_epochs=2"]
    recorder = f"+callbacks=[{{_target_: {__name__}.Recorder}}]"
    assert pretrain(image_folder, *words, recorder) == 0
    decays = torch.tensor(Recorder.decays)
    steps = len(decays)
    expected = [
        0.4 - 0.36 * (1 + math.cos(math.pi * step / (steps - 1))) / 2 for step in range(steps)
    ]
    assert steps > 3
    first = decays[0].tolist()
    # The classifier has none.
    assert set(first) == {torch.tensor(0.04).item(), 0}
    for start, column in zip(first, decays.T, strict=True):
        assert torch.allclose(column, torch.tensor(expected) if start else torch.zeros(steps))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("+callbacks=[{_target_: os.system, command: touch harm}]", "os.system is not a callback"),
        (
            "+callbacks=[{_target_: lightning.pytorch.callbacks.EarlyStoping}]",
            "callbacks[0]: no class lightning.pytorch.callbacks.EarlyStoping can be imported",
        ),
        (f"+callbacks=[{{_target_: {EARLY}}}]", "callbacks[0] cannot be made: "),
        ("+callbacks=[{patience: 3}]", "must be a node with _target_"),
        (f"+loggers=[{{_target_: {EARLY}, monitor: a}}]", "is not a logger of Lightning"),
        (f"+callbacks=[{{_target_: {BEST}}}]", "set checkpoint.enabled=True"),
        ("optimizer.weight_decay=0 +optimizer.final_weight_decay=0.5", "weight_decay=0 gives none"),
        ("+callbacks=3", "callbacks=3 must be a list, or a mapping of names, of nodes"),
        (
            f"+callbacks=[{{_target_: {EARLY}, monitor: val_acc7}}]",
            "callbacks: Early stopping conditioned on metric `val_acc7` which is not available",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(words, message, image_folder, tmp_path, capsys):
    words = words.split(" +")
    words = [words[0], *(f"+{word}" for word in words[1:])]
    assert pretrain(image_folder, *words, "checkpoint.enabled=False", "max_epochs=2") == 2
    error = capsys.readouterr().err.strip()
    assert message in error.splitlines()[-1]
    assert "Traceback" not in error
    assert not (tmp_path / "harm").exists()
