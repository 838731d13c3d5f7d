"""Solo-learn's scripts with Hydra have leoclr, and our Hydra plugin leaves other programs alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from leoclr_plugin.checkpoints.reading import CheckpointFolder
from tests.conftest import available_hosts, run_leoclr
from tests.in_solo_learn.stock import CPU, needs_solo_learn, needs_stock_umap, pretrain, stock


@pytest.fixture(scope="module")
def checkpoint(image_folder, tmp_path_factory):
    """Return the folder of a LeOCLR checkpoint that main_pretrain.py wrote."""
    root = tmp_path_factory.mktemp("stock")
    pretrain(image_folder, root, "wandb.enabled=False")
    (folder,) = (root / "leoclr").iterdir()
    return folder


@needs_solo_learn
def test_our_commands_evaluate_a_checkpoint_of_stock_pretraining(checkpoint, image_folder):
    assert CheckpointFolder.open(checkpoint).cfg.method == "leoclr"
    for host in available_hosts():
        run = run_leoclr("knn", checkpoint, "--k", 5, "--num_workers", 0, host=host)
        assert run.returncode == 0, run.stderr[-2000:]


@needs_solo_learn
@needs_stock_umap
def test_stock_pretraining_with_wandb_umap_and_auto_resume(image_folder, tmp_path):
    options = ("wandb.enabled=True", "++wandb.offline=True", "++auto_resume.enabled=True")
    umap = ("++auto_umap.enabled=True", f"++auto_umap.dir={tmp_path}/umap")
    pretrain(image_folder, tmp_path, *options, *umap)
    assert list((tmp_path / "wandb").glob("offline-run-*"))
    assert list((tmp_path / "umap" / "leoclr").glob("**/*.pdf"))
    again = pretrain(image_folder, tmp_path, *options, *umap)
    assert f"Resuming from previous checkpoint that matches specifications: '{tmp_path}/leoclr" in (
        again.stdout
    )


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


PROGRAM = """
import sys, hydra
{before}
@hydra.main(version_base="1.2", config_path=None)
def main(cfg):
    {within}
main()
"""


def hydra_program(folder: Path, within: str, before: str = "") -> subprocess.CompletedProcess:
    """Run a small program that uses Hydra: ``before`` at its top, and ``within`` in its main."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(before=before, within=within))
    quiet = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=disabled")
    run = subprocess.run(
        [sys.executable, program, *quiet], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run


def test_hydra_in_another_program_loads_only_the_plugin_and_prints_nothing(tmp_path):
    run = hydra_program(
        tmp_path,
        "print('hydra_plugins.leoclr' in sys.modules, 'leoclr_plugin.errors' in sys.modules)",
    )
    assert (run.stdout.strip(), run.stderr) == ("True False", "")


def program_with_solo(folder: Path, methods: str) -> subprocess.CompletedProcess:
    """Run a program that imports a package ``solo``; its ``solo.methods`` is ``methods``."""
    (folder / "solo").mkdir()
    (folder / "solo" / "__init__.py").touch()
    (folder / "solo" / "methods.py").write_text(methods)
    within = "print('trained', 'leoclr_plugin.host' in sys.modules)"
    return hydra_program(folder, within, before="import solo.methods")


def test_another_package_called_solo_is_left_alone(tmp_path):
    run = program_with_solo(tmp_path, "METHODS = {'sing': None}")
    assert (run.stdout.strip(), run.stderr) == ("trained False", "")


def test_a_program_goes_on_if_leoclr_cannot_be_registered(tmp_path):
    # This package looks like solo-learn, but it is not.
    run = program_with_solo(tmp_path, "METHODS = {'mocov2plus': None}")
    assert run.stdout.startswith("trained")
    assert run.stderr.startswith("leoclr is not registered: ")
    assert len(run.stderr.splitlines()) == 1
