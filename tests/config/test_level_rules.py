"""Test that what cannot be done with images of other depths and channels is refused by name."""

import re

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.config import load_config
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.finetune import parse_finetune
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg, pipeline

ONE = {"data__channels": 1, "data__mean": [0.5], "data__std": [0.2]}
DEEP = {"data__range": [0, 4095]}


def refused(message: str, **changes) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        prepare(method_cfg(data__dataset="custom", data__train_path=".", **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("channels", 0, "data.channels=0 must be auto or a whole number from 1 to 16"),
        ("channels", 17, "data.channels=17 must be auto or a whole number from 1 to 16"),
        ("channels", "grey", "data.channels=grey must be auto or a whole number"),
        ("range", [0], "data.range=[0] must be auto or a pair [low, high] of numbers"),
        ("range", ["a", "b"], "data.range=['a', 'b'] must be auto or a pair"),
        ("range", [400, -1000], "data.range=[400,-1000] must have two levels, the lower one"),
        ("range", [0, float("inf")], "data.range=[0,inf] must have two levels"),
        ("range", [float("nan"), 1.0], "data.range=[nan,1] must have two levels"),
        ("clip", True, "data.clip=True needs to know the range: set data.range=[low,high]"),
        ("mean", [0.5], "data.mean=[0.5] must have a number for each of 3 channels"),
        ("mean", [124, 116, 104], "data.mean=[124,116,104] must have numbers from 0 to 1"),
        ("mean", [0.5, 0.5, 0.5], "data.mean and data.std belong together"),
        ("std", [0.1, 0.0, 0.1], "data.std=[0.1,0,0.1] must have numbers above 0"),
    ],
)
def test_values_that_cannot_be_meant(key, value, message):
    refused(message, **{f"data__{key}": value})


@pytest.mark.parametrize("keys", [ONE, DEEP, {"data__channels": 3}])
def test_dali_reads_rgb_of_8_bits_only(keys):
    refused("data.format=dali reads RGB of 8 bits only", data__format="dali", **keys)


def test_archives_are_rgb_of_8_bits():
    with pytest.raises(UserError, match="cifar10 is an archive of RGB images of 8 bits"):
        prepare(method_cfg(data__dataset="cifar10", **ONE))


def test_augmentations_of_colours_are_named_with_what_switches_them_off():
    probs = {"color_jitter": 0.8, "grayscale": 0.2}
    nodes = [pipeline(32, 2, **probs), pipeline([32, 32], crop=False)]
    words = [f"augmentations.0.color_jitter.{name}=0" for name in ("saturation", "hue")]
    words.append("augmentations.0.grayscale.prob=0")
    refused(
        "saturation, hue and grey need RGB, and data.channels=1: add " + " ".join(words),
        **ONE,
        augmentations=OmegaConf.create(nodes),
    )
    changes = {word.partition("=")[0].replace(".0.", "__[0]__", 1): 0 for word in words}
    cfg = method_cfg(data__dataset="custom", data__train_path=".", data__val_path=None, **ONE)
    cfg.augmentations = nodes
    for key in changes:
        OmegaConf.update(cfg, key.replace("__[0]__", "[0].").replace("__", "."), 0.0)
    assert prepare(cfg).backbone.kwargs.in_chans == 1


@pytest.mark.parametrize("keys", [ONE, DEEP])
def test_equalisation_is_of_bytes(keys):
    nodes = [pipeline(32, 2, equalization=0.1), pipeline([32, 32], crop=False)]
    refused(
        "need RGB of 8 bits without data.channels and data.range: add "
        "augmentations.0.equalization.prob=0",
        **keys,
        augmentations=OmegaConf.create(nodes),
    )


def test_transforms_of_ones_own_take_bytes():
    extra = [{"_target_": "torchvision.transforms.v2.RandomVerticalFlip"}]
    nodes = [{**pipeline(32, 2), "extra": extra}, pipeline([32, 32], crop=False)]
    refused("add augmentations.0.extra=[]", **DEEP, augmentations=OmegaConf.create(nodes))


def test_a_mean_of_a_pipeline_has_a_number_for_each_channel():
    nodes = [{**pipeline(32, 2), "mean": [0.5, 0.5, 0.5]}, pipeline([32, 32], crop=False)]
    refused(
        "augmentations[0].mean=[0.5,0.5,0.5] must have a number for each of 1 channels",
        **ONE,
        augmentations=OmegaConf.create(nodes),
    )


def test_other_channels_need_mean_and_std():
    refused(
        "data.channels=4 needs data.mean and data.std of the images; leoclr stats FOLDER "
        "--channels 4 computes them",
        data__channels=4,
    )


def test_in_chans_is_that_of_the_images():
    refused(
        "backbone.kwargs.in_chans=4, and the images have 1 channels; leave it out",
        **ONE,
        backbone__kwargs={"in_chans": 4},
    )


def test_rand_augment_is_of_bytes():
    words = ["data.train_path=.", "data.val_path=.", "+data.channels=3"]
    words += ["rand_augment.num_ops=2", "accelerator=cpu"]
    cfg = load_config("custom/leoclr", "finetune", [f"++{word.lstrip('+')}" for word in words])
    OmegaConf.update(cfg, "pretrained_feature_extractor", "x", force_add=True)
    OmegaConf.update(cfg, "pretrain_method", "leoclr", force_add=True)
    with pytest.raises(UserError, match="rand_augment needs RGB of 8 bits"):
        parse_finetune(cfg)


def test_lists_need_no_brackets():
    cfg = load_config("custom/leoclr", "pretrain", ["data.train_path=x", "+data.range=-1000,400"])
    assert cfg.data.range == [-1000, 400]
