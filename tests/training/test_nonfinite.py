"""Test what happens to a run with a batch of NaN in the middle."""

from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback
from omegaconf import OmegaConf

from leoclr_plugin.checkpoints.reading import CheckpointFolder, read_checkpoint
from leoclr_plugin.checkpoints.writing import AtomicCheckpointIO
from leoclr_plugin.errors import UserError
from leoclr_plugin.report.curves import read_metric
from leoclr_plugin.training.nonfinite import StopOnNonfinite, nonfinite_guard
from leoclr_plugin.training.pretrain import pretrain
from tests.configs import method_cfg


class NanAt(Callback):
    """Makes the first view of some batches NaN, and keeps the state before each step."""

    def __init__(self, *steps):
        self.steps, self.states = steps, []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        state = {key: value.clone() for key, value in pl_module.state_dict().items()}
        self.states.append(state)
        if len(self.states) - 1 in self.steps:
            batch[1][0].fill_(float("nan"))


def train(image_folder, root, nan, **changes):
    cfg = method_cfg(
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=None,
        checkpoint={"enabled": True, "dir": str(root)},
        enable_progress_bar=False,
        **{"max_epochs": 2, **changes},
    )
    return pretrain(cfg, [nan])


def test_stop_names_the_step_the_terms_and_the_last_good_checkpoint(image_folder, tmp_path):
    nan = NanAt(7)
    with pytest.raises(UserError) as caught:
        train(image_folder, tmp_path, nan)
    # On a CPU the run stops at once, before the end of the epoch.
    assert len(nan.states) == 8
    (good,) = tmp_path.rglob("*.ckpt")
    assert str(caught.value) == (
        "step 8 has a loss that is not finite (contrastive loss nan, key projection 1 nan, "
        f"loss nan); the last good checkpoint is {good}; lower optimizer.lr, or look at the batch"
    )
    assert read_checkpoint(good)["global_step"] == 5


def test_the_end_of_an_epoch_waits_for_values_that_have_not_arrived():
    guard = StopOnNonfinite(AtomicCheckpointIO(None))
    values = torch.zeros(3, 1)

    def synchronize():
        values.copy_(torch.tensor([[1.0], [float("nan")], [2.0]]))

    # The events of a CUDA stream occur in order, so it is enough to wait for the last one.
    events = [None, None, SimpleNamespace(synchronize=synchronize)]
    for step, (value, event) in enumerate(zip(values, events, strict=True), start=4):
        guard._pending.append((step, ["loss"], value, event))
    with pytest.raises(UserError, match=r"^step 5 has a loss that is not finite \(loss nan\); "):
        guard.on_train_epoch_end(SimpleNamespace(world_size=1), None)
    assert not guard._pending


@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
def test_skip_leaves_out_the_step(image_folder, tmp_path, method):
    nan = NanAt(2)
    folder = train(image_folder, tmp_path, nan, method=method, on_nonfinite="skip", **views(method))
    before, after = nan.states[2:4]
    # The momentum encoder is updated as after any other step. Nothing else changes.
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed
    assert all(key.startswith("momentum_") for key in changed)
    assert not [key for key in changed if "running" in key or "batches" in key]
    checkpoint = read_checkpoint(CheckpointFolder.open(folder).checkpoint)
    weights = checkpoint["state_dict"]
    assert all(torch.isfinite(value.float()).all() for value in weights.values())
    assert not torch.equal(weights["backbone.0.weight"], after["backbone.0.weight"])
    assert read_metric(folder / "metrics.csv", "train_nonfinite_skipped") == [(1, 1), (2, 1)]


def views(method):
    return {} if method == "leoclr" else {"augmentations": method_cfg("mocov2plus").augmentations}


def test_the_number_of_skipped_steps_is_limited(image_folder, tmp_path):
    changes = {"on_nonfinite": "skip", "max_nonfinite": 2}
    train(image_folder, tmp_path / "two", NanAt(2, 7), **changes)
    with pytest.raises(
        UserError, match=r"max_nonfinite=2 steps were skipped before it; .*lower optimizer\.lr"
    ):
        train(image_folder, tmp_path / "three", NanAt(2, 4, 7), **changes)


def test_a_resumed_run_continues_the_count_of_skipped_steps(image_folder, tmp_path):
    changes = {"on_nonfinite": "skip", "max_nonfinite": 2}
    folder = train(image_folder, tmp_path / "one", NanAt(2, 3), **changes)
    (checkpoint,) = folder.glob("*.ckpt")
    changes["resume_from_checkpoint"] = str(checkpoint)
    with pytest.raises(UserError, match="max_nonfinite=2 steps were skipped before it"):
        train(image_folder, tmp_path / "two", NanAt(2), **changes, max_epochs=3)


def test_ignore_makes_the_step(image_folder, tmp_path):
    nan = NanAt(2)
    train(image_folder, tmp_path, nan, on_nonfinite="ignore")
    assert len(nan.states) == 10
    assert nan.states[3]["backbone.0.weight"].isnan().all()


def test_a_method_without_targets_in_its_first_epoch_is_not_stopped():
    def guard(method):
        return nonfinite_guard(OmegaConf.create({"method": method}), AtomicCheckpointIO(None))

    assert type(guard("deepclusterv2")) is Callback
    assert type(guard("leoclr")) is StopOnNonfinite


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"on_nonfinite": "hope"}, "on_nonfinite=hope must be one of stop, skip"),
        (
            {"on_nonfinite": "skip", "max_nonfinite": 0},
            "max_nonfinite=0 must be a whole number of at least 1",
        ),
    ],
)
def test_other_settings_are_refused(image_folder, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        train(image_folder, tmp_path, NanAt(), **changes)
    assert not list(tmp_path.iterdir())
