"""Every row of the ablation can be trained and is added to the table."""

import json

import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.compare.ablation import ablate
from leoclr_plugin.compare.removals import add_removals, removal_curves, removal_plot
from leoclr_plugin.compare.rows import change_names
from leoclr_plugin.compare.run import Budget
from leoclr_plugin.config import load_config, scripts_folder
from leoclr_plugin.errors import UserError
from leoclr_plugin.methods import LeOCLR
from leoclr_plugin.report.curves import axis_marks
from leoclr_plugin.report.html import Report
from leoclr_plugin.training.pretrain import prepare
from tests.configs import small_config
from tests.conftest import run_leoclr
from tests.pages import Page

REMOVED_AUGMENTATIONS = {
    "no-jitter": ["color_jitter"],
    "no-grey": ["grayscale"],
    "no-blur": ["gaussian_blur"],
    "crop-only": ["color_jitter", "grayscale", "gaussian_blur", "horizontal_flip"],
}


@pytest.mark.parametrize("row", change_names())
def test_rows_change_what_their_names_say(row):
    recipe = OmegaConf.load(scripts_folder() / "ablation" / f"{row}.yaml")
    data = ["data.train_path=nowhere", "data.val_path=null"]
    plain = load_config("imagenette/leoclr", "pretrain", data)
    cfg = load_config("imagenette/leoclr", "pretrain", [*data, *recipe.overrides])
    assert (cfg == plain) == (row == "original")
    for name in REMOVED_AUGMENTATIONS.get(row, ()):
        assert [node[name].prob for node in cfg.augmentations] == [0, 0]
        assert all(node[name].prob > 0 for node in plain.augmentations)
    with torch.device("meta"):
        LeOCLR(prepare(cfg))


def test_rows_are_run_and_added_to_the_table_and_the_plot(image_folder, tmp_path):
    out = tmp_path / "out"
    removals = ["--rows", "original,no-grey+no-jitter", "--methods", "leoclr/moco-v2"]
    for words in (["--row", "third-crop"], removals):
        run = run_leoclr(
            *("ablation", *small_config(image_folder)),
            *(*words, "--budget", "epochs=1", "--out", out),
        )
        assert run.returncode == 0, run.stderr[-3000:]
        assert "failed" not in run.stdout
    rows = ["third-crop", "original", "no-grey+no-jitter"]
    table = (out / "table.txt").read_text()
    assert [line.split()[0] for line in table.splitlines()[2:5]] == rows
    assert "third-crop: a third random crop replaces the original." in table
    assert "no-grey+no-jitter: no view is turned grey; no view has colour jitter." in table
    assert list(json.loads((out / "rows.json").read_text())) == rows
    written = "Written to {}/table.txt, rows.json, report.html, ablation.svg"
    assert run.stdout.splitlines()[-1] == written.format(out)
    # The row's run had what the row says, and its figures are in the plot.
    folder = out / "no-grey+no-jitter"
    cfg = OmegaConf.load(folder / "leoclr-moco-v2-0/config.yaml")
    probabilities = [(node.grayscale.prob, node.color_jitter.prob) for node in cfg.augmentations]
    assert probabilities == [(0, 0), (0, 0)]
    assert cfg.method_kwargs.anchor == "crop"
    shown = Page((out / "report.html").read_text()).texts["text"]
    figures = [
        json.loads((out / row / "results.json").read_text())["runs"][0]["linear_top1"]
        for row in rows[1:]
    ]
    marks = {text for _, text in axis_marks(min(figures), max(figures))}
    assert marks | {"nothing", "grayscale, colour jitter"} <= set(shown)


def test_points_of_the_plot_are_the_means_of_the_rows():
    def row(removes: str | None, **figures: float) -> dict:
        return {"removes": removes, "figures": {"linear top-1 %": figures}}

    rows = {
        "no-grey": row("grayscale", leoclr=40.0, simclr=30.0),
        "third-crop": row(None, leoclr=1.0),
        "original": row("nothing", leoclr=50.0),
        "an earlier version's": {"rows": []},
        "crop-only": row("all but the crop", leoclr=35.0, simclr=10.0),
    }
    places, points = removal_curves(rows, "linear top-1 %")
    assert places == ["nothing", "grayscale", "all but the crop"]
    assert points == {
        "leoclr": [(0, 50.0), (1, 40.0), (2, 35.0)],
        "simclr": [(1, 30.0), (2, 10.0)],
    }
    report = Report("Ablation")
    add_removals(report, rows)
    # A method without the first row has no change against it.
    changes = "".join(report._parts).rpartition("change against")[2]
    assert "leoclr" in changes
    assert "simclr" not in changes
    assert ">-15<" in changes
    assert removal_plot({"original": rows["original"]}, "linear top-1 %") is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rows", "original,no-flip"], "--rows no-flip: there is no change 'no-flip'; did you"),
        (
            ["--rows", "original,third-crop", "--methods", "leoclr,mocov2plus"],
            "--rows third-crop: mocov2plus cannot have this change, which is for leoclr",
        ),
        (["--rows", "original", "--methods", "leo"], "--methods leo: the bundled host has no such"),
    ],
)
def test_wrong_rows_are_refused_before_the_first_is_trained(words, message, tmp_path):
    out = tmp_path / "out"
    run = run_leoclr("ablation", "custom/leoclr", *words, "--budget", "epochs=1", "--out", out)
    assert run.returncode == 2
    (line,) = run.stderr.strip().splitlines()
    assert message in line
    assert not out.exists()


def test_rows_of_another_budget_are_refused(tmp_path):
    rows = {"original": {"settings": {"config": "a", "overrides": [], "budget": {"epochs": 1}}}}
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match="has the row original with the config a, and now it is b"):
        ablate("b", ["no-grey"], Budget(epochs=3), 1, tmp_path)
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
