"""Test the files that a comparison writes, with known figures."""

import csv
import io
import json
import re

import pytest

from leoclr_plugin.compare.table import trends_of, write_report
from leoclr_plugin.system.csv_cells import text_of
from leoclr_plugin.system.files import open_text, read_text
from leoclr_plugin.terminal import printable
from tests.hostile import NAMES, is_plain
from tests.pages import Page

SETTINGS = {
    "config": "imagenette/leoclr",
    "overrides": ["optimizer.lr=0.1"],
    "budget": {"epochs": 3, "minutes": None},
    "images": 9469,
    "host": "bundled",
}


def measured(method: str, seed: int, accuracy: float, **more) -> dict:
    """Return the result of a run with simple figures."""
    return {
        **{"method": method, "seed": seed, "deviations": [], "epochs": 3},
        **{"knn_top1": accuracy, "linear_top1": accuracy + 10, "images_per_second": 123.46},
        **{"seconds_per_epoch": 76.5, "peak_memory_mib": 2048.4},
        **more,
    }


# A log may contain a path with a byte that is not UTF-8.
NO_ROOM = "d\udce9j: no room"
RUNS = [
    measured("leoclr", 0, 50.0, curve=[[1, 20.0], [2, 40.0]]),
    measured("untrained", 0, 20.0, epochs=0, images_per_second=None, curve=None),
    {"method": "byol", "seed": 0, "deviations": ["recipe of byol.yaml"], "error": NO_ROOM},
    # With this run, the sample standard deviation of leoclr is 2. The population's would be 1.41.
    measured("leoclr", 1, 50.0 + 8**0.5, curve=[[1, 90.0], [2, 91.0]]),
]
HEADER = [
    *("method", "kNN top-1 %", "linear top-1 %"),
    *("images/s", "s/epoch", "peak MiB", "epochs", "work a step"),
]


@pytest.fixture
def written(tmp_path):
    return tmp_path, write_report(tmp_path, RUNS, SETTINGS)


def test_cells_are_mean_and_deviation_of_the_measured_runs(written):
    out, content = written
    rows = {row[0]: row[1:] for row in content["rows"]}
    one_seed = ["20.00", "30.00", "", "76.5", "2048", "0", ""]
    assert rows == {
        "leoclr": [
            *("51.41 ± 2.00", "61.41 ± 2.00", "123.5 ± 0.0", "76.5 ± 0.0", "2048 ± 0", "3", ""),
        ],
        "untrained": one_seed,
        "byol": ["failed", "", "", "", "", "", ""],
    }
    assert content["header"] == HEADER
    assert content["foot"] == [
        "byol: recipe of byol.yaml.",
        f"byol, seed 0, failed: {NO_ROOM}",
    ]
    saved = json.loads((out / "results.json").read_text())
    assert (saved["rows"], saved["foot"]) == (content["rows"], content["foot"])
    assert (saved["runs"], saved["settings"]) == (RUNS, SETTINGS)
    assert saved["environment"]["versions"]["torch"]


def test_csv_has_a_line_for_each_run(written):
    lines = list(csv.DictReader(io.StringIO(read_text(written[0] / "results.csv"))))
    assert [(line["method"], line["seed"], line["error"]) for line in lines] == [
        *(("leoclr", "0", ""), ("untrained", "0", ""), ("byol", "0", NO_ROOM)),
        ("leoclr", "1", ""),
    ]
    assert [float(line["knn_top1"] or -1) for line in lines] == [
        50.0,
        20.0,
        -1,
        RUNS[3]["knn_top1"],
    ]


@pytest.mark.parametrize(
    ("budget", "words"),
    [({"epochs": 3, "minutes": None}, "3 epochs"), ({"epochs": None, "minutes": 2.5}, "2.5 min")],
)
def test_text_and_page_say_what_was_compared(tmp_path, budget, words):
    write_report(tmp_path, RUNS, {**SETTINGS, "budget": budget})
    text = read_text(tmp_path / "table.txt")
    page = read_text(tmp_path / "report.html")
    for line in (
        f"imagenette/leoclr, optimizer.lr=0.1: 9469 training images, {words}",
        "bundled host",
        "byol: recipe of byol.yaml.",
        # A byte that is no text is shown as Python writes it.
        printable(f"byol, seed 0, failed: {NO_ROOM}"),
    ):
        assert line in text
        assert line in page
    assert [line.split()[0] for line in text.splitlines()[2:5]] == ["leoclr", "untrained", "byol"]


