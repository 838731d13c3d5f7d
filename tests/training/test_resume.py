"""Test which earlier run a training continues, and that it continues exactly there."""

import os
import shutil

import pytest
import torch
from lightning.pytorch import Callback

from leoclr_plugin.checkpoints.reading import CheckpointFolder, read_checkpoint
from leoclr_plugin.errors import UserError
from leoclr_plugin.report.curves import read_metric
from leoclr_plugin.training.pretrain import pretrain
from tests.configs import method_cfg


def config(image_folder, root, **changes):
    usual = {
        "data__dataset": "custom",
        "data__train_path": f"{image_folder}/train",
        "data__val_path": None,
        "checkpoint": {"enabled": True, "dir": str(root)},
        "method_kwargs__queue_size": 70,
        "num_sanity_val_steps": 0,
        "enable_progress_bar": False,
    }
    return method_cfg(**usual | changes)


class LeaveAfterOneEpoch(Callback):
    """Interrupt the training at the start of its second epoch."""

    def on_train_batch_start(self, trainer, *args):
        if trainer.current_epoch == 1:
            raise InterruptedError


def test_run_continues_from_its_checkpoint(image_folder, tmp_path):
    folder = pretrain(config(image_folder, tmp_path / "a", max_epochs=1))
    first = CheckpointFolder.open(folder).checkpoint
    assert read_checkpoint(first)["state_dict"]["queue_ptr"].tolist() == [5 * 16 % 70]

    changes = {"max_epochs": 2, "resume_from_checkpoint": str(first)}
    folder = pretrain(config(image_folder, tmp_path / "b", **changes))
    second = read_checkpoint(CheckpointFolder.open(folder).checkpoint)
    assert second["global_step"] == 10
    assert second["state_dict"]["queue_ptr"].tolist() == [10 * 16 % 70]
    assert first.exists()


@pytest.mark.parametrize("method", ["leoclr", "mocov2plus", "byol"])
def test_a_resumed_run_ends_as_the_uninterrupted_one(image_folder, tmp_path, method):
    changes = {"method": method, "max_epochs": 3, "auto_resume": {"enabled": True}}
    # mocov2plus takes a queue of whole batches only.
    changes["method_kwargs__queue_size"] = 64
    whole = pretrain(config(image_folder, tmp_path / "a", **changes))
    cfg = config(image_folder, tmp_path / "b", **changes)
    with pytest.raises(InterruptedError):
        pretrain(cfg.copy(), [LeaveAfterOneEpoch()])
    states = [
        read_checkpoint(CheckpointFolder.open(folder).checkpoint)["state_dict"]
        for folder in (whole, pretrain(cfg))
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_auto_resume_finds_the_run_of_the_same_configuration(image_folder, tmp_path, capsys):
    changes = {"max_epochs": 1, "auto_resume": {"enabled": True}}
    folder = pretrain(config(image_folder, tmp_path, **changes))
    weights = read_checkpoint(CheckpointFolder.open(folder).checkpoint)["state_dict"]
    capsys.readouterr()

    found = pretrain(config(image_folder, tmp_path, **changes))
    printed = capsys.readouterr().out
    assert "Resuming from" in printed
    # The run was complete, so nothing is trained again, overwritten or added.
    assert "is complete, with all of its max_epochs=1" in printed
    assert found == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    weights_after = read_checkpoint(checkpoint)["state_dict"]
    assert all(torch.equal(weights[key], weights_after[key]) for key in weights)

    capsys.readouterr()
    pretrain(config(image_folder, tmp_path, **changes, name="another"))
    assert "Resuming from" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 6}, "seed"),
        ({"method_kwargs__temperature": 0.1}, "method_kwargs"),
        ({"momentum__base_tau": 0.98}, "momentum"),
        ({"precision": "bf16-mixed", "data__fraction": 0.5}, "data.fraction, precision"),
    ],
)
def test_auto_resume_rejects_a_training_with_other_settings(
    image_folder, tmp_path, capsys, changes, named
):
    common = {"max_epochs": 1, "auto_resume": {"enabled": True}}
    first = pretrain(config(image_folder, tmp_path, **common))
    capsys.readouterr()
    second = pretrain(config(image_folder, tmp_path, **common, **changes))
    line = f"{first} is not resumed because these settings differ: {named};"
    assert line in capsys.readouterr().out
    assert second != first
    # The first run is found although the second is newer and the host would have taken it.
    assert pretrain(config(image_folder, tmp_path, **common)) == first
    assert "is not resumed" not in capsys.readouterr().out


