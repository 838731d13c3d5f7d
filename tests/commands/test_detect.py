"""Test ``leoclr detect`` on runs and a model of the zoo, in both layouts and under both hosts."""

import json
from pathlib import Path

import pytest

from leoclr_plugin.commands.main import main
from tests.conftest import available_hosts, run_leoclr
from tests.detection_pictures import scenes, write_coco, write_voc
from tests.runs import run_folder
from tests.zoo_fixtures import NAME

pytest.importorskip("pycocotools")
QUICK = ["max_steps=2", "optimizer.batch_size=2", "data.num_workers=1"]
SMALL = [*QUICK, "detection.min_size=[40,48]"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "tests.detection_pictures.tiny_resnet"
    return run_folder(tmp_path / "run", backbone__name=name)


@pytest.mark.parametrize("host", available_hosts())
def test_vocs_layout_with_the_map_of_the_third_stage(run, host, tmp_path):
    write_voc(tmp_path / "voc", "VOC2007/trainval", scenes(3))
    write_voc(tmp_path / "voc", "VOC2012/trainval", scenes(2, 3))
    write_voc(tmp_path / "voc", "VOC2007/test", scenes(3, 20))
    done = run_leoclr("detect", run.folder, "data.train_path=voc", *SMALL, host=host, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    printed, written = done.stdout.splitlines()
    path = run.folder / "detect.json"
    assert written == f"Written to {path}"
    result = json.loads(path.read_text())
    figures = ", ".join(f"{name} {result[name]:.2f} %" for name in ("AP", "AP50", "AP75"))
    assert printed == f"Faster R-CNN (c4) on VOC2007/test: {figures}"
    assert (result["train_images"], result["val_images"], result["steps"]) == (5, 3, 2)
    assert result["train_sets"] == ["VOC2007/trainval", "VOC2012/trainval"]
    assert result["checkpoint"] == run.checkpoint.name
    # The same command finds the complete training and measures it again.
    again = run_leoclr("detect", run.folder, "data.train_path=voc", *SMALL, host=host, cwd=tmp_path)
    assert "is complete, with all of its max_steps=2" in again.stdout
    assert json.loads(path.read_text()) == result


def test_cocos_layout_with_a_pyramid_on_a_zoo_model(zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_coco(tmp_path / "coco", "train2017", scenes(4))
    write_coco(tmp_path / "coco", "val2017", scenes(2, 20))
    words = ["--config", "coco/moco", "data.train_path=coco", "detection.network=fpn", *SMALL]
    assert main(["detect", f"zoo:{NAME}", *words, "max_steps=1", "--out", "found"]) == 0
    result = json.loads(Path("found/detect.json").read_text())
    assert result["checkpoint"] == f"zoo:{NAME}"
    assert (result["network"], result["val_sets"]) == ("fpn", ["val2017"])
    assert main(["detect", f"zoo:{NAME}", *words, "+fast_dev_run=True", "--out", "tried"]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert not Path("tried").exists()


def test_bad_input_is_one_line(run, tmp_path, capsys):
    write_voc(tmp_path / "voc", "VOC2007/trainval", scenes(3))
    plain = run_folder(tmp_path / "plain", backbone__name="small_convnet")
    bad = [
        (run, ["data.train_path=voc"], "does not hold VOCdevkit/VOC2012 with its trainval set"),
        (run, ["data.train_path=run"], "run has not the voc layout: it holds no folder VOCdevkit"),
        (run, ["detection.train_sets=[VOC2007]"], "no set of VOC: Unknown value"),
        (run, ["backbone.name=resnet50"], "the checkpoint's is tests.detection_pictures.tiny"),
        (plain, [], "its backbone is a SmallConvNet, and Faster R-CNN is built on a ResNet"),
        (run, ["--config", "voc/missing"], "there is no config 'voc/missing' for detect"),
    ]
    for source, words, message in bad:
        words = ["data.train_path=voc", *words]
        assert main(["detect", str(source.folder), *SMALL, *words]) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("leoclr detect: ")
        assert message in line
    assert not Path("trained_models").exists()
    assert not (run.folder / "detect.json").exists()
