"""Test the further evaluations of a comparison."""

import json

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.compare.evaluations import check_evaluations, parse_evaluations
from leoclr_plugin.compare.table import columns_of, value_of
from leoclr_plugin.config import load_config
from leoclr_plugin.errors import UserError
from tests.compare.test_compare import compare, results  # noqa: F401
from tests.configs import small_config
from tests.conftest import run_leoclr


def test_names_are_read_and_a_wrong_one_is_named():
    assert parse_evaluations("knn, transfer:dtd,knn,finetune:1%") == (
        "knn",
        "transfer:dtd",
        "finetune:1%",
    )
    for text, message in (
        ("knn,lnear", "--evaluate lnear is unknown; did you mean 'linear'"),
        ("transfer", r"--evaluate transfer is unknown; did you mean 'transfer:'"),
        (" , ", "names nothing"),
    ):
        with pytest.raises(UserError, match=message):
            parse_evaluations(text)


def test_what_the_data_does_not_have_is_refused_before_training(image_folder):
    data = {"dataset": "custom", "train_path": str(image_folder), "num_workers": 0}
    cfg = OmegaConf.create({"data": data})
    with pytest.raises(UserError, match=r"mAP needs images with several labels; set data\.labels"):
        check_evaluations(cfg, ["mAP"])
    with pytest.raises(
        UserError, match="detd is neither a data set nor a folder; did you mean 'dtd'"
    ):
        check_evaluations(cfg, ["transfer:detd"])


@pytest.mark.parametrize("labels", ["1percent", "0%", "9-per-class"])
def test_labels_of_a_fine_tuning_are_checked_before_training(image_folder, labels):
    config, *overrides = small_config(image_folder)
    cfg = load_config(config, "pretrain", overrides)
    cfg.devices = [0]
    with pytest.raises(UserError, match=f"--labels {labels}"):
        check_evaluations(cfg, ["knn", f"finetune:{labels}"])


def test_folders_of_one_name_have_columns_of_their_own():
    further = {"transfer:one/photos": 1.0, "transfer:two/photos": 2.0, "transfer:birds": 3.0}
    titles = [title for title, _ in columns_of([{"method": "a", "further": further}]).values()]
    assert titles[:3] == [
        "transfer to one/photos %",
        "transfer to two/photos %",
        "transfer to birds %",
    ]


def test_each_figure_has_a_column_and_no_other_has():
    runs = [
        {"method": "a", "further": {"transfer:x/birds": 3.0, "rankme": 7.0}, "epochs": 1},
        {"method": "b", "further": {"finetune:1%": 5.0}, "epochs": 1},
    ]
    columns = columns_of(runs)
    titles = [title for title, _ in columns.values()]
    assert titles[:3] == ["transfer to birds %", "RankMe", "fine-tuned with 1% %"]
    assert "kNN top-1 %" not in titles
    assert value_of(runs[0], "transfer:x/birds") == 3.0
    assert value_of(runs[1], "rankme") is None


def test_a_comparison_has_a_column_each(compare, image_folder, tmp_path):  # noqa: F811
    names = f"knn,transfer:{image_folder},finetune:4-per-class,measures"
    run = compare("--methods", "leoclr,untrained", "--budget", "epochs=1", "--evaluate", names)
    assert run.returncode == 0, run.stderr[-3000:]
    content = results(tmp_path)
    assert content["header"][1:9] == [
        "kNN top-1 %",
        f"transfer to {image_folder.name} %",
        "fine-tuned with 4-per-class %",
        *("RankMe", "LiDAR", "alpha-ReQ", "uniformity", "alignment"),
    ]
    assert not any(cell == "" for row in content["rows"] for cell in row[1:9])
    # The same network measured by the command has the same figures.
    (trained,) = (run for run in content["runs"] if run["method"] == "leoclr")
    folder = next((tmp_path / "out" / "leoclr-0" / "runs").glob("leoclr/*/"))
    command = run_leoclr("measure", folder, "--out", tmp_path / "measured", host="bundled")
    assert command.returncode == 0, command.stderr[-2000:]
    (expected,) = json.loads((tmp_path / "measured" / "measures.json").read_text())["measures"]
    assert trained["further"]["rankme"] == pytest.approx(expected["rankme"], abs=1e-3)
    command = run_leoclr(
        *("transfer", folder, "--datasets", image_folder, "--out", tmp_path / "moved"),
        host="bundled",
    )
    assert command.returncode == 0, command.stderr[-2000:]
    (moved,) = json.loads((tmp_path / "moved" / "transfer.json").read_text())["results"]
    assert trained["further"][f"transfer:{image_folder}"] == pytest.approx(moved["value"])
