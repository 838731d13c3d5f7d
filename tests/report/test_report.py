"""Test the HTML page, the curves, the tables and the grid of views."""

import base64
import io
import os
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.report.curves import (
    axis_marks,
    loss_curves,
    read_metric,
    read_resumed_metric,
)
from leoclr_plugin.report.html import Report
from leoclr_plugin.report.pairs import histogram_svg, ranges_of
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.report.view_grid import view_columns, view_grid
from leoclr_plugin.terminal import printable
from tests.configs import method_cfg
from tests.conftest import make_image
from tests.hostile import NAMES
from tests.pages import Page


def test_page_is_self_contained_and_escapes_its_text(tmp_path):
    report = Report("A <title>")
    report.text("x < y & z")
    report.table(("a", "b"), [("1", "<2>")])
    report.heading("a & b")
    report.picture(Image.new("RGB", (3, 2), "red"), 'a "picture"')
    Image.new("RGB", (3, 2), "blue").save(tmp_path / "blue.png")
    report.picture_file(tmp_path / "blue.png", "another")
    report.svg(loss_curves({"leoclr": [(1, 2.0), (2, 1.0)]}))
    report.write(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", page)
    colours = [Image.open(io.BytesIO(base64.b64decode(p))).getpixel((0, 0)) for p in pictures]
    assert colours == [(255, 0, 0), (0, 0, 255)]

    shown = Page(page)
    texts = {tag: shown.texts[tag] for tag in ("title", "h1", "h2", "th", "td")}
    assert texts == {
        "title": ["A <title>"],
        "h1": ["A <title>"],
        "h2": ["a & b"],
        "th": ["a", "b"],
        "td": ["1", "<2>"],
    }
    assert "x < y & z" in shown.texts["p"]
    assert "leoclr" in shown.texts["text"]
    assert shown.descriptions == ['a "picture"', "another"]


def test_points_of_curves_are_placed_by_value():
    svg = ElementTree.fromstring(loss_curves({"a": [(1, 4.0), (2, 3.0), (3, 2.0)], "b": [(1, 2)]}))
    points = [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in svg.iter("{http://www.w3.org/2000/svg}polyline")
    ]
    (x1, y1), (x2, y2), (x3, y3) = points[0]
    assert x2 - x1 == x3 - x2 > 0
    assert y2 - y1 == y3 - y2 > 0
    assert points[1] == [(x1, y3)]


def test_the_axis_of_the_epochs_begins_with_the_first_point():
    svg = loss_curves({"a": [(0, 4.0), (2, 3.0)]})
    assert re.findall(r'middle">([^<]+)<', svg) == ["0", "1", "2", "epoch"]
    # The second of three epochs is at the middle of the axis.
    first, middle = (
        float(re.search(r'points="([\d.]+),', loss_curves({"a": points}))[1])
        for points in ([(0, 4.0), (2, 3.0)], [(1, 4.0), (0, 3.0), (2, 3.0)])
    )
    assert middle - first == pytest.approx((640 - 2 * 46) / 2)


@pytest.mark.parametrize(
    ("low", "high", "whole", "texts"),
    [
        (24.05, 37.99, False, ["25", "30", "35"]),
        (1, 6, True, ["1", "2", "3", "4", "5", "6"]),
        (0, 100, True, ["0", "20", "40", "60", "80", "100"]),
        (1, 2, True, ["1", "2"]),
        (0.031, 0.094, False, ["0.04", "0.06", "0.08"]),
        (0, 0.3, False, ["0.00", "0.05", "0.10", "0.15", "0.20", "0.25", "0.30"]),
        (0.3, 0.7, False, ["0.3", "0.4", "0.5", "0.6", "0.7"]),
        (-0.5, 0.5, False, ["-0.4", "-0.2", "0.0", "0.2", "0.4"]),
        (1e6, 3e6, False, ["1000000", "1500000", "2000000", "2500000", "3000000"]),
        (7.25, 7.25, False, ["7.25"]),
    ],
)
def test_an_axis_is_marked_at_round_numbers(low, high, whole, texts):
    marks = axis_marks(low, high, whole)
    assert [text for _, text in marks] == texts
    assert all(low <= value <= high and value == pytest.approx(float(t)) for value, t in marks)


def test_named_places_are_marked_and_long_names_of_curves_have_room():
    names = ["zoo:a-long-name-of-a-network", "zoo:another-long-name-of-one"]
    curves = {name: [(0, 50.0), (2, 40.0 + i)] for i, name in enumerate(names)}
    svg = ElementTree.fromstring(loss_curves(curves, places=["clean", "grey & blur", "all"]))
    prefix = "{http://www.w3.org/2000/svg}"
    texts = {text.text: text for text in svg.iter(f"{prefix}text")}
    assert {"clean", "grey & blur", "all"} <= texts.keys()
    assert len(list(svg.iter(f"{prefix}circle"))) == 4
    middle = (float(texts["clean"].get("x")) + float(texts["all"].get("x"))) / 2
    assert float(texts["grey & blur"].get("x")) == pytest.approx(middle)
    first, second = (float(texts[name].get("x")) for name in names)
    assert second - first > 6 * len(names[0])


def test_metrics_are_read_with_their_epochs(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,loss_epoch,step\n0,,1\n0,2.5,9\n1,,10\n1,1.5,19\n")
    assert read_metric(path, "loss_epoch") == [(1.0, 2.5), (2.0, 1.5)]
    assert read_metric(path, "nothing") == []
    # A training that was killed left a part of a row, whose value is not 1.25.
    with path.open("a") as file:
        file.write("2,1.2")
    assert read_metric(path, "loss_epoch") == [(1.0, 2.5), (2.0, 1.5)]


def test_newer_file_of_a_resumed_training_replaces_the_same_epochs(tmp_path):
    # The folders' names are not in the order of their age.
    for age, (run, rows) in enumerate([("b", "0,1.0\n1,2.0\n"), ("a", "1,3.0\n2,4.0\n")]):
        path = tmp_path / run / "metrics.csv"
        path.parent.mkdir()
        path.write_text(f"epoch,acc\n{rows}")
        os.utime(path, (age, age))
    files = tmp_path.glob("*/metrics.csv")
    assert read_resumed_metric(files, "acc") == [(1.0, 1.0), (2.0, 3.0), (3.0, 4.0)]


def test_table_aligns_its_columns():
    assert text_table(("m", "top-1"), [("leoclr", "9.5"), ("x", "10.0")]).splitlines() == [
        "m       top-1",
        "------  -----",
        "leoclr    9.5",
        "x        10.0",
    ]


def test_grid_has_a_row_per_image_and_a_column_per_view():
    torch.manual_seed(0)
    images = [make_image(0, 0, (40, 80)), make_image(1, 1, (80, 40))]
    one = view_grid(images[:1], method_cfg("leoclr"))
    two = view_grid(images, method_cfg("leoclr"))
    four_crops = view_grid(images, method_cfg("leoclr", crops=4))
    assert two.width == one.width
    assert four_crops.height == two.height
    cell = two.height - one.height
    assert four_crops.width - two.width == 2 * cell
    # The middle of each cell is not white, so every cell has a picture.
    pixels = np.asarray(two)
    for row in range(2):
        for column in range(4):
            middle = pixels[26 + row * cell + 80, 8 + column * cell + 80]
            assert (middle < 250).any(), (row, column)


def test_titles_say_whether_a_view_is_query_or_key():
    leoclr = method_cfg("leoclr")
    assert view_columns(leoclr, 3) == {"X (query)": 2, "X1 (key)": 0, "X2 (key)": 1}
    crops = method_cfg("leoclr", method_kwargs__query="crops")
    assert view_columns(crops, 2) == {"X (key)": 1, "X1 (query)": 0}
    both = method_cfg("leoclr", method_kwargs__query="both")
    assert view_columns(both, 2) == {"X (query and key)": 1, "X1 (query and key)": 0}
    assert view_columns(method_cfg("mocov2plus"), 2) == {"X1": 0, "X2": 1}


def test_titles_are_in_the_middle_of_their_columns():
    pixels = np.asarray(view_grid([make_image(0, 0, (64, 64))], method_cfg("leoclr"))).min(axis=2)
    columns = np.flatnonzero((pixels[:26] < 128).any(axis=0))
    titles = np.split(columns, np.flatnonzero(np.diff(columns) > 30) + 1)
    middles = [(title[0] + title[-1]) / 2 for title in titles]
    np.testing.assert_allclose(middles, [8 + column * 168 + 80 for column in range(4)], atol=4)


def test_picture_that_is_not_square_is_in_the_middle_of_its_cell():
    pixels = np.asarray(
        view_grid([Image.new("RGB", (20, 40), "black")] * 2, method_cfg("leoclr"))
    ).max(axis=2)
    for row in range(2):
        top = 26 + row * 168
        black = np.argwhere(pixels[top : top + 160, :170] < 128)
        assert black.min(axis=0).tolist() == [0, 8 + 40]
        assert black.max(axis=0).tolist() == [159, 8 + 119]


def test_grid_shows_the_original_first():
    cfg = method_cfg("leoclr", crops=1)
    cfg.augmentations[0].grayscale.prob = 1.0
    pixels = np.asarray(view_grid([make_image(0, 0, (64, 64))], cfg)).astype(int)
    _, original, crop = (pixels[26 + 80, 8 + column * 168 + 80] for column in range(3))
    assert np.ptp(crop) <= 1 < np.ptp(original)


def test_names_from_outside_are_text_in_pages_and_drawings(tmp_path):
    report = Report(NAMES[0])
    for name in NAMES:
        report.heading(name)
        report.text(name)
        report.picture(Image.new("RGB", (1, 1)), name)
    report.table(NAMES, [NAMES])
    svg = loss_curves({name: [(1, 1.0)] for name in NAMES}, places=NAMES)
    report.svg(svg)
    report.write(tmp_path / "report.html")
    shown = [printable(name) for name in NAMES]
    page = Page((tmp_path / "report.html").read_text())
    assert page.texts["h2"] == page.texts["th"] == page.texts["td"] == shown
    assert page.texts["title"] == shown[:1]
    assert page.descriptions == shown
    assert not page.texts.keys() & {"script", "img"}
    # SVG is XML, which has no control characters.
    texts = [text.text for text in ElementTree.fromstring(svg).iter() if text.text]
    assert texts == ["1", *shown, *shown]
    ElementTree.fromstring(histogram_svg(ranges_of(np.array([0.5, np.nan]), np.array([1, 0]))))
