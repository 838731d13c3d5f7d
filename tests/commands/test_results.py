"""Test that results are printed even if they cannot be written, and that ``--out`` is obeyed."""

import json
from pathlib import Path

import pytest

from leoclr_plugin.commands import results
from leoclr_plugin.commands.main import main
from leoclr_plugin.commands.results import results_folder
from leoclr_plugin.errors import UserError, of_file
from leoclr_plugin.system.files import check_writable
from tests.runs import run_folder


@pytest.fixture
def run(image_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return run_folder(
        tmp_path / "run",
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=f"{image_folder}/val",
        backbone__name="small_convnet",
    )


@pytest.fixture
def read_only(run, monkeypatch):
    """Pretend that the run's folder cannot be written to; root could always write to a real one."""

    def check(folder):
        if folder == run.folder:
            raise UserError(of_file(folder, OSError(30, "Read-only file system")))
        check_writable(folder)

    monkeypatch.setattr(results, "check_writable", check)
    return run


def refused(capsys, *arguments) -> tuple[str, str]:
    """Run a command that must fail, and return its output and its error line."""
    assert main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    return printed.out, printed.err.splitlines()[-1]


PROBE = ["max_epochs=1", "optimizer.batch_size=8", "data.num_workers=0"]
HINT = "Read-only file system; check the path, its permissions and the disk; --out FOLDER writes"


def test_knn_prints_before_it_writes(read_only, capsys):
    out, line = refused(capsys, "knn", read_only.folder)
    assert "top-1" in out
    assert line.startswith("leoclr knn: the results cannot be written: ")
    assert HINT in line
    assert main(["knn", str(read_only.folder), "--out", "new/there"]) == 0
    assert "Written to new/there/knn.json" in capsys.readouterr().out
    content = json.loads(Path("new/there/knn.json").read_text())
    assert content["checkpoint"] == read_only.checkpoint.name


def test_a_probe_is_refused_before_its_training(read_only, capsys, monkeypatch):
    def train(*args):
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr("leoclr_plugin.evaluation.linear.linear", train)
        _, line = refused(capsys, "linear", read_only.folder, *PROBE)
        assert HINT in line
    assert main(["linear", str(read_only.folder), *PROBE, "--out", "there"]) == 0
    assert "Linear probe: top-1" in capsys.readouterr().out
    assert json.loads(Path("there/linear.json").read_text())["epochs"] == 1


def test_a_probe_prints_even_if_its_folder_is_lost_during_its_training(run, capsys, monkeypatch):
    def train(*args):
        run.folder.rename("moved")
        run.folder.touch()
        return {"top1": 12.5, "top5": 50.0, "loss": 1.0, "epochs": 1}

    monkeypatch.setattr("leoclr_plugin.evaluation.linear.linear", train)
    out, line = refused(capsys, "linear", run.folder, *PROBE)
    assert out == "Linear probe: top-1 12.50 %, top-5 50.00 %\n"
    assert f"the results cannot be written: {run.folder}: File exists; --out FOLDER" in line


def test_umap_is_refused_early_or_written_to_another_folder(read_only, capsys):
    pytest.importorskip("umap")
    _, line = refused(capsys, "umap", read_only.folder)
    assert HINT in line
    assert main(["umap", str(read_only.folder), "--out", "plots"]) == 0
    assert "Written to plots/umap-train.png\nWritten to plots/umap-val.png" in (
        capsys.readouterr().out
    )
    for split in ("train", "val"):
        assert Path(f"plots/umap-{split}.png").read_bytes().startswith(b"\x89PNG")


def test_checking_a_folder_writes_nothing_into_it(tmp_path):
    assert results_folder(None, tmp_path) == tmp_path
    assert results_folder(tmp_path / "a" / "b", tmp_path) == tmp_path / "a" / "b"
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "b"]
    with pytest.raises(UserError, match=r"/proc/self: .*; --out FOLDER writes them elsewhere"):
        results_folder(None, Path("/proc/self"))
