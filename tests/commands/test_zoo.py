"""Test the zoo's commands as a user types them."""

import shutil
from pathlib import Path

import pytest

from leoclr_plugin.commands.main import main
from tests.zoo_fixtures import NAME


def output(capsys, *args: object) -> str:
    """Run ``leoclr zoo``, check that it succeeds and return what it prints."""
    assert main(["zoo", *map(str, args)]) == 0
    return capsys.readouterr().out


def test_list_info_download_verify(zoo, capsys, tmp_path):
    assert NAME in output(capsys, "list")
    assert f"# {NAME}" in output(capsys, "info", NAME)
    path = output(capsys, "download", NAME, "--to", tmp_path / "to").strip()
    assert path == str(tmp_path / "to" / f"{NAME}.safetensors")
    assert f"{NAME}: good" in output(capsys, "verify")
    (zoo / f"{NAME}.safetensors").write_bytes(b"damaged")
    with pytest.raises(SystemExit) as exit_info:
        main(["zoo", "verify"])
    assert exit_info.value.code == 1
    assert f"{NAME}: BAD" in capsys.readouterr().out
    (zoo / f"{NAME}.safetensors").unlink()
    assert f"{NAME}: not downloaded" in output(capsys, "verify")


def test_verify_checks_the_folder_that_files_are_taken_from(zoo, capsys, tmp_path, monkeypatch):
    output(capsys, "download", NAME, "--to", tmp_path / "elsewhere")
    (zoo / f"{NAME}.safetensors").unlink()
    monkeypatch.setenv("LEOCLR_ZOO_URL", str(tmp_path / "elsewhere"))
    assert f"{NAME}: good, {tmp_path / 'elsewhere'}" in output(capsys, "verify")


def test_eval_shows_the_card_beside_the_measured_figures(zoo, capsys, image_folder):
    lines = output(capsys, "eval", NAME, "--data", image_folder, "--num_workers", 0).splitlines()
    (row,) = (line.split() for line in lines if line.startswith("knn top1"))
    assert row[3] == "50.00"
    assert 0 <= float(row[4]) <= 100


def test_pictures_are_drawn_for_all_models(zoo, capsys, image_folder, tmp_path):
    pytest.importorskip("umap")
    folder = tmp_path / "pictures"
    lines = output(capsys, "pictures", "--data", image_folder, "--num_workers", 0, "--out", folder)
    assert len(list(folder.glob(f"{NAME}-*.png"))) == lines.count("Written to") == 3


def test_errors_are_one_line(empty_zoo, capsys, tmp_path):
    for args, message in (
        (("info", "nothing"), "the zoo has no model 'nothing'"),
        (("download", "../../up"), "the zoo has no model '../../up'"),
        (("download", NAME), "is not there; set LEOCLR_ZOO_URL to a place"),
        (("eval", NAME, "--data", tmp_path), "--data needs a folder that holds train and val"),
    ):
        assert main(["zoo", *map(str, args)]) == 2
        line = capsys.readouterr().err.strip()
        assert line.startswith("leoclr zoo: ")
        assert message in line
        assert "\n" not in line


@pytest.mark.parametrize("command", [["eval"], ["pictures", "--out", "drawn"]])
def test_unreadable_images_are_named(command, zoo, image_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(image_folder, "data")
    Path("data/val/class2/001.png").write_text("no image")
    what, *more = command
    assert main(["zoo", what, NAME, "--data", "data", "--num_workers", "0", *more]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        "leoclr zoo: 1 of 20 images cannot be read, the first is data/val/class2/001.png: "
    )
    assert not list(tmp_path.glob("drawn/*"))
