"""Bad input gives one clear line on stderr and exit code 2, and existing files are kept."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from leoclr_plugin.checkpoints.reading import read_checkpoint
from leoclr_plugin.commands.main import main
from leoclr_plugin.host import host
from tests import runs
from tests.conftest import full_disk, make_folder, make_image, run_leoclr


def small(folder, *overrides: str) -> list[str]:
    """Return the arguments of a short pretraining on the images of ``folder``."""
    return [
        "pretrain",
        "custom/leoclr",
        f"data.train_path={folder}/train",
        f"data.val_path={folder}/val",
        "augmentations.0.crop_size=32",
        "augmentations.1.crop_size=[32,32]",
        "backbone.name=small_convnet",
        "optimizer.batch_size=8",
        "method_kwargs.queue_size=64",
        "data.num_workers=0",
        "max_epochs=1",
        "accelerator=cpu",
        "+enable_progress_bar=False",
        *overrides,
    ]


def refused(capsys, *args: object) -> str:
    """Run a command that must fail and return its error line."""
    assert main([str(arg) for arg in args]) == 2
    error = capsys.readouterr().err.strip()
    line = error.splitlines()[-1]
    assert line.startswith(f"leoclr {args[0]}: ")
    assert "Traceback" not in error
    return line


@pytest.fixture(autouse=True)
def work_in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run_folder(image_folder, tmp_path_factory):
    """The checkpoint folder of a short pretraining."""
    root = tmp_path_factory.mktemp("models")
    assert main(small(image_folder, f"checkpoint.dir={root}")) == 0
    (folder,) = (root / "leoclr").iterdir()
    return folder


def test_unknown_names_are_refused_with_suggestions(capsys, image_folder):
    assert "did you mean 'imagenette/leoclr'" in refused(capsys, "pretrain", "imagenete/leoclr")
    line = refused(capsys, *small(image_folder, "method=leoclrr"))
    assert "method=leoclrr must be one of " in line
    assert "(did you mean 'leoclr'" in line
    line = refused(capsys, *small(image_folder, "backbone.name=resnet19"))
    assert "did you mean 'resnet18'" in line
    line = refused(capsys, *small(image_folder, "optimizer.name=sdg"))
    assert "optimizer.name=sdg must be one of sgd, lars, adam, adamw (did you mean 'sgd'?)" in line
    line = refused(capsys, *small(image_folder, "scheduler.name=warmup_cosin"))
    assert "step, none (did you mean 'warmup_cosine'?)" in line
    assert "max_epoch" in refused(capsys, *small(image_folder, "max_epoch=3"))
    line = refused(capsys, *small(image_folder, "+auto_umap.enabled=True"))
    assert "auto_umap.enabled=True is not supported: leave it out and use leoclr umap RUN" in line


def test_lack_of_memory_is_one_line(capsys, image_folder, tmp_path):
    line = refused(capsys, *small(image_folder, f"method_kwargs.queue_size={16 * 10**12}"))
    assert line.endswith(
        "the machine is out of memory: 8192000000000000 bytes more were requested; a smaller batch "
        "needs less"
    )
    assert not list(tmp_path.iterdir())


def test_bad_values_are_refused_before_anything_is_written(capsys, image_folder, tmp_path):
    line = refused(capsys, *small(image_folder, "devices=0", "precision=17"))
    assert "devices=0 must be a number of devices, a list of their numbers" in line
    assert "precision=17 must be a precision that Lightning knows" in line
    line = refused(capsys, *small(image_folder, "optimizer.batch_size=1"))
    assert line.endswith(
        "optimizer.batch_size=1 leaves batch norm one value of each channel at 32 x 32 pixels; "
        "set it to at least 2"
    )
    assert not list(tmp_path.iterdir())


def test_an_unknown_key_of_a_pipeline_is_reported(capsys, image_folder):
    overrides = ["+augmentations.0.gausian_blur.prob=0.9", "seed=-1"]
    assert main(small(image_folder, *overrides)) == 2
    error = capsys.readouterr().err
    assert "augmentations[0].gausian_blur is ignored: it is not a setting; did you mean" in error


def test_a_folder_with_a_number_as_its_name_is_used(image_folder):
    assert main(small(image_folder, "checkpoint.dir=2024_01", "devices=auto")) == 0
    (folder,) = Path("2024_01/leoclr").iterdir()
    assert list(folder.glob("*.ckpt"))
    args = json.loads((folder / "args.json").read_text())
    assert args["devices"] == [0]
    # The configured rate of 0.3 is for a batch of 256 images.
    assert args["optimizer"]["lr"] == pytest.approx(0.3 * 8 / 256)


def test_missing_empty_and_flat_data_folders_are_refused(capsys, image_folder, tmp_path):
    line = refused(capsys, *small(image_folder, "data.train_path=nowhere"))
    assert "the data folder nowhere is not there" in line
    (tmp_path / "empty").mkdir()
    line = refused(capsys, *small(image_folder, "data.train_path=empty"))
    assert "the data folder empty is empty" in line
    (tmp_path / "flat").mkdir()
    make_image(0, 0).save(tmp_path / "flat" / "a.png")
    line = refused(capsys, *small(image_folder, "data.train_path=flat"))
    assert "1 images but no class folders" in line
    assert "data.no_labels=True" in line
    line = refused(capsys, *small(image_folder, "data.val_path=nowhere"))
    assert "the data folder nowhere is not there" in line


def test_unreadable_images_are_named_and_counted(capsys, tmp_path):
    make_folder(tmp_path / "train", 4)
    for name in ("class0/000.png", "class3/001.png"):
        (tmp_path / "train" / name).write_text("not an image")
    make_folder(tmp_path / "val", 2)
    line = refused(capsys, *small(tmp_path))
    assert "2 of 20 images cannot be read, the first is" in line
    assert "class0/000.png" in line
    # The host wrote args.json at the start, and its folder must be gone.
    assert not list((tmp_path / "trained_models" / "leoclr").iterdir())


def test_unreadable_image_in_a_worker_process_is_named(capsys, tmp_path):
    make_folder(tmp_path / "train", 4)
    (tmp_path / "train/class1/002.png").write_text("not an image")
    line = refused(capsys, *small(tmp_path, "data.val_path=null", "data.num_workers=1"))
    assert "1 of 20 images cannot be read" in line
    assert "class1/002.png" in line


@pytest.mark.parametrize("command", ["knn", "umap", "linear"])
def test_evaluators_name_unreadable_images(command, capsys, run_folder, tmp_path):
    folders = [make_folder(tmp_path / "train", 2), make_folder(tmp_path / "val", 2)]
    (folders[1] / "class1" / "001.png").write_text("not an image")
    overrides = [f"data.{folder.name}_path={folder}" for folder in folders]
    overrides += ["optimizer.batch_size=5", "data.num_workers=0", "max_epochs=1"]
    options = [word for folder in folders for word in (f"--{folder.name}_data_path", folder)]
    options += ["--num_workers", 0]
    arguments = overrides if command == "linear" else options
    line = refused(capsys, command, run_folder, *arguments)
    assert "1 of 10 images cannot be read, the first is" in line
    assert "val/class1/001.png: " in line
    assert not list(run_folder.glob("*.png"))


def test_invalid_views_are_refused(capsys, image_folder):
    line = refused(capsys, *small(image_folder, "augmentations.1.crop_size=32"))
    assert "write crop_size: [32, 32]" in line
    line = refused(capsys, *small(image_folder, "augmentations.0.num_crops=0"))
    assert "there is no crop view" in line


def test_a_value_that_lightning_refuses_is_one_line(capsys, image_folder):
    line = refused(capsys, *small(image_folder, "precision=17-mixed"))
    assert "Lightning's Trainer refuses the configuration: Precision '17-mixed'" in line


@pytest.mark.parametrize("command", ["pretrain", "views", "compare", "demo"])
def test_output_folder_that_cannot_be_made_is_named(command, capsys, image_folder, tmp_path):
    (tmp_path / "file").touch()
    folder_in_file = f"{tmp_path}/file/folder"
    size = ["optimizer.batch_size=8", "data.num_workers=0", "data.dataset=custom"]
    folders = [f"data.{part}_path={image_folder}/{part}" for part in ("train", "val")]
    arguments = {
        "pretrain": small(image_folder, f"checkpoint.dir={folder_in_file}")[1:],
        "views": [f"{image_folder}/val", "--out", f"{folder_in_file}/views.png"],
        "compare": [
            *("imagenette/leoclr", "--methods", "untrained", "--budget", "epochs=1"),
            *("--out", folder_in_file, *size, *folders),
        ],
        "demo": ["--fast", "--out", folder_in_file],
    }
    line = refused(capsys, command, *arguments[command])
    assert folder_in_file in line
    assert "Not a directory; check the path" in line


@pytest.mark.parametrize("command", ["views", "check-data", "export"])
def test_full_disk_is_one_line_and_leaves_nothing(command, capsys, image_folder, tmp_path):
    out = tmp_path / "out.png"
    run_of_resnet18 = runs.run_folder(tmp_path / "run").folder
    arguments = {
        "views": [f"{image_folder}/val", "--out", out],
        "check-data": [f"{image_folder}/val", "--write-list", out],
        "export": [run_of_resnet18, "--format", "timm", "--out", out],
    }
    with full_disk(room=100):
        line = refused(capsys, command, *arguments[command])
    assert f": {out}: File too large; check the path, its permissions and the disk" in line
    assert not out.exists()


def test_picture_name_without_a_known_format_is_refused(capsys, image_folder, tmp_path):
    for name in ("views", "views.psd"):
        line = refused(capsys, "views", f"{image_folder}/val", "--out", tmp_path / name)
        assert line.endswith(
            f"--out {tmp_path}/{name}: the name has no known picture format; end it in .png"
        )


@pytest.mark.parametrize("command", ["pretrain", "linear"])
def test_ctrl_c_ends_a_training_with_code_130(
    command, capsys, image_folder, run_folder, tmp_path, monkeypatch
):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    arguments = {
        "pretrain": small(image_folder, f"checkpoint.dir={tmp_path}"),
        "linear": ["linear", run_folder, "optimizer.batch_size=8", "data.num_workers=0"],
    }
    network = {"pretrain": host().METHODS["leoclr"], "linear": host().LinearModel}[command]
    monkeypatch.setattr(network, "training_step", interrupt)
    monkeypatch.chdir(tmp_path)
    # After an interruption Lightning ignores SIGINT for the rest of the process, so restore the
    # handler for the other tests.
    previous_handler = signal.getsignal(signal.SIGINT)
    assert main([str(arg) for arg in arguments[command]]) == 130
    signal.signal(signal.SIGINT, previous_handler)
    printed = capsys.readouterr()
    assert printed.err.rstrip().endswith(f"leoclr {command}: interrupted")
    assert printed.out == ""
    assert not (run_folder / "linear.json").exists()


def test_batch_larger_than_the_data_set_is_refused(capsys, image_folder):
    line = refused(capsys, *small(image_folder, "optimizer.batch_size=41"))
    assert "optimizer.batch_size=41 is larger than the data set of 40 images" in line
    two = ("accelerator=cpu", "devices=2", "optimizer.batch_size=21")
    line = refused(capsys, *small(image_folder, *two))
    assert "batch_size=21 for each of 2 processes is larger than the data set of 40 images" in line


def test_missing_gpu_is_refused(capsys, image_folder, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    line = refused(capsys, *small(image_folder, "accelerator=gpu"))
    assert "there is no GPU; use accelerator=cpu" in line


@pytest.mark.parametrize("command", ["knn", "linear", "umap"])
def test_evaluators_refuse_a_folder_without_a_checkpoint(command, capsys, tmp_path):
    assert "nowhere is not there" in refused(capsys, command, "nowhere")
    assert "holds no checkpoint" in refused(capsys, command, tmp_path)


def test_checkpoint_of_another_architecture_or_method_is_refused(capsys, run_folder, tmp_path):
    before = {path: path.read_bytes() for path in run_folder.iterdir()}
    for key, value in (("method", "simclr"), ("backbone", {"name": "resnet18", "kwargs": {}})):
        copy = tmp_path / key
        shutil.copytree(run_folder, copy)
        args = json.loads((copy / "args.json").read_text())
        (copy / "args.json").write_text(json.dumps({**args, key: value}))
        assert "is of another method, architecture" in refused(capsys, "knn", copy)
        assert not (copy / "knn.json").exists()
    assert {path: path.read_bytes() for path in run_folder.iterdir()} == before


def test_refused_resumption_keeps_the_checkpoint(capsys, image_folder, run_folder, tmp_path):
    (checkpoint,) = run_folder.glob("*.ckpt")
    before = checkpoint.read_bytes()
    change = [f"resume_from_checkpoint={checkpoint}", "method_kwargs.proj_output_dim=8"]
    line = refused(capsys, *small(image_folder, *change))
    assert "is of another method, architecture" in line
    assert checkpoint.read_bytes() == before
    line = refused(capsys, *small(image_folder, "resume_from_checkpoint=nowhere.ckpt"))
    assert "the checkpoint nowhere.ckpt is not there" in line
    weights = read_checkpoint(checkpoint)["state_dict"]
    torch.save({"state_dict": weights}, tmp_path / "weights.ckpt")
    line = refused(capsys, *small(image_folder, f"resume_from_checkpoint={tmp_path}/weights.ckpt"))
    assert "has only weights" in line


def test_failed_evaluation_keeps_the_earlier_result(capsys, run_folder):
    result = run_folder / "knn.json"
    result.write_text("earlier")
    refused(capsys, "knn", run_folder, "--val_data_path", "nowhere")
    assert result.read_text() == "earlier"
    result.unlink()


def test_views_command_refuses_unusable_input(capsys, tmp_path):
    assert "nowhere is not there" in refused(capsys, "views", "nowhere")
    (tmp_path / "empty").mkdir()
    assert "holds no image" in refused(capsys, "views", "empty")
    (tmp_path / "bad.png").write_text("not an image")
    assert "bad.png" in refused(capsys, "views", "bad.png")
    (tmp_path / "bad.png").unlink()
    make_image(0, 0).save("good.png")
    options = ["augmentations.0.num_crops=-1", "--config", "imagenette/leoclr"]
    assert "augmentations[0].num_crops=-1" in refused(capsys, "views", "good.png", *options)


def test_evaluators_refuse_numbers_out_of_range(capsys, tmp_path):
    for option in (("--temperature", "0"), ("--num_workers", "-1"), ("--k", "0")):
        with pytest.raises(SystemExit) as exit_info:
            main(["knn", str(tmp_path), *option])
        assert exit_info.value.code == 2
        assert f"argument {option[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["quick", "svm"])
def test_a_protocol_with_its_own_recipe_refuses_another(protocol, capsys, run_folder):
    for word, key in (("optimizer.lr=1", "optimizer.lr"), ("finetune=True", "finetune")):
        error = refused(capsys, "linear", run_folder, "--protocol", protocol, word)
        assert error == (
            f"leoclr linear: --protocol {protocol} has a recipe of its own; leave {key} out"
        )
    error = refused(capsys, "linear", run_folder, "--protocol", protocol, "--config", "a.yaml")
    assert error.endswith("leave --config out")


def test_a_closed_stdout_is_no_error():
    command = [sys.executable, "-m", "leoclr_plugin", "config", "schema"]
    line = f"{shlex.join(command)} >&-"
    run = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_comparison_with_unusable_settings_is_refused(capsys, image_folder):
    arguments = ["compare", *small(image_folder)[1:], "--budget", "epochs=1", "--out", "out"]
    line = refused(capsys, *arguments, "--methods", "leoclr", "augmentations.0.crop_size=0")
    assert "augmentations[0].crop_size=0" in line
    assert "--methods names none" in refused(capsys, *arguments, "--methods", ",")
    assert not Path("out").exists()


def test_demo_does_not_overwrite_a_file(capsys, tmp_path):
    (tmp_path / "file").write_text("content")
    assert "is a file" in refused(capsys, "demo", "--out", "file")
    assert (tmp_path / "file").read_text() == "content"


def test_bench_refuses_a_batch_size_that_mocov2plus_cannot_queue(capsys):
    assert "take a power of two" in refused(capsys, "bench", "step", "--batch-size", "48")


def test_shell_gets_one_line_and_code_2_and_a_traceback_with_debug(tmp_path):
    run = run_leoclr("knn", tmp_path, python=sys.executable)
    assert run.returncode == 2
    assert run.stderr.strip().splitlines() == [
        f"leoclr knn: {tmp_path} holds no checkpoint (*.ckpt)"
    ]
    run = run_leoclr("knn", tmp_path, "--debug")
    assert run.returncode == 2
    assert "Traceback" in run.stderr


def test_wrong_host_is_one_line(tmp_path):
    run = run_leoclr("doctor", host="auto", SOLO_LEARN_HOME=str(tmp_path))
    assert run.returncode == 2
    assert "is not a source tree of solo-learn" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_a_negative_seed_of_views_is_refused(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["views", ".", "--seed", "-1"])
    assert exit_info.value.code == 2
    assert "argument --seed" in capsys.readouterr().err
