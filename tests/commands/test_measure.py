"""Test ``leoclr measure``, which gives one table for several checkpoints."""

import json
import shutil

import pytest

from leoclr_plugin.commands.main import main
from leoclr_plugin.metrics.label_free import ON_COLLAPSE
from tests.configs import views
from tests.conftest import available_hosts, run_leoclr
from tests.runs import run_folder
from tests.zoo_fixtures import NAME

SMALL = ["--images", "12", "--views", "3", "--num_workers", "0"]


def small_run(folder, image_folder, **changes):
    defaults = {
        "backbone__name": "small_convnet",
        "data__train_path": f"{image_folder}/train",
    }
    return run_folder(folder, **{**defaults, **changes})


def rows_of(folder) -> list[dict]:
    return json.loads((folder / "measures.json").read_text())["measures"]


@pytest.mark.parametrize("host", available_hosts())
def test_the_table_and_the_file_have_all_measures(image_folder, tmp_path, host):
    source = small_run(tmp_path / "run", image_folder)
    run = run_leoclr("measure", source.folder, *SMALL, "--plot", cwd=tmp_path, host=host)
    assert run.returncode == 0, run.stderr
    header, _, line = run.stdout.splitlines()[:3]
    assert header.split() == [
        *("checkpoint", "RankMe", "LiDAR", "alpha-ReQ", "uniformity", "alignment")
    ]
    (row,) = rows_of(source.folder)
    assert line.split()[:2] == ["test-ep=0.ckpt", f"{row['rankme']:.1f}"]
    assert row.keys() >= ON_COLLAPSE.keys()
    assert (row["epoch"], row["images"], row["views"]) == (0, 12, 3)
    assert (source.folder / "spectrum.png").stat().st_size > 0


def test_several_checkpoints_give_one_table_and_a_file_beside_each_run(
    image_folder, tmp_path, capsys
):
    one, other = (small_run(tmp_path / name, image_folder) for name in ("one", "other"))
    second = one.folder / "test-ep=7.ckpt"
    shutil.copy(one.checkpoint, second)
    runs = [str(path) for path in (one.checkpoint, second, other.folder)]
    assert main(["measure", *runs, *SMALL]) == 0
    out = capsys.readouterr().out
    assert out.count("test-ep=0.ckpt") == 2
    assert [row["epoch"] for row in rows_of(one.folder)] == [0, 7]
    (row,) = rows_of(other.folder)
    # The checkpoints are the same, and so are the images and their crops.
    assert row == rows_of(one.folder)[0]
    # With --out one file has all rows.
    assert main(["measure", *runs, *SMALL, "--out", str(tmp_path / "out")]) == 0
    assert len(rows_of(tmp_path / "out")) == 3


def test_images_and_features_can_be_chosen(image_folder, tmp_path):
    source = small_run(tmp_path / "run", image_folder)
    command = ["measure", str(source.folder), *SMALL]
    results = []
    for words in (
        [],
        ["--data", f"{image_folder}/val/class1"],
        ["--seed", "1"],
        ["--feature_type", "projector"],
    ):
        assert main([*command, *words]) == 0
        results.append(rows_of(source.folder)[0])
    assert results[1]["images"] == 4
    figures = [tuple(row[name] for name in ON_COLLAPSE) for row in results]
    assert len(set(figures)) == 4


def test_a_model_of_the_zoo_is_measured(zoo, image_folder, tmp_path, monkeypatch, capsys):
    source = run_folder(tmp_path / "run", data__train_path=f"{image_folder}/train")
    shutil.copy(source.folder / "args.json", zoo / f"{NAME}.json")
    monkeypatch.chdir(tmp_path)
    command = ["measure", f"zoo:{NAME}", *SMALL, "--data", f"{image_folder}/train"]
    assert main(command) == 0
    assert rows_of(tmp_path)[0]["checkpoint"] == f"zoo:{NAME}"
    captured = capsys.readouterr()
    assert "12 images with 3 views are too few for 512 features" in captured.err
    assert main([*command, "--feature_type", "projector"]) == 2
    assert f"zoo:{NAME} has no projector" in capsys.readouterr().err


def test_runs_with_other_views_are_compared_with_care(image_folder, tmp_path, capsys):
    one = small_run(tmp_path / "one", image_folder)
    other = small_run(tmp_path / "other", image_folder, augmentations=views("leoclr", crops=3))
    assert main(["measure", str(one.folder), str(other.folder), *SMALL]) == 0
    assert "differ in" not in capsys.readouterr().err
    larger = small_run(tmp_path / "larger", image_folder, augmentations=views("leoclr", size=40))
    assert main(["measure", str(one.folder), str(larger.folder), *SMALL]) == 0
    assert "differ in their augmentations and image sizes" in capsys.readouterr().err


def test_bad_input_is_one_line_and_leaves_nothing(image_folder, tmp_path, capsys):
    source = small_run(tmp_path / "run", image_folder, data__train_path="nowhere")
    before = sorted(path.name for path in source.folder.iterdir())
    for words, message in (
        ([str(source.folder)], "the data folder nowhere is not there; name a folder of images"),
        ([str(tmp_path / "no")], "the checkpoint folder"),
        (["zoo:nothing"], "the zoo has no model 'nothing'"),
    ):
        assert main(["measure", *words, *SMALL]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert message in lines[0]
    assert sorted(path.name for path in source.folder.iterdir()) == before


@pytest.mark.parametrize("words", [["--images", "1"], ["--views", "1"], ["--seed", "-1"]])
def test_invalid_values_are_refused_before_anything_is_read(words, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["measure", "nowhere", *words])
    assert exit_info.value.code == 2
    assert f"argument {words[0]}: " in capsys.readouterr().err
