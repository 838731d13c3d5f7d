import os
from pathlib import Path

import pytest

from leoclr_plugin.config import load_config, scripts_folder
from leoclr_plugin.config.check import check_config
from leoclr_plugin.config.notes import tell_unknown_keys
from leoclr_plugin.evaluation.linear import parse_linear
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg

OPEN = ["data.train_path=x", "data.val_path=x"]
# Recipes of solo-learn that have keys which nothing reads: of an earlier layout, and an ``enabled``
# in each node of the augmentations.
_LEFTOVER = ("imagenet-100/simsiam.yaml", "vicreg.yaml", "cifar/wmse.yaml")


def test_keys_that_nothing_reads_are_told_with_those_that_were_meant(capsys):
    prepare(method_cfg(max_step=9, gradient_clip_val=1.0, optimizer__lrr=0.1, data__vall_path=None))
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith("max_step is ignored: it is not a setting; did you mean 'max_steps'")
    assert second.startswith(
        "data.vall_path is ignored: it is not a setting; did you mean 'val_path'"
    )
    assert third == "optimizer.lrr is ignored: it is not a setting; did you mean 'lr'?"


def test_those_of_the_probe_are_told_too(capsys):
    parse_linear(load_config("imagenette/leoclr", "linear", ["+scheduler.warmup=3"]))
    told = capsys.readouterr().err
    assert "scheduler.warmup is ignored: it is not a setting; did you mean 'warmup_epochs'" in told
    assert told.count("ignored") == 1


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("augmentations.0.gausian_blur.prob", "augmentations[0].gausian_blur"),
        ("augmentations.1.rrc.crop_min_scal", "augmentations[1].rrc.crop_min_scal"),
        ("augmentations.0.color_jitter.huee", "augmentations[0].color_jitter.huee"),
        ("dali.prefetsh", "dali.prefetsh"),
        ("backbone.kwarg", "backbone.kwarg"),
        ("momentum.base_ta", "momentum.base_ta"),
        ("checkpoint.keep_pre", "checkpoint.keep_pre"),
        ("auto_resume.max_hour", "auto_resume.max_hour"),
        ("knn_eval.distance_fun", "knn_eval.distance_fun"),
        ("wandb.projekt", "wandb.projekt"),
        ("performance.compil", "performance.compil"),
        ("scheduler.warmup", "scheduler.warmup"),
    ],
)
def test_a_mistyped_key_is_told_in_every_node(key, told, capsys):
    tell_unknown_keys(load_config("imagenette/leoclr", "pretrain", [f"+{key}=0.9"]))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{told} is ignored: it is not a setting; did you mean '")


def test_open_nodes_may_have_any_key(capsys):
    words = ["+backbone.kwargs.img_size=64", "+optimizer.kwargs.nesterov=True", "+deterministic=1"]
    tell_unknown_keys(load_config("imagenette/leoclr", "pretrain", words))
    others = ["+method_kwargs.pred_hidden_dim=32"]
    tell_unknown_keys(load_config("imagenette/mocov2plus", "pretrain", others))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["pretrain", "linear"])
def test_no_key_of_a_recipe_is_told(kind, capsys):
    folders = [scripts_folder()]
    if os.environ.get("SOLO_LEARN_HOME"):
        folders.append(Path(os.environ["SOLO_LEARN_HOME"]) / "scripts")
    recipes = [path for folder in folders for path in (folder / kind).glob("*/*.yaml")]
    assert recipes
    for path in recipes:
        if not str(path).endswith(_LEFTOVER):
            # Its values are in their ranges, too.
            check_config(load_config(str(path), kind, OPEN), kind)
    assert capsys.readouterr().err == ""
