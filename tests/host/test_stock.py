"""Solo-learn's own scripts, unedited, and Hydra's plugin in other programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leoclr_plugin.evaluation.checkpoint import CheckpointFolder
from tests.conftest import available_hosts, run_leoclr

needs_solo_learn = pytest.mark.skipif(
    not os.environ.get("SOLO_LEARN_HOME"), reason="SOLO_LEARN_HOME names no clone"
)
CPU = ("accelerator=cpu", "precision=32", "strategy=null", "data.num_workers=0")


def stock(script: str, *args: object) -> subprocess.CompletedProcess:
    """Run a script of the clone as its users do; in the clone, with its own configs."""
    home = Path(os.environ["SOLO_LEARN_HOME"])
    environment = {key: value for key, value in os.environ.items() if key != "LEOCLR_HOST"}
    return subprocess.run(
        [sys.executable, script, *map(str, args)],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def checkpoint(image_folder, tmp_path_factory):
    """A LeOCLR checkpoint that main_pretrain.py made."""
    root = tmp_path_factory.mktemp("stock")
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
        "wandb.enabled=False",
        "++knn_eval.enabled=True",
        f"checkpoint.dir={root}",
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (folder,) = (root / "leoclr").iterdir()
    return folder


@needs_solo_learn
def test_stock_pretraining_makes_a_checkpoint_that_ours_evaluate(checkpoint, image_folder):
    assert CheckpointFolder.open(checkpoint).cfg.method == "leoclr"
    for host in available_hosts():
        run = run_leoclr("knn", checkpoint, "--k", 5, "--num_workers", 0, host=host)
        assert run.returncode == 0, run.stderr[-2000:]


@needs_solo_learn
def test_stock_linear_evaluation(checkpoint, image_folder, tmp_path):
    (weights,) = checkpoint.glob("*.ckpt")
    run = stock(
        "main_linear.py",
        *("--config-path", "scripts/linear/imagenet-100", "--config-name", "leoclr", *CPU),
        "data.dataset=custom",
        f"data.train_path={image_folder}/train",
        f"data.val_path={image_folder}/val",
        "data.format=image_folder",
        "optimizer.batch_size=8",
        "max_epochs=1",
        "wandb.enabled=False",
        "checkpoint.enabled=True",
        f"checkpoint.dir={tmp_path}",
        f"pretrained_feature_extractor='{weights}'",
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert list((tmp_path / "linear").glob("*/*.ckpt"))


@needs_solo_learn
def test_stock_knn_through_host_run(checkpoint, image_folder):
    script = Path(os.environ["SOLO_LEARN_HOME"]) / "main_knn.py"
    run = run_leoclr(
        *("host", "run", script, "--dataset", "custom", "--num_workers", 0, "--k", 5),
        *("--train_data_path", f"{image_folder}/train", "--val_data_path", f"{image_folder}/val"),
        *("--pretrained_checkpoint_dir", checkpoint, "--temperature", 0.07),
        *("--distance_function", "cosine", "--feature_type", "backbone"),
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Result: acc@1=" in run.stdout


@needs_solo_learn
def test_stock_dali_is_refused_with_the_command_that_can(image_folder):
    run = stock(
        "main_pretrain.py",
        *("--config-path", "scripts/pretrain/imagenet-100", "--config-name", "mocov2plus", *CPU),
        *("method=leoclr", "augmentations=crops_and_original", "data.dataset=custom"),
        f"data.train_path={image_folder}/train",
        "data.val_path=null",
        "wandb.enabled=False",
        "data.format=dali",
    )
    assert run.returncode != 0
    assert "use data.format=image_folder, or leoclr pretrain, which can" in run.stderr


PROGRAM = """
import sys, types, hydra
{before}
@hydra.main(version_base="1.2", config_path=None)
def main(cfg):
    {within}
main()
"""


def hydra_program(folder: Path, within: str, before: str = "") -> subprocess.CompletedProcess:
    """Run a small program of somebody else's that uses Hydra."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(before=before, within=within))
    quiet = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=disabled")
    run = subprocess.run(
        [sys.executable, program, *quiet], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run


def test_hydra_in_another_program_loads_nothing_and_says_nothing(tmp_path):
    run = hydra_program(
        tmp_path, "print('hydra_plugins.leoclr' in sys.modules, 'leoclr_plugin' in sys.modules)"
    )
    assert (run.stdout.strip(), run.stderr) == ("True False", "")


def test_a_plugin_that_cannot_load_ends_no_other_training(tmp_path):
    # Something that looks like solo-learn's methods and is not.
    modules = [f"sys.modules['{n}'] = types.ModuleType('{n}')" for n in ("solo", "solo.methods")]
    run = hydra_program(tmp_path, "print('trained')", before="; ".join(modules))
    assert run.stdout.strip() == "trained"
    assert run.stderr.startswith("leoclr is not registered: ")
