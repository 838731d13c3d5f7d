"""Test the files that a comparison writes, with known figures."""

import csv
import io
import json
import re

import pytest

from leoclr_plugin.compare.table import HEADER, write_report
from leoclr_plugin.files import read_text
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


@pytest.fixture
def written(tmp_path):
    return tmp_path, write_report(tmp_path, RUNS, SETTINGS)


def test_cells_are_mean_and_deviation_of_the_measured_runs(written):
    out, content = written
    rows = {row[0]: row[1:] for row in content["rows"]}
    one_seed = ["20.00", "30.00", "", "76.5", "2048", "0"]
    assert rows == {
        "leoclr": [
            *("51.41 ± 2.00", "61.41 ± 2.00", "123.5 ± 0.0", "76.5 ± 0.0", "2048 ± 0", "3 ± 0"),
        ],
        "untrained": one_seed,
        "byol": ["failed", "", "", "", "", ""],
    }
    assert all(len(row) == len(HEADER) for row in content["rows"])
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
        f"byol, seed 0, failed: {NO_ROOM}",
    ):
        assert line in text
        assert line in page
    assert [line.split()[0] for line in text.splitlines()[2:5]] == ["leoclr", "untrained", "byol"]


def test_page_has_the_table_and_the_curves_of_the_first_seed(written):
    page = read_text(written[0] / "report.html")

    shown = Page(page).texts
    cells = [cell for row in written[1]["rows"] for cell in row if cell]
    assert (shown["th"], shown["td"]) == (list(HEADER), cells)
    # The curve of leoclr's second seed goes from 90 to 91 and must not be drawn.
    assert len(re.findall("<polyline", page)) == 1
    assert ">40.00</text>" in page
    assert ">20.00</text>" in page


def test_page_without_curves_has_no_picture(tmp_path):
    write_report(tmp_path, RUNS[1:3], SETTINGS)
    assert "<svg" not in read_text(tmp_path / "report.html")
