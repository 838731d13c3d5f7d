"""Test the detector's figures, schedule and frozen stages, and that it learns and resumes."""

import os
import signal

import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.config import load_config
from leoclr_plugin.data.detection_sets import read_detection_set
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.detection import Detector, detect, parse_detection
from tests.detection_pictures import scenes, tiny_resnet, write_coco

pytest.importorskip("pycocotools")
NORMAL = ((0.5,) * 3, (0.25,) * 3)


def small_cfg(root, **changes):
    """Return an unparsed configuration for batches of two images."""
    cfg = load_config("coco/moco", "detect", [f"data.train_path={root}"])
    cfg.merge_with(
        {
            "accelerator": "cpu",
            "checkpoint": {"dir": str(root / "runs")},
            "max_steps": 5,
            "enable_progress_bar": False,
            "data": {"num_workers": 1},
            "detection": {"min_size": [40, 48], "warmup_steps": 2, "lr_decay_steps": [4]},
        }
    )
    cfg.optimizer.batch_size = 2
    for key, value in changes.items():
        OmegaConf.update(cfg, key.replace("__", "."), value, force_add=True)
    return cfg


def backbone():
    torch.manual_seed(0)
    return tiny_resnet()


def detector(root, **changes) -> Detector:
    return Detector(backbone(), 2, NORMAL, parse_detection(small_cfg(root, **changes)))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("coco")
    write_coco(root, "train2017", scenes(6))
    write_coco(root, "val2017", scenes(4, 20))
    return [read_detection_set("coco", root, [name], "") for name in ("train2017", "val2017")]


def test_figures_are_those_of_a_hand_computation(tmp_path, monkeypatch):
    model, logged = detector(tmp_path), {}
    monkeypatch.setattr(model, "log_dict", lambda figures, **_: logged.update(figures))

    def boxes(*rows):
        return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)

    def target(rows, crowds):
        labels = torch.ones(len(crowds), dtype=torch.int64)
        return {"boxes": rows, "labels": labels, "iscrowd": torch.tensor(crowds)}

    def found(rows, scores):
        labels = torch.ones(len(scores), dtype=torch.int64)
        return {"boxes": rows, "labels": labels, "scores": torch.tensor(scores)}

    # Three objects and a difficult one. Of the first picture's detections, the first is right, the
    # second finds the difficult object and does not count, and the third is wrong. The second
    # picture's covers 62 % of its object, and the third object is not found.
    answers = [
        [found(boxes([0, 0, 10, 10], [20, 20, 40, 40], [50, 0, 60, 9]), [0.9, 0.8, 0.7])],
        [found(boxes([0, 0, 10, 6.2]), [0.6])],
    ]
    targets = [
        target(boxes([0, 0, 10, 10], [20, 20, 40, 40]), [0, 1]),
        target(boxes([0, 0, 10, 10], [30, 30, 44, 44]), [0, 0]),
    ]
    for answer, truth in zip(answers, targets, strict=True):
        model.network.forward = lambda images, answer=answer: answer
        model.validation_step([[torch.zeros(3, 48, 64)], [truth]], 0)
    model.on_validation_epoch_end()
    # At overlaps up to 0.6 the precision is 1 up to a recall of 1/3, which is 34 of the 101 points
    # of recall, and 2/3 up to a recall of 2/3, which is 33 more.
    easy, hard = (34 + 33 * 2 / 3) / 101, 34 / 101
    expected = {"AP": (3 * easy + 7 * hard) / 10, "AP50": easy, "AP75": hard}
    assert {key: float(value) for key, value in logged.items()} == pytest.approx(
        {f"val_{key}": value for key, value in expected.items()}
    )


def test_the_rate_is_for_16_images_and_changes_by_steps(tmp_path):
    cfg = parse_detection(small_cfg(tmp_path, optimizer__batch_size=4))
    assert cfg.optimizer.lr == pytest.approx(0.02 / 4)
    model = detector(tmp_path)
    (optimizer,), (schedule,) = model.configure_optimizers()
    rates = []
    for _ in range(6):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule["scheduler"].step()
    share = [0.001, 0.5005, 1, 1, 0.1, 0.1]
    assert rates == pytest.approx([0.02 / 8 * value for value in share])


