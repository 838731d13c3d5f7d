"""Fault tests: ``pytest -m faults``. Their counts become the table of benchmarks/faults.md."""

from __future__ import annotations

import pytest

from tests.faults.record import Case


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "tests/faults/" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def case(request):
    """Return a function that starts a row of the table; the test fails if the row lost anything."""
    rows: list[Case] = []

    def start(about: str, name: str) -> Case:
        rows.append(Case(about, name))
        return rows[-1]

    yield start
    for row in rows:
        row.write()
    lost = [line for row in rows for line in row.lost]
    assert not lost, "\n".join(lost[:20])
    assert all(row.tried for row in rows)