def test_page_has_the_table_and_the_curves_of_the_first_seed(written):
    page = read_text(written[0] / "report.html")

    shown = Page(page).texts
    cells = [cell for row in written[1]["rows"] for cell in row if cell]
    assert (shown["th"], shown["td"]) == (HEADER, cells)
    # The curve of leoclr's second seed goes from 90 to 91 and must not be drawn.
    assert len(re.findall("<polyline", page)) == 1
    assert ">40</text>" in page
    assert ">20</text>" in page


def test_page_without_curves_has_no_picture(tmp_path):
    write_report(tmp_path, RUNS[1:3], SETTINGS)
    assert "<svg" not in read_text(tmp_path / "report.html")


def multilabel(method: str, seed: int, legs: dict[int, float], work: float = 0) -> dict:
    """Return the result of a run on pictures of several labels; ``legs`` are mAP by epoch."""
    parts = [
        {
            **{"epochs": epochs, "linear_map": value, "knn_map": value - 1, "work_per_step": work},
            "steps_per_epoch": 100,
            "transfer": {"birds": {"knn_top1": value + 20, "linear_top1": value + 30}},
        }
        for epochs, value in legs.items()
    ]
    return {"method": method, "seed": seed, "deviations": [], **parts[-1], "legs": parts[:-1]}


def test_columns_are_the_measures_that_the_data_have(tmp_path):
    runs = [multilabel("leoclr", 0, {10: 20.0}, 5), multilabel("untrained", 0, {0: 15.0})]
    content = write_report(tmp_path, runs, SETTINGS)
    assert content["header"][:5] == [
        *("method", "kNN mAP %", "linear mAP %"),
        *("birds kNN top-1 %", "birds linear top-1 %"),
    ]
    assert content["rows"][0][1:5] == ["19.00", "20.00", "40.00", "50.00"]
    (first, *_) = csv.DictReader(io.StringIO(read_text(tmp_path / "results.csv")))
    assert (first["linear_map"], first["birds/linear_top1"]) == ("20.0", "50.0")


def test_trends_begin_at_the_untrained_network_and_are_means_over_the_seeds():
    runs = [
        multilabel("untrained", 0, {0: 15.0}),
        multilabel("leoclr", 0, {10: 18.0, 20: 20.0}, 5),
        multilabel("leoclr", 1, {10: 16.0, 20: 22.0}, 5),
        # This run has failed after its first leg.
        {**multilabel("mocov2plus", 0, {10: 17.0, 20: 0.0}, 8), "linear_map": None, "error": "x"},
    ]
    assert trends_of(runs, "linear_map") == {
        "leoclr": [(0.0, 15.0), (10, 17.0), (20, 21.0)],
        "mocov2plus": [(0.0, 15.0), (10, 17.0)],
    }
    # Ten epochs of 100 steps with 5 units each are 5 thousand units.
    assert trends_of(runs, "linear_map", "work")["leoclr"] == [
        (0.0, 15.0),
        (5.0, 17.0),
        (10.0, 21.0),
    ]
    assert trends_of(runs, "birds/linear_top1")["leoclr"][-1] == (20, 51.0)


def test_page_draws_the_trends_over_epochs_and_over_work(tmp_path):
    runs = [
        multilabel("untrained", 0, {0: 15.0}),
        multilabel("leoclr", 0, {10: 18.0, 20: 20.0}, 5),
        multilabel("mocov2plus", 0, {10: 17.0, 20: 19.0}, 8),
    ]
    write_report(tmp_path, runs, SETTINGS)
    headings = Page(read_text(tmp_path / "report.html")).texts["h2"]
    for title in ("kNN mAP %", "linear mAP %", "birds linear top-1 %"):
        assert {f"{title} over epochs", f"{title} over work"} <= set(headings)


def test_errors_and_names_from_outside_are_no_formulas_and_no_lines_of_their_own(tmp_path):
    runs = [{**RUNS[0], "method": name, "deviations": [name]} for name in NAMES]
    runs.append({"method": "=x", "seed": 0, "deviations": [], "error": "+1\n\x1b[2J"})
    settings = {**SETTINGS, "overrides": list(NAMES)}
    content = write_report(tmp_path, runs, settings)
    with open_text(tmp_path / "results.csv", newline="") as file:
        rows = list(csv.reader(file))
    formulas = {cell for row in rows for cell in row if cell and cell[0] in "=+-@\t\r"}
    assert formulas == {"-5"}
    assert [text_of(row[0]) for row in rows[1:]] == [run["method"] for run in runs]
    table = read_text(tmp_path / "table.txt").removesuffix("\n").split("\n")
    assert len(table) == 3 + len(content["rows"]) + len(content["foot"])
    assert all(map(is_plain, table))
