"""Any text as a name from outside: shown in terminals, pages and drawings, read again from files.

The texts are drawn with a bias to what terminals, HTML, CSV, Markdown and matplotlib obey.
"""

from __future__ import annotations

import csv
import os
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leoclr_plugin.data.pairs.places import place_pairs
from leoclr_plugin.data.pairs.table import read_pairs, write_pairs
from leoclr_plugin.report.curves import loss_curves
from leoclr_plugin.report.html import Report
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.csv_cells import csv_lines, text_of
from leoclr_plugin.system.files import open_text, read_text
from leoclr_plugin.terminal import printable, say, tell
from tests.faults.record import scaled
from tests.faults.test_configs import examples
from tests.hostile import NAMES, is_plain
from tests.pages import Page

_OBEYED = st.sampled_from([*"\x1b[]\x9b\x07\b\r\n\t=+-@'\"<>&|`$\\_{}^ \u202e\u2066\u2028\udcff\0"])
TEXTS = st.one_of(
    st.text(st.one_of(_OBEYED, st.characters()), min_size=1, max_size=20),
    st.sampled_from(NAMES),
)
# The vertical axis of a drawing whose values go from 1 to 2.
MARKS = ("1.0", "1.2", "1.4", "1.6", "1.8", "2.0")
# The names of files: bytes without a slash and a zero, as Python gives them.
FILES = st.binary(min_size=1, max_size=20).map(os.fsdecode) | TEXTS
FILE_NAMES = FILES.filter(
    lambda name: (
        "/" not in name
        and "\0" not in name
        and name.strip() not in ("", ".", "..")
        and not any(
            0xD800 <= ord(letter) < 0xDC80 or 0xDCFF < ord(letter) < 0xE000 for letter in name
        )
    )
)


def lists_of(texts):
    return given(names=st.lists(texts, min_size=1, max_size=5, unique=True))


def test_terminals(case, capsys):
    row = case("names", "any text on the terminal, in lines and tables")

    @examples(scaled(2000))
    @lists_of(TEXTS)
    def shown(names):
        with row.trial(names):
            say(*names)
            tell(*names)
            out, err = capsys.readouterr()
            assert out == err
            table = text_table(names, [names, names])
            assert len(out.split("\n")) == len(names) + 1
            assert len(table.split("\n")) == 4
            lines = [*out.split("\n"), *table.split("\n")]
            assert all(map(is_plain, lines))
            for text in names:
                assert printable(text) in out

    shown()


def test_pages_and_drawings(case, tmp_path):
    row = case("names", "any text in HTML and SVG")
    path = tmp_path / "page.html"

    @examples(scaled(2000))
    @lists_of(TEXTS)
    def escaped(names):
        with row.trial(names):
            report = Report(names[0])
            report.table(names, [names])
            svg = loss_curves({name: [(1, 1.0), (2, 2.0)] for name in names}, names[0], names)
            report.svg(svg)
            report.write(path)
            page, shown = Page(read_text(path)), [printable(name) for name in names]
            seen = [text for text in shown if text.strip()]
            assert page.texts["th"] == page.texts["td"] == seen
            texts = [text.text for text in ElementTree.fromstring(svg).iter() if text.text]
            assert texts == [*MARKS, *shown, *shown]
            tags = {"title", "style", "h1", "th", "td", "text", "body"}
            assert page.texts.keys() - {"svg", "p"} <= tags

    escaped()


@pytest.mark.filterwarnings("ignore:Glyph")
def test_formulas(case, tmp_path, drawn):
    """A figure of all texts is drawn for each trial, so that a wrong formula would end it."""
    pytest.importorskip("matplotlib")
    import torch

    from leoclr_plugin.plots.spectrum import spectrum_plot

    row = case("names", "any text in matplotlib")

    @examples(scaled(150))
    @lists_of(TEXTS)
    def literal(names):
        with row.trial(names):
            spectrum_plot([(name, torch.tensor([2.0, 1])) for name in names], tmp_path / "a.png")
            texts = drawn.pop().axes[0].get_legend().get_texts()
            assert [text.get_text() for text in texts] == [printable(name) for name in names]

    literal()


def test_csv(case, tmp_path):
    row = case("names", "any text in CSV, and read again")
    path = tmp_path / "a.csv"

    @examples(scaled(2000))
    @lists_of(TEXTS)
    def round_trip(names):
        with row.trial(names):
            with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
                file.writelines(csv_lines([[*names, -1.5]]))
            with path.open(newline="", encoding="utf-8", errors="surrogatepass") as file:
                ((*cells, number),) = csv.reader(file)
            assert number == "-1.5"
            assert [text_of(cell) for cell in cells] == names
            for cell in cells:
                if cell[0] in "=+-@\t\r":
                    float(cell)

    round_trip()


def test_pairs(case, tmp_path):
    """Names of any bytes; a name may be another with spaces around it."""
    row = case("names", "any name of a file in a file of pairs, and found again")
    path = tmp_path / "pairs.csv"

    @examples(scaled(2000))
    @lists_of(FILE_NAMES)
    def found(names):
        with row.trial(names):
            write_pairs(path, [(name, names[i - 1], -0.5) for i, name in enumerate(names)])
            placed = place_pairs(path, read_pairs(path), tmp_path, names, None)
            assert placed.images.tolist() == list(range(len(names)))
            with open_text(path, newline="") as file:
                assert len(list(csv.reader(file))) == len(names) + 1

    found()
