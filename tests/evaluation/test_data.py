"""Test that an evaluation uses the lists of images that its run was trained with."""

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.evaluation.data import evaluation_cfg, take_lists

TRAINED = {
    "dataset": "custom",
    "train_path": "there/train",
    "val_path": "there/val",
    "train_list": "clean.txt",
    "val_list": "few.txt",
    "num_workers": 0,
}


def lists(data) -> tuple:
    return data.get("train_list"), data.get("val_list")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("clean.txt", "few.txt")),
        ({"train_path": "there/../there/train"}, ("clean.txt", "few.txt")),
        # The training's list does not name the images of another folder.
        ({"train_path": "elsewhere"}, (None, "few.txt")),
        ({"val_path": "elsewhere"}, ("clean.txt", None)),
        ({"train_list": "other.txt"}, ("other.txt", "few.txt")),
        ({"train_path": "elsewhere", "train_list": "other.txt"}, ("other.txt", "few.txt")),
        ({"train_list": "", "val_list": ""}, ("", "")),
    ],
)
def test_the_lists_of_the_training_are_the_default(changes, expected):
    trained = OmegaConf.create({"data": TRAINED})
    assert lists(evaluation_cfg(trained, **changes).data) == expected


def test_the_probe_gets_the_lists_of_the_training_unless_it_has_its_own():
    data = OmegaConf.create({"train_path": "there/train", "val_path": "there/val"})
    OmegaConf.set_struct(data, True)
    take_lists(data, OmegaConf.create(TRAINED))
    assert lists(data) == ("clean.txt", "few.txt")
    data = OmegaConf.create({**data, "train_list": None, "val_path": "elsewhere", "val_list": "x"})
    take_lists(data, OmegaConf.create(TRAINED))
    assert lists(data) == (None, "x")


def test_a_run_without_lists_is_evaluated_without_them():
    trained = OmegaConf.create({"data": {**TRAINED, "train_list": None, "val_list": None}})
    assert lists(evaluation_cfg(trained).data) == (None, None)
