"""Test ``leoclr pretrain``: showing its config, and several trainings by ``--multirun``."""

from pathlib import Path

import pytest

from leoclr_plugin.commands.main import main
from leoclr_plugin.config import load_config
from tests.configs import small_config
from tests.conftest import run_leoclr
from tests.runs import run_folder


def test_shown_config_is_the_one_of_the_training(capsys, tmp_path):
    changes = ["max_epochs=3", "+new.key=1", "augmentations=crops_and_original"]
    assert main(["pretrain", "imagenette/mocov2plus", *changes, "--cfg", "job"]) == 0
    shown = tmp_path / "mine.yaml"
    shown.write_text(capsys.readouterr().out)
    expected = load_config("imagenette/mocov2plus", "pretrain", changes)
    assert load_config(str(shown), "pretrain") == expected
    assert expected.max_epochs == 3


def test_multirun_trains_with_each_value_and_names_the_failed_ones(image_folder, tmp_path):
    settings = ["accelerator=cpu", "max_epochs=1", "method_kwargs.queue_size=64"]
    settings += ["--multirun", "--debug"]
    sweep = "+method_kwargs.query=neither,anchor"
    run = run_leoclr("pretrain", *small_config(image_folder), *settings, sweep, cwd=tmp_path)
    titles = [line for line in run.stdout.splitlines() if line.startswith("Training ")]
    assert [title.split(":")[0] for title in titles] == ["Training 1 of 2", "Training 2 of 2"]
    assert titles[0].endswith(" +method_kwargs.query=neither")
    assert len(list(tmp_path.glob("trained_models/leoclr/*/*.ckpt"))) == 1
    assert run.returncode == 2
    # One traceback is of the failed training and one of the whole command.
    assert run.stderr.count("Traceback") == 2
    line = run.stderr.strip().splitlines()[-1]
    assert line == "leoclr pretrain: 1 of 2 trainings failed: 1; their errors are printed above"


def test_multirun_starts_nothing_when_a_later_config_is_refused(
    capsys, image_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    sweep = "augmentations=crops_and_original,three"
    assert main(["pretrain", *small_config(image_folder), sweep, "-m"]) == 2
    captured = capsys.readouterr()
    assert "three" in captured.err
    assert captured.out == ""
    assert not Path("trained_models").exists()


def test_multirun_under_torchrun_is_refused(capsys, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert main(["pretrain", "imagenette/leoclr", "seed=1,2", "-m"]) == 2
    assert "--multirun is not for torchrun" in capsys.readouterr().err


def test_fast_dev_run_leaves_nothing_behind(capsys, image_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = [*small_config(image_folder)[1:3], "accelerator=cpu", "+fast_dev_run=True"]
    settings += ["optimizer.batch_size=8", "data.num_workers=0"]
    sizes = small_config(image_folder)[3:6]
    assert main(["pretrain", "custom/leoclr", *settings, *sizes]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    source = run_folder(tmp_path / "run", backbone__name="small_convnet")
    files_before = sorted(tmp_path.rglob("*"))
    assert main(["linear", str(source.folder), *settings]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == files_before


def test_several_values_without_multirun_are_refused(capsys):
    assert main(["pretrain", "imagenette/leoclr", "seed=1,2"]) == 2
    assert "--multirun" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["pretrain", "imagenette/leoclr", "-m", "--cfg", "job"])
