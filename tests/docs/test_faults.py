"""The page of the fault tests has the figures that were counted."""

import json
import subprocess
import sys

from tests.conftest import ROOT

COUNTS = ROOT / "benchmarks/faults.json"


def test_the_page_is_made_from_the_counts_and_nothing_is_lost():
    command = [sys.executable, ROOT / "benchmarks/faults.py", COUNTS]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "benchmarks/faults.md").read_text() == page
    rows = json.loads(COUNTS.read_text())
    kinds = {name.partition(":")[0] for name in rows}
    assert kinds == {"images", "configs", "files", "names", "processes", "long runs"}
    assert all(row["tried"] == row["survived"] > 0 for row in rows.values())
