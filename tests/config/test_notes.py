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
# These recipes of solo-learn have keys that nothing reads: some are from an earlier layout, others
# are an ``enabled`` in each node of the augmentations.
RECIPES_WITH_UNKNOWN_KEYS = ("imagenet-100/simsiam.yaml", "vicreg.yaml", "cifar/wmse.yaml")


def test_unknown_keys_are_reported_with_suggestions(capsys):
    prepare(method_cfg(max_step=9, gradient_clip_val=1.0, optimizer__lrr=0.1, data__vall_path=None))
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith("max_step is ignored: it is not a setting; did you mean 'max_steps'")
    assert second.startswith(
        "data.vall_path is ignored: it is not a setting; did you mean 'val_path'"
    )
    assert third == "optimizer.lrr is ignored: it is not a setting; did you mean 'lr'?"


def test_unknown_keys_of_the_probe_are_reported(capsys):
    parse_linear(load_config("imagenette/leoclr", "linear", ["+scheduler.warmup=3"]))
    error = capsys.readouterr().err
    assert "scheduler.warmup is ignored: it is not a setting; did you mean 'warmup_epochs'" in error
    assert error.count("ignored") == 1


@pytest.mark.parametrize(
    ("key", "reported"),
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
def test_a_misspelled_key_is_reported_in_every_node(key, reported, capsys):
    tell_unknown_keys(load_config("imagenette/leoclr", "pretrain", [f"+{key}=0.9"]))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{reported} is ignored: it is not a setting; did you mean '")


def test_open_nodes_may_have_any_key(capsys):
    leoclr = ["+backbone.kwargs.img_size=64", "+optimizer.kwargs.nesterov=True", "+deterministic=1"]
    tell_unknown_keys(load_config("imagenette/leoclr", "pretrain", leoclr))
    mocov2plus = ["+method_kwargs.pred_hidden_dim=32"]
    tell_unknown_keys(load_config("imagenette/mocov2plus", "pretrain", mocov2plus))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["pretrain", "linear", "finetune", "detect"])
def test_no_key_of_a_recipe_is_reported(kind, capsys):
    folders = [scripts_folder()]
    # solo-learn's recipes of fine-tuning are those of its own main_linear.py; it has no detection.
    if os.environ.get("SOLO_LEARN_HOME") and kind in ("pretrain", "linear"):
        folders.append(Path(os.environ["SOLO_LEARN_HOME"]) / "scripts")
    recipes = [path for folder in folders for path in (folder / kind).glob("*/*.yaml")]
    assert recipes
    for path in recipes:
        if not str(path).endswith(RECIPES_WITH_UNKNOWN_KEYS):
            check_config(load_config(str(path), kind, OPEN), kind)
    assert capsys.readouterr().err == ""
