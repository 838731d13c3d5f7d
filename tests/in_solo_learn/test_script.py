"""Any script of a clone of solo-learn runs by ``leoclr solo``, with leoclr among its methods."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from leoclr_plugin.errors import UserError
from leoclr_plugin.in_solo_learn import script
from leoclr_plugin.in_solo_learn.script import find_script, run_script
from tests.conftest import run_leoclr
from tests.in_solo_learn.stock import needs_solo_learn, needs_stock_umap
from tests.runs import run_folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Return the folder of a LeOCLR checkpoint."""
    folder = tmp_path_factory.mktemp("run") / "run"
    source = run_folder(folder)
    content = torch.load(source.checkpoint, weights_only=True)
    # Lightning wants to know the version that wrote a checkpoint.
    torch.save({**content, "pytorch-lightning_version": "2.1.2"}, source.checkpoint)
    return folder


def data(image_folder: Path) -> tuple[object, ...]:
    """Return the arguments of both scripts that name the images."""
    folders = (f"--{split}_data_path={image_folder}/{split}" for split in ("train", "val"))
    return ("--dataset", "custom", "--num_workers", 0, *folders)


@needs_solo_learn
def test_knn_in_the_clone(checkpoint, image_folder):
    run = run_leoclr(
        *("solo", "main_knn.py", *data(image_folder), "--pretrained_checkpoint_dir", checkpoint),
        *("--k", 5, "--temperature", 0.07, "--distance_function", "cosine"),
        *("--feature_type", "backbone"),
        cwd=os.environ["SOLO_LEARN_HOME"],
        SOLO_LEARN_HOME="",
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Result: acc@1=" in run.stdout


@needs_solo_learn
@needs_stock_umap
def test_umap_in_another_folder(checkpoint, image_folder, tmp_path):
    run = run_leoclr(
        *("solo", "main_umap.py", *data(image_folder), "--pretrained_checkpoint_dir", checkpoint),
        *("--batch_size", 8),
        cwd=tmp_path,
        host="auto",
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert len(list(tmp_path.glob("*_umap.pdf"))) == 2


@needs_solo_learn
def test_hydra_finds_the_packaged_configs(tmp_path):
    run = run_leoclr(
        *("solo", "main_pretrain.py", "--config-path", "scripts/pretrain/custom"),
        *("--config-name", "leoclr", "--cfg", "job", "max_epochs=7"),
        cwd=tmp_path,
        host="auto",
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "method: leoclr\n" in run.stdout
    assert "max_epochs: 7\n" in run.stdout


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder that looks like a clone, which the current folder is outside of."""
    folder = tmp_path / "clone"
    for name in ("solo/args/pretrain.py", "solo/methods/mocov2plus.py", "main_knn.py", "a/b.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    monkeypatch.setenv("LEOCLR_HOST", "auto")
    monkeypatch.setenv("SOLO_LEARN_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("name", ["main_knn.py", "a/b.py", "clone/main_knn.py"])
def test_a_script_is_found_from_outside_the_clone(clone, name):
    assert find_script(name) == (clone / name.removeprefix("clone/"), clone)


@pytest.mark.parametrize(("folder", "name"), [(".", "main_knn.py"), ("a", "b.py")])
def test_the_clone_of_the_current_folder_comes_first(clone, monkeypatch, folder, name):
    monkeypatch.setenv("LEOCLR_HOST", "bundled")
    monkeypatch.chdir(clone / folder)
    assert find_script(name) == (clone / folder / name, clone)
    assert find_script("main_knn.py") == (clone / "main_knn.py", clone)


@pytest.mark.parametrize("name", ["main_kn.py", "../own.py", "solo"])
def test_what_is_not_a_script_of_the_clone_is_refused(clone, name):
    (clone.parent / "own.py").touch()
    with pytest.raises(UserError, match=rf"^{name} is not a script of {clone}; .*main_knn\.py"):
        find_script(name)


def test_a_missing_clone_is_reported_in_one_line(tmp_path):
    run = run_leoclr("solo", "main_knn.py", cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr == (
        "leoclr solo: there is no clone of solo-learn to run main_knn.py from; get one by leoclr "
        "host install, or run this in a clone\n"
    )


ENDS = {"": None, "sys.exit(7)": 7, "sys.exit('broken')": "broken", "1 / 0": 1}


@pytest.mark.parametrize("end", ENDS)
def test_arguments_and_exit_code_are_passed_through(clone, monkeypatch, capsys, end):
    monkeypatch.setattr(script, "register", lambda clone: None)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (clone / "a" / "beside.py").write_text("import json, sys")
    (clone / "a" / "b.py").write_text(f"from beside import *\nprint(json.dumps(sys.argv))\n{end}")
    arguments = ["--debug", "a=1", "--", "--help"]
    code = None
    try:
        run_script(clone / "a" / "b.py", clone, arguments)
    except SystemExit as error:
        code = error.code
    assert code == ENDS[end]
    printed = capsys.readouterr()
    assert json.loads(printed.out) == [str(clone / "a" / "b.py"), *arguments]
    assert ("ZeroDivisionError" in printed.err) == (code == 1)
