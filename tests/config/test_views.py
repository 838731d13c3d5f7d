import re

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.config.check import check_config, check_part
from leoclr_plugin.errors import UserError
from tests.configs import method_cfg, pipeline, views


def refused(nodes: list, dataset: str = "imagenette", **changes) -> str:
    cfg = method_cfg(augmentations=nodes, data__dataset=dataset, **changes)
    with pytest.raises(UserError) as caught:
        check_config(cfg, "pretrain")
    return str(caught.value)


def accepted(nodes: list, dataset: str = "imagenette", **changes) -> None:
    cfg = method_cfg(augmentations=nodes, data__dataset=dataset, **changes)
    check_config(cfg, "pretrain")


def check_views(augmentations) -> None:
    check_part("augmentations", OmegaConf.create(augmentations), "pretrain")


def test_int_size_of_the_original_is_refused_unless_images_are_square():
    nodes = [pipeline(32, 2), pipeline(32, crop=False)]
    assert "write crop_size: [32, 32]" in refused(nodes)
    accepted(nodes, "cifar10")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("crop_size", 0, "must be a whole number of at least 1"),
        ("crop_size", [32, 1.5], "crop_size=[32, 1.5] must be a whole number of at least 1"),
        ("mean", [0.5], "mean=[0.5] must have a number for each of 3 channels"),
        ("mean", 0.5, "mean=0.5 must be a list of a number for each channel"),
        (
            "crop_size",
            [32],
            "crop_size=[32] must be a whole number of at least 1 or a pair",
        ),
        ("num_crops", -1, "must be a whole number of at least 0"),
        ("rrc.crop_min_scale", 2, "must be a number from 0 to 1"),
        ("rrc.crop_max_scale", 0.1, "crop_min_scale=0.2 must be at most crop_max_scale=0.1"),
        ("horizontal_flip.prob", 1.5, "must be a number from 0 to 1"),
        ("color_jitter.hue", 0.6, "must be a number from 0 to 0.5"),
        ("color_jitter.contrast", -1, "must be a number of at least 0"),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_name(key, value, message):
    nodes = OmegaConf.create([pipeline(32, color_jitter=0.8), pipeline([32, 32], crop=False)])
    check_views(nodes)
    OmegaConf.update(nodes[0], key, value)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        check_views(nodes)
    assert str(caught.value).startswith(f"augmentations[0].{key.rsplit('.')[0]}")


@pytest.mark.parametrize(
    ("augmentations", "message"),
    [
        ({"crops": pipeline(32)}, "must be a list of pipelines"),
        ([], "augmentations=[] must be a list of pipelines"),
        ([32], "augmentations[0]=32 must be"),
        (
            [pipeline(32), {"crop_size": 32}],
            "the config lacks augmentations[1].rrc.enabled, which must be True or False",
        ),
    ],
)
def test_other_values_than_pipelines_are_refused(augmentations, message):
    with pytest.raises(UserError, match=re.escape(message)):
        check_views(OmegaConf.create(augmentations))


def test_changes_that_are_off_need_no_numbers():
    nodes = OmegaConf.create([pipeline([32, 32], crop=False)])
    nodes[0].rrc = {"enabled": False}
    nodes[0].color_jitter = {"prob": 0}
    check_views(nodes)


def test_views_that_do_not_fit_leoclr_are_refused():
    assert "there is no crop view" in refused([pipeline([32, 32], crop=False)])
    assert "its last view" in refused([pipeline(32, 2)])
    assert "its last view" in refused([pipeline([32, 32], crop=False), pipeline(32, 2)])
    assert "its last view" in refused([pipeline(32, 2), pipeline([32, 32], 2, crop=False)])
    accepted(views("leoclr", crops=1))


def test_a_crop_may_be_the_anchor_where_it_is_asked_for():
    nodes = [pipeline(32, 2), pipeline([32, 32])]
    accepted(nodes, method_kwargs__anchor="crop")
    assert "rrc.enabled=False, and only it" in refused(nodes)
    line = refused(views("leoclr"), method_kwargs__anchor="crop")
    assert "rrc.enabled=True, as all others" in line
