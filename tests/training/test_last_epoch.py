"""The last epoch is saved with every checkpoint frequency."""

from types import SimpleNamespace

import pytest
import torch

from leoclr_plugin.training.last_epoch import SaveLastEpoch
from tests.configs import small_config
from tests.conftest import available_hosts, run_leoclr


@pytest.mark.parametrize("host", available_hosts())
def test_the_last_epoch_is_saved(image_folder, tmp_path, host):
    settings = ["checkpoint.frequency=2", "max_epochs=2", "+enable_progress_bar=False"]
    run = run_leoclr("pretrain", *small_config(image_folder), *settings, cwd=tmp_path, host=host)
    assert run.returncode == 0, run.stderr
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    assert checkpoint.stem.endswith("-ep=1")
    loops = torch.load(checkpoint, weights_only=True)["loops"]
    assert loops["fit_loop"]["epoch_progress"]["current"]["processed"] == 2


@pytest.mark.parametrize(
    ("state", "saves"),
    [
        ({}, 0),
        ({"max_epochs": 4}, 1),
        ({"max_steps": 20}, 1),
        ({"should_stop": True}, 1),
        # The host itself saves after epoch 2.
        ({"current_epoch": 2, "max_epochs": 3}, 0),
        ({"current_epoch": 2, "should_stop": True}, 0),
    ],
)
def test_run_is_saved_once_at_its_end(state, saves):
    saved = []
    checkpointer = SimpleNamespace(frequency=2, save=saved.append)
    running = {"should_stop": False, "current_epoch": 3, "max_epochs": 9}
    trainer = SimpleNamespace(**{**running, "global_step": 20, "max_steps": -1, **state})
    SaveLastEpoch(checkpointer).on_train_epoch_end(trainer, None)
    assert saved == [trainer] * saves