def test_auto_resume_names_a_damaged_configuration(image_folder, tmp_path):
    changes = {"max_epochs": 1, "auto_resume": {"enabled": True}}
    args = pretrain(config(image_folder, tmp_path, **changes)) / "args.json"
    args.write_bytes(args.read_bytes()[:-3])
    with pytest.raises(UserError, match=f"{args} is damaged: "):
        pretrain(config(image_folder, tmp_path, **changes))


def test_resumed_training_continues_its_wandb_run(image_folder, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    changes = {
        "max_epochs": 2,
        "auto_resume": {"enabled": True},
        "wandb": {"enabled": True, "offline": True},
    }
    with pytest.raises(InterruptedError):
        pretrain(config(image_folder, tmp_path, **changes), [LeaveAfterOneEpoch()])
    (run,) = (tmp_path / "leoclr").iterdir()
    metrics_before = (run / "metrics.csv").read_bytes()
    # A process has only one wandb run, so finish it as the end of the process would.
    wandb.finish()

    assert pretrain(config(image_folder, tmp_path, **changes)) == run
    assert [path.name for path in run.parent.iterdir()] == [run.name]
    assert (run / "metrics-1.csv").read_bytes() == metrics_before
    assert read_metric(run / "metrics.csv", "train_nce_loss_epoch")[0][0] == 2
    runs = [path.name for path in (tmp_path / "wandb").glob("offline-run-*")]
    assert len(runs) == 2
    assert all(name.endswith(f"-{run.name}") for name in runs)
    wandb.finish()


def test_auto_resume_takes_the_newest_checkpoint_of_a_run(image_folder, tmp_path, capsys):
    changes = {"max_epochs": 2, "auto_resume": {"enabled": True}}
    folder = pretrain(config(image_folder, tmp_path, **changes))
    (last,) = folder.glob("*.ckpt")
    for i in range(8):
        earlier = folder / f"test-ep={i + 10}.ckpt"
        earlier.write_bytes(last.read_bytes())
        os.utime(earlier, (1, 1))
    capsys.readouterr()
    pretrain(config(image_folder, tmp_path, **changes))
    assert f"Resuming from {last}\n" in capsys.readouterr().out


def test_auto_resume_leaves_the_checkpoints_of_callbacks_alone(image_folder, tmp_path, capsys):
    changes = {"max_epochs": 2, "auto_resume": {"enabled": True}}
    folder = pretrain(config(image_folder, tmp_path, **changes))
    (last,) = folder.glob("*.ckpt")
    (folder / "best").mkdir()
    shutil.copy(folder / "args.json", folder / "best")
    (folder / "best" / "best.ckpt").write_bytes(last.read_bytes())
    capsys.readouterr()
    assert pretrain(config(image_folder, tmp_path, **changes)) == folder
    assert f"Resuming from {last}\n" in capsys.readouterr().out


def test_weights_without_an_optimizer_cannot_be_resumed(image_folder, tmp_path):
    folder = pretrain(config(image_folder, tmp_path / "a", max_epochs=1))
    content = read_checkpoint(CheckpointFolder.open(folder).checkpoint)
    del content["optimizer_states"]
    torch.save(content, tmp_path / "weights.ckpt")
    changes = {"max_epochs": 2, "resume_from_checkpoint": str(tmp_path / "weights.ckpt")}
    with pytest.raises(UserError, match="has only weights; resuming needs the training's state"):
        pretrain(config(image_folder, tmp_path / "b", **changes))
