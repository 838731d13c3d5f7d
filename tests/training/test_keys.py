import os
from pathlib import Path

import pytest

from leoclr_plugin.config import load_config, scripts_folder
from leoclr_plugin.evaluation.linear import parse_linear
from leoclr_plugin.training.keys import tell_unknown_keys
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg

OPEN = ["data.train_path=x", "data.val_path=x"]
# Solo-learn's, with two keys of an earlier layout that nothing reads.
_LEFTOVER = "imagenet-100/simsiam.yaml"


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


@pytest.mark.parametrize("kind", ["pretrain", "linear"])
def test_no_key_of_a_recipe_is_told(kind, capsys):
    folders = [scripts_folder()]
    if os.environ.get("SOLO_LEARN_HOME"):
        folders.append(Path(os.environ["SOLO_LEARN_HOME"]) / "scripts")
    recipes = [path for folder in folders for path in (folder / kind).glob("*/*.yaml")]
    assert recipes
    for path in recipes:
        if not str(path).endswith(_LEFTOVER):
            tell_unknown_keys(load_config(str(path), kind, OPEN))
    assert capsys.readouterr().err == ""
