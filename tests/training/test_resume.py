import os

import torch

from leoclr_plugin.evaluation.checkpoint import CheckpointFolder, read_checkpoint
from leoclr_plugin.training.pretrain import pretrain
from tests.configs import method_cfg


def config(image_folder, root, **changes):
    return method_cfg(
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=None,
        checkpoint={"enabled": True, "dir": str(root)},
        method_kwargs__queue_size=70,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        **changes,
    )


def test_a_run_goes_on_from_its_checkpoint(image_folder, tmp_path):
    folder = pretrain(config(image_folder, tmp_path / "a", max_epochs=1))
    first = CheckpointFolder.open(folder).checkpoint
    assert read_checkpoint(first)["state_dict"]["queue_ptr"].tolist() == [5 * 16 % 70]

    changes = {"max_epochs": 2, "resume_from_checkpoint": str(first)}
    folder = pretrain(config(image_folder, tmp_path / "b", **changes))
    second = read_checkpoint(CheckpointFolder.open(folder).checkpoint)
    assert second["global_step"] == 10
    assert second["state_dict"]["queue_ptr"].tolist() == [10 * 16 % 70]
    assert first.exists()


def test_auto_resume_finds_the_run_of_the_same_configuration(image_folder, tmp_path, capsys):
    changes = {"max_epochs": 1, "auto_resume": {"enabled": True}}
    folder = pretrain(config(image_folder, tmp_path, **changes))
    weights = read_checkpoint(CheckpointFolder.open(folder).checkpoint)["state_dict"]
    capsys.readouterr()

    found = pretrain(config(image_folder, tmp_path, **changes))
    printed = capsys.readouterr().out
    assert "Resuming from" in printed
    # It was complete: nothing is trained anew, nothing is written over, no folder is added.
    assert "is complete, with all of its max_epochs=1" in printed
    assert found == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    (only,) = tmp_path.rglob("*.ckpt")
    again = read_checkpoint(only)["state_dict"]
    assert all(torch.equal(weights[key], again[key]) for key in weights)

    capsys.readouterr()
    pretrain(config(image_folder, tmp_path, **changes, name="another"))
    assert "Resuming from" not in capsys.readouterr().out


def test_auto_resume_takes_the_newest_of_a_runs_checkpoints(image_folder, tmp_path, capsys):
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
