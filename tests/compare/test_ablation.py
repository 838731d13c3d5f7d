"""Every row of the ablation can be trained and is added to the table."""

import json

import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.compare.rows import change_names
from leoclr_plugin.config import load_config, scripts_folder
from leoclr_plugin.methods import LeOCLR
from leoclr_plugin.training.pretrain import prepare
from tests.configs import small_config
from tests.conftest import run_leoclr

REMOVED_AUGMENTATION = {
    "no-jitter": "color_jitter",
    "no-grey": "grayscale",
    "no-blur": "gaussian_blur",
}


@pytest.mark.parametrize("row", change_names())
def test_rows_change_what_their_names_say(row):
    recipe = OmegaConf.load(scripts_folder() / "ablation" / f"{row}.yaml")
    data = ["data.train_path=nowhere", "data.val_path=null"]
    plain = load_config("imagenette/leoclr", "pretrain", data)
    cfg = load_config("imagenette/leoclr", "pretrain", [*data, *recipe.overrides])
    assert (cfg == plain) == (row == "original")
    if row in REMOVED_AUGMENTATION:
        assert [node[REMOVED_AUGMENTATION[row]].prob for node in cfg.augmentations] == [0, 0]
        assert all(node[REMOVED_AUGMENTATION[row]].prob > 0 for node in plain.augmentations)
    with torch.device("meta"):
        LeOCLR(prepare(cfg))


def test_rows_are_run_and_added_to_the_table(image_folder, tmp_path):
    rows = ["third-crop", "swapped-branches"]
    for row in rows:
        run = run_leoclr(
            *("ablation", *small_config(image_folder)),
            *("--row", row, "--budget", "epochs=1", "--out", tmp_path / "out"),
        )
        assert run.returncode == 0, run.stderr[-3000:]
        assert "failed" not in run.stdout
    table = (tmp_path / "out" / "table.txt").read_text()
    assert [line.split()[0] for line in table.splitlines()[2:4]] == rows
    assert "third-crop: a third random crop replaces the original." in table
    assert list(json.loads((tmp_path / "out" / "rows.json").read_text())) == rows


def test_unknown_row_is_refused_with_suggestions(tmp_path):
    run = run_leoclr(
        *("ablation", "custom/leoclr", "--row", "no-flip", "--budget", "epochs=1"),
        *("--out", tmp_path / "out"),
    )
    assert run.returncode == 2
    assert "--row no-flip is not a row; did you mean 'no-" in run.stderr
