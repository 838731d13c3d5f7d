"""Write the table of the fault tests from the counts that they left.

LEOCLR_FAULTS_TABLE=benchmarks/faults.json python -m pytest -m faults
python benchmarks/faults.py benchmarks/faults.json > benchmarks/faults.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HEAD = """# What is survived

Each row is a kind of damage or accident of the tests `pytest -m faults`. A trial is survived if the
program refused the input in one line, or went on with a right result. Anything else is lost:
another exception, another picture, a result that is not whole, weights that differ from those of
the uninterrupted run. The damage comes from a fixed seed.

`LEOCLR_FAULTS_TABLE=benchmarks/faults.json python -m pytest -m faults` counts, and
`python benchmarks/faults.py benchmarks/faults.json > benchmarks/faults.md` writes this page.
`LEOCLR_FAULTS_SHARE=0.1` tries a tenth of the cases. A nightly job tries all. The rows here were
counted on several days, each at the commit of its day; the two of permissions need a user other
than root.
[What is not survived](../docs/limits.md#faults) stands with the limits.

| what | case | tried | survived | lost |
|---|---|---|---|---|
"""
SLOPES = """
## Long runs

A long run is sampled every 100 steps, or after each training. A line by least squares through all
samples but the first fifth rises by this much over the whole run. Memory is in use while the
program holds it, and may rise by 16 MiB: in the last row Python's table of interned texts grew
once, by 7 MiB between two samples, and nothing else rose. What the program gave back stays resident
as long as the allocator keeps it, so that may rise by 24 MiB.

| run | MiB in use | resident MiB | file handles | threads |
|---|---|---|---|---|
"""


def page(rows: dict[str, dict[str, Any]]) -> str:
    """Return the page for the rows that ``tests/faults/record.py`` wrote."""
    lines = []
    for name, counts in sorted(rows.items()):
        about, _, case = name.partition(": ")
        cells = (about, case, *(f"{counts[key]:,}" for key in ("tried", "survived", "lost")))
        lines.append(f"| {' | '.join(cells)} |\n")
    slopes = [
        f"| {name.partition(': ')[2]} | "
        + " | ".join(
            f"{counts['slopes'][key]:+.2f}" for key in ("MiB in use", "MiB", "handles", "threads")
        )
        + " |\n"
        for name, counts in sorted(rows.items())
        if "slopes" in counts
    ]
    return HEAD + "".join(lines) + (SLOPES + "".join(slopes) if slopes else "")


if __name__ == "__main__":
    print(page(json.loads(Path(sys.argv[1]).read_text())), end="")
