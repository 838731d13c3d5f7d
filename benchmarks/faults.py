"""Write the table of the fault tests from the counts that they left.

LEOCLR_FAULTS_TABLE=benchmarks/faults.json python -m pytest -m faults
python benchmarks/faults.py benchmarks/faults.json > benchmarks/faults.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HEAD = """# What is survived

Each row is a kind of damage or accident of the tests `pytest -m faults`. A trial is survived if the
program refused the input in one line, or went on with a right result. Anything else is lost:
another exception, another picture, a result that is not whole, weights that differ from those of
the uninterrupted run. The damage comes from a fixed seed.

`LEOCLR_FAULTS_TABLE=benchmarks/faults.json python -m pytest -m faults` counts, and
`python benchmarks/faults.py benchmarks/faults.json > benchmarks/faults.md` writes this page.
`LEOCLR_FAULTS_SHARE=0.1` tries a tenth of the cases, as the row of SIGTERM here. A nightly
job tries all.
[What is not survived](../docs/limits.md#faults) stands with the limits.

| what | case | tried | survived | lost |
|---|---|---|---|---|
"""


def page(rows: dict[str, dict[str, int]]) -> str:
    """Return the page for the rows that ``tests/faults/record.py`` wrote."""
    lines = []
    for name, counts in sorted(rows.items()):
        about, _, case = name.partition(": ")
        cells = (about, case, *(f"{counts[key]:,}" for key in ("tried", "survived", "lost")))
        lines.append(f"| {' | '.join(cells)} |\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    print(page(json.loads(Path(sys.argv[1]).read_text())), end="")