def test_a_detector_learns_to_find_rectangles(tmp_path):
    write_coco(tmp_path, "train2017", scenes(24))
    write_coco(tmp_path, "val2017", scenes(12, 100))
    sets = [read_detection_set("coco", tmp_path, [name], "") for name in ("train2017", "val2017")]
    changes = {"detection__min_size": [64], "detection__lr_decay_steps": [30], "max_steps": 40}
    changes["detection__warmup_steps"] = 5
    cfg = small_cfg(tmp_path, optimizer__lr=0.16, checkpoint__enabled=False, **changes)
    cfg.optimizer.batch_size = 4
    result = detect(backbone(), parse_detection(cfg), *sets, NORMAL)
    # Without a training AP50 is below 5 %.
    assert result["AP50"] > 60
    assert result["AP50"] >= result["AP"] > 20


def test_an_interrupted_training_ends_as_the_uninterrupted_one(pictures, tmp_path, capsys):
    def run(folder, last=None, **changes):
        cfg = parse_detection(small_cfg(tmp_path / folder, **changes))
        network, passes = backbone(), []

        def count(*_):
            passes.append(1)
            if len(passes) == last:
                os.kill(os.getpid(), signal.SIGTERM)

        network.conv1.register_forward_hook(count)
        result = detect(network, cfg, *pictures, NORMAL)
        weights = {name: value.clone() for name, value in network.state_dict().items()}
        return result, weights, len(passes)

    expected, weights, passes = run("whole", detection__frozen_stages=2)
    assert passes == 5 + 2
    assert (expected["steps"], expected["train_images"], expected["val_images"]) == (5, 6, 4)
    # Frozen stages keep their weights and statistics, and the others learn.
    for name, value in backbone().state_dict().items():
        frozen = name.startswith(("conv1", "bn1", "layer1"))
        assert torch.equal(weights[name], value) == frozen, name
    # An epoch has three steps, so this ends within the second one.
    with pytest.raises(SystemExit, match="143"):
        run("parts", last=4, detection__frozen_stages=2)
    assert "after step 4" in capsys.readouterr().err
    result, resumed, passes = run("parts", detection__frozen_stages=2)
    assert "Resuming from" in capsys.readouterr().out
    assert passes == 1 + 2
    assert result == expected
    for name, value in weights.items():
        assert torch.equal(resumed[name], value), name
    # A complete training is only measured, in two batches.
    result, _, passes = run("parts", detection__frozen_stages=2)
    assert (result, passes) == (expected, 2)
    assert "is complete, with all of its max_steps=5" in capsys.readouterr().out
    # A training with other settings is not resumed.
    run("parts", max_steps=1)
    assert "because these settings differ: detection, max_steps;" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"detection__network": "c5"}, "detection.network=c5 must be one of c4, fpn"),
        ({"detection__layout": "yolo"}, "detection.layout=yolo must be one of voc, coco"),
        ({"detection__train_sets": []}, r"train_sets=\[\] must be a list of names such as"),
        ({"detection__min_size": 800}, "min_size=800 must be a list of whole numbers"),
        ({"detection__frozen_stages": 6}, "frozen_stages=6 must be a whole number from 0 to 5"),
        ({"max_steps": -1}, "max_steps=-1 has no end"),
        ({"data__val_path": None}, "the config lacks data.val_path"),
    ],
)
def test_bad_settings_are_refused(changes, message, tmp_path):
    with pytest.raises(UserError, match=message):
        parse_detection(small_cfg(tmp_path, **changes))


def test_keys_of_other_commands_are_reported(tmp_path, capsys):
    changes = {"max_epochs": 3, "data__train_list": "x", "scheduler__name": "step"}
    parse_detection(small_cfg(tmp_path, **changes))
    lines = capsys.readouterr().err.splitlines()
    for key in ("max_epochs", "data.train_list", "scheduler"):
        assert f"{key} is ignored: leoclr detect does not read it" in lines


def test_a_batch_needs_enough_pictures(pictures, tmp_path):
    cfg = parse_detection(small_cfg(tmp_path, optimizer__batch_size=7))
    with pytest.raises(UserError, match="has 7 images, and there are 6 with an object"):
        detect(backbone(), cfg, *pictures, NORMAL)
