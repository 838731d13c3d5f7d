import json

import pytest

from leoclr_plugin.demo.report import summary
from leoclr_plugin.demo.run import Budget, run_demo
from leoclr_plugin.errors import UserError
from leoclr_plugin.plots import scatter
from tests.pages import Page


def test_demo_without_the_plotting_libraries(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scatter, "find_spec", lambda name: None)
    content = run_demo(tmp_path, Budget(train_images=70, epochs=1, linear_epochs=1), seed=6)
    assert json.loads((tmp_path / "results.json").read_text())["seed"] == content["seed"] == 6
    untrained = content["methods"]["untrained"]["knn_top1"]
    for method in ("leoclr", "mocov2plus"):
        # Both begin with the untrained network and end with the one in the table.
        first, last = content["curves"]["knn_top1"][method]
        assert first == (0, pytest.approx(untrained, abs=0.01))
        assert last == (1, pytest.approx(content["methods"][method]["knn_top1"], abs=0.01))
        # 70 pictures are one batch of 64: one step.
        ((epochs_before, _),) = content["curves"]["train_nce_loss"][method]
        assert epochs_before == 0
    assert (
        "The report goes without pictures of what was learned: UMAP needs"
        in capsys.readouterr().out
    )

    page = Page((tmp_path / "report.html").read_text())
    assert page.descriptions == ["the three views"]
    assert any('pip install "leoclr-plugin[umap]"' in text for text in page.texts["p"])
    assert summary(content["methods"]) in page.texts["p"]


def test_summary_says_which_is_ahead():
    def said(leoclr: float, moco: float, untrained: float) -> str:
        values = {"leoclr": leoclr, "mocov2plus": moco, "untrained": untrained}
        return summary({name: {"knn_top1": value} for name, value in values.items()})

    assert said(70, 72.5, 20).endswith(
        "50.0 points above the untrained network and 2.5 points below mocov2plus."
    )
    assert said(10, 9, 20).endswith(
        "10.0 points below the untrained network and 1.0 points above mocov2plus."
    )


def test_a_seed_that_torch_does_not_take_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"seed=4294967296"):
        run_demo(tmp_path / "out", Budget(70, 1, 1), seed=2**32)
    assert not (tmp_path / "out").exists()
