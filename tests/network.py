"""Run programs without the network, and fail if one tried to use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import ROOT


@contextmanager
def no_network(folder: Path) -> Iterator[dict[str, str]]:
    """Give the environment of programs that are refused the network, see ``offline/sitecustomize``.

    Args:
        folder: an existing folder for the log.

    Raises:
        AssertionError: at the end of the block, if a program tried to use the network.
    """
    log = folder / "network.log"
    offline = ROOT / "tests" / "offline"
    yield {"PYTHONPATH": f"{offline}:{ROOT}", "LEOCLR_TEST_NETWORK_LOG": str(log)}
    assert not log.exists(), log.read_text()
