"""Give the tests access to the figures that are drawn."""

from typing import Any

import pytest


@pytest.fixture
def drawn(monkeypatch) -> list[Any]:
    """List of the figures that were saved during the test."""
    # matplotlib is optional, and this file is read for all tests.
    from matplotlib.figure import Figure

    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args, **kwargs) -> None:
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures
