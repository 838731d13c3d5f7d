"""A run that is interrupted and resumed ends exactly as the uninterrupted run."""

import gc
import os
import signal
import subprocess
import weakref
from contextlib import nullcontext

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from leoclr_plugin.checkpoints.reading import read_checkpoint
from leoclr_plugin.data.dali import has_dali
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.training.interruption import SaveBeforeLeaving
from tests.configs import small_config
from tests.programs import ROOT, forked_python

FORMATS = ["image_folder", *(["dali"] if has_dali() else [])]
STEPS_PER_EPOCH = 5


def train(step, event, image_folder, root, *overrides):
    """Train three epochs of five steps. ``event`` happens when ``step`` steps are done."""
    command = [forked_python(), "-m", "tests.training.interrupted", str(step), event]
    settings = [
        "max_epochs=3",
        f"checkpoint.dir={root}",
        "checkpoint.frequency=1",
        "auto_resume.enabled=True",
        "method_kwargs.queue_size=70",
        "momentum.final_tau=1.0",
        "data.num_workers=1",
        "+num_sanity_val_steps=0",
        "+enable_progress_bar=False",
    ]
    return subprocess.run(
        [*command, *small_config(image_folder), *settings, *overrides],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def last(root):
    """Return the newest checkpoint under ``root``."""
    return max(root.rglob("*.ckpt"), key=lambda path: path.stat().st_ctime)


def differences(a, b, path=""):
    """Return the paths at which two nested structures of a checkpoint differ."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        return [d for key in a for d in differences(a[key], b[key], f"{path}.{key}")]
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        pairs = enumerate(zip(a, b, strict=True))
        return [d for i, (x, y) in pairs for d in differences(x, y, f"{path}[{i}]")]
    same = torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    return [] if same else [path]


@pytest.fixture(scope="module", params=FORMATS)
def uninterrupted(request, image_folder, tmp_path_factory):
    """The data format and the last checkpoint of an uninterrupted run."""
    root = tmp_path_factory.mktemp("whole")
    run = train(0, "none", image_folder, root, f"data.format={request.param}")
    assert run.returncode == 0, run.stderr[-3000:]
    return request.param, read_checkpoint(last(root))


@pytest.mark.parametrize(
    ("step", "event", "code", "saved_step"),
    [
        # A run that is killed within its second epoch only has the checkpoint of its first.
        (8, "SIGKILL", -9, 5),
        (8, "SIGTERM", 143, 8),
        # The signal comes before the first step of an epoch, and before the first of the run.
        (5, "SIGUSR1", 138, 5),
        (0, "SIGTERM", 143, 0),
    ],
)
def test_interrupted_run_ends_as_the_uninterrupted_one(
    uninterrupted, image_folder, tmp_path, step, event, code, saved_step
):
    form, expected = uninterrupted
    run = train(step, event, image_folder, tmp_path, f"data.format={form}")
    assert run.returncode == code, run.stderr[-3000:]
    assert read_checkpoint(last(tmp_path))["global_step"] == saved_step
    if event != "SIGKILL":
        assert run.stderr.splitlines()[-1].startswith(f"{event}: saved {last(tmp_path)} after step")
    run = train(0, "none", image_folder, tmp_path, f"data.format={form}")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Resuming from" in run.stdout
    resumed = read_checkpoint(last(tmp_path))
    assert resumed["global_step"] == expected["global_step"] == 3 * STEPS_PER_EPOCH
    for part in ("state_dict", "optimizer_states", "lr_schedulers"):
        assert differences(expected[part], resumed[part]) == [], part


def test_random_numbers_of_the_steps_continue():
    # Dropout uses torch's generator. The network above has no dropout, so test it here.
    sampler = ShardSampler(8, 2, seed=0, training=True)
    callback = SaveBeforeLeaving(None, sampler)
    state = callback.state_dict() | {"batches_done": 3}
    expected = torch.rand(3)
    callback.load_state_dict(state)
    assert torch.equal(torch.rand(3), expected)
    assert sampler.skipped == 3


@pytest.mark.parametrize("older", [False, True])
def test_a_run_that_an_older_version_began_is_told_that_its_draws_differ(older, capsys):
    callback = SaveBeforeLeaving(None, ShardSampler(8, 2, seed=0, training=True))
    state = callback.state_dict()
    if older:
        del state["draws"]
    callback.load_state_dict(state)
    assert ("drew its views from other random numbers" in capsys.readouterr().err) == older


class Fails(Callback):
    def on_train_batch_end(self, *args):
        raise ValueError("a step failed")


@pytest.mark.parametrize("fails", [False, True])
def test_signal_handlers_are_restored_and_the_trainer_is_freed(tmp_path, fails):
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    handlers_before = [signal.getsignal(number) for number in numbers]
    callbacks = [SaveBeforeLeaving(None, None), *([Fails()] if fails else [])]
    trainer = Trainer(max_epochs=1, callbacks=callbacks, logger=False, default_root_dir=tmp_path)
    with pytest.raises(ValueError, match="a step failed") if fails else nullcontext():
        trainer.fit(BoringModel())
    # Collect the callback before the check: handlers that it had not restored by itself would
    # only be restored now, and replace those that Lightning restored.
    reference = weakref.ref(trainer)
    del trainer, callbacks
    gc.collect()
    assert [signal.getsignal(number) for number in numbers] == handlers_before
    assert reference() is None
