"""Each figure of a table in the results is in the raw data that the table names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from statistics import mean
from typing import Any

import pytest

from tests.docs.pages import RESULTS

# A table, and after it the paragraph with its raw data.
_TABLE = re.compile(r"((?:^\|.*\n)+)\nRaw data: ((?:.+\n)+)", re.MULTILINE)
_SOURCE = re.compile(r"\]\(([^)]+\.json)\)")
_FIGURE = re.compile(r"\d+\.\d+")
TABLES = _TABLE.findall(RESULTS.read_text())


def numbers_in(content: Any) -> Iterator[float]:
    """Yield the numbers of raw data, and the mean of each list of numbers."""
    if isinstance(content, dict):
        for value in content.values():
            yield from numbers_in(value)
    elif isinstance(content, list):
        if content and all(isinstance(value, float) for value in content):
            yield mean(content)
        for value in content:
            yield from numbers_in(value)
    elif isinstance(content, int | float):
        yield float(content)


def test_every_table_names_its_raw_data():
    assert len(TABLES) == len(re.findall(r"^\|---", RESULTS.read_text(), re.MULTILINE)) > 0


@pytest.mark.parametrize(("table", "sources"), TABLES, ids=range(len(TABLES)))
def test_figures_of_a_table_are_in_its_raw_data(table, sources):
    files = [RESULTS.parent / source for source in _SOURCE.findall(sources)]
    known = [number for file in files for number in numbers_in(json.loads(file.read_text()))]
    figures = [
        f
        for line in table.splitlines()
        for cell in line.split("|")[2:]
        for f in _FIGURE.findall(cell)
    ]
    assert figures
    for figure in figures:
        digits = len(figure.partition(".")[2])
        # A mean of two figures may lie exactly between two roundings.
        assert any(abs(number - float(figure)) <= 0.5000001 * 10**-digits for number in known), (
            figure
        )
