"""Solo-learn's own scripts run unedited, and our Hydra plugin leaves other programs alone."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from leoclr_plugin.data.dali import has_dali
from leoclr_plugin.evaluation.checkpoint import CheckpointFolder
from tests.conftest import available_hosts, run_leoclr

needs_solo_learn = pytest.mark.skipif(
    not os.environ.get("SOLO_LEARN_HOME"), reason="SOLO_LEARN_HOME names no clone"
)
HAS_STOCK_UMAP = all(map(importlib.util.find_spec, ("umap", "seaborn", "pandas", "wandb")))
needs_stock_umap = pytest.mark.skipif(
    not HAS_STOCK_UMAP, reason="solo-learn's UMAP needs umap, seaborn, pandas and wandb"
)
CPU = ("accelerator=cpu", "devices=[0]", "precision=32", "strategy=null", "data.num_workers=0")


def stock(script: str, *args: object, folder: Path | None = None):
    """Run a script of the clone as its users do, in ``folder`` or else in the clone."""
    home = Path(os.environ["SOLO_LEARN_HOME"])
    environment = {key: value for key, value in os.environ.items() if key != "LEOCLR_HOST"}
    return subprocess.run(
        [sys.executable, str(home / script), *map(str, args)],
        cwd=folder or home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def pretrain(image_folder: Path, folder: Path, *more: str) -> subprocess.CompletedProcess:
    """Train leoclr for one small epoch by main_pretrain.py; write the checkpoint to ``folder``."""
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
        "++knn_eval.enabled=True",
        f"checkpoint.dir={folder}",
        *more,
        folder=folder,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run


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


@needs_solo_learn
def test_stock_knn(checkpoint, image_folder):
    run = stock(
        *("main_knn.py", "--dataset", "custom", "--num_workers", 0, "--k", 5),
        *("--train_data_path", f"{image_folder}/train", "--val_data_path", f"{image_folder}/val"),
        *("--pretrained_checkpoint_dir", checkpoint, "--temperature", 0.07),
        *("--distance_function", "cosine", "--feature_type", "backbone"),
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Result: acc@1=" in run.stdout


@needs_solo_learn
@needs_stock_umap
def test_stock_umap(checkpoint, image_folder, tmp_path):
    run = stock(
        "main_umap.py",
        *("--dataset", "custom", "--num_workers", 0, "--batch_size", 8),
        *("--train_data_path", f"{image_folder}/train", "--val_data_path", f"{image_folder}/val"),
        *("--pretrained_checkpoint_dir", checkpoint),
        folder=tmp_path,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert len(list(tmp_path.glob("*_umap.pdf"))) == 2


@needs_solo_learn
@pytest.mark.skipif(not has_dali(), reason="NVIDIA DALI is not installed")
def test_stock_dali_gives_leoclr_its_own_loader(image_folder, tmp_path):
    # The config is solo-learn's own for mocov2plus; only the method and the views are changed.
    config = (
        *("main_pretrain.py", "--config-path", "scripts/pretrain/imagenet-100"),
        *("--config-name", "mocov2plus", *CPU, "data.num_workers=1", "data.dataset=custom"),
        *(f"data.train_path={image_folder}/train", "data.val_path=null", "wandb.enabled=False"),
        *("data.format=dali", "++dali.device=cpu", "optimizer.batch_size=8", "max_epochs=3"),
        *("backbone.name=resnet18", "method_kwargs.queue_size=64"),
        f"checkpoint.dir={tmp_path}",
    )
    run = stock(
        *(*config, "method=leoclr", "augmentations=crops_and_original"),
        *("augmentations.0.crop_size=32", "augmentations.1.crop_size=[32,32]"),
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (weights,) = tmp_path.glob("leoclr/*/*.ckpt")
    # solo-learn's own loader gives no batch in every second epoch, so the steps tell ours from it.
    steps = 3 * (len(list(image_folder.glob("train/*/*"))) // 8)
    assert torch.load(weights, weights_only=True)["global_step"] == steps


@needs_solo_learn
def test_stock_dali_of_another_method_refuses_an_exact_size(image_folder):
    run = stock(
        *("main_pretrain.py", "--config-path", "scripts/pretrain/imagenet-100"),
        *("--config-name", "mocov2plus", *CPU, "augmentations=crops_and_original"),
        *("data.dataset=custom", f"data.train_path={image_folder}/train", "data.val_path=null"),
        *("data.format=dali", "++dali.device=cpu", "optimizer.batch_size=8"),
        *("wandb.enabled=False", "backbone.name=resnet18", "data.num_workers=1"),
    )
    assert run.returncode != 0
    assert "crop_size is [height, width], which only leoclr's DALI loader takes" in run.stderr


PROGRAM = """
import sys, hydra
@hydra.main(version_base="1.2", config_path=None)
def main(cfg):
    {within}
main()
"""


def hydra_program(folder: Path, within: str) -> subprocess.CompletedProcess:
    """Run a small program that uses Hydra and has nothing to do with solo-learn."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(within=within))
    quiet = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=disabled")
    run = subprocess.run(
        [sys.executable, program, *quiet], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run


def test_hydra_in_another_program_loads_only_the_plugin_and_prints_nothing(tmp_path):
    run = hydra_program(
        tmp_path,
        "print('hydra_plugins.leoclr' in sys.modules, 'torch' in sys.modules, "
        "'leoclr_plugin.config' in sys.modules)",
    )
    assert (run.stdout.strip(), run.stderr) == ("True False False", "")


PROGRAM_OF_ANOTHER_SOLO = """
import sys
import solo.methods
print("trained", "leoclr_plugin.host" in sys.modules)
"""


def program_with_solo(folder: Path, methods: str) -> subprocess.CompletedProcess:
    """Run a program that imports a package ``solo``; its ``solo.methods`` is ``methods``."""
    (folder / "solo").mkdir()
    (folder / "solo" / "__init__.py").touch()
    (folder / "solo" / "methods.py").write_text(methods)
    program = folder / "program.py"
    program.write_text(PROGRAM_OF_ANOTHER_SOLO)
    run = subprocess.run(
        [sys.executable, program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run


def test_a_start_of_python_loads_only_a_few_small_modules():
    program = "import sys; print(sorted(name for name in sys.modules if 'leoclr' in name))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = [name for name in eval(run.stdout) if not name.startswith("__editable__")]
    assert loaded == ["leoclr_plugin", "leoclr_plugin.startup", "leoclr_plugin.version"]


def test_another_package_called_solo_is_left_alone(tmp_path):
    run = program_with_solo(tmp_path, "METHODS = {'sing': None}")
    assert (run.stdout.strip(), run.stderr) == ("trained False", "")


def test_a_program_goes_on_if_leoclr_cannot_be_registered(tmp_path):
    # This package looks like solo-learn, but it is not.
    run = program_with_solo(tmp_path, "METHODS = {'mocov2plus': None}")
    assert run.stdout.startswith("trained")
    assert run.stderr.startswith("leoclr is not registered: ")
    assert len(run.stderr.splitlines()) == 1
