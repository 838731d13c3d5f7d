"""Count what a fault test tried and what survived, and write the counts as a table's rows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leoclr_plugin.errors import one_line

# The numbers of cases are multiplied by this share, for a quick look.
SHARE = float(os.environ.get("LEOCLR_FAULTS_SHARE", "1"))


def scaled(number: int, least: int = 20) -> int:
    """Return how many of ``number`` cases this run tries."""
    return max(min(least, number), round(SHARE * number))


class Case:
    """A row of the table.

    Attributes:
        about: what the case is about, such as ``"images"``.
        name: what was done to it.
        tried: the number of trials.
        lost: a line for each trial that ended otherwise than promised.
        slopes: what a long run came to hold more, by the name of the resource.
    """

    def __init__(self, about: str, name: str) -> None:
        self.about, self.name = about, name
        self.tried, self.lost = 0, []
        self.slopes: dict[str, float] = {}

    @contextmanager
    def trial(self, what: object) -> Iterator[None]:
        """Count one trial; any exception inside means that it is lost."""
        self.tried += 1
        try:
            yield
        except Exception as error:
            self.lost.append(f"{what}: {type(error).__name__}: {one_line(error)[:300]}")

    def write(self) -> None:
        """Put the row into the file that the variable LEOCLR_FAULTS_TABLE names, if it is set."""
        path = os.environ.get("LEOCLR_FAULTS_TABLE")
        if not path:
            return
        file = Path(path)
        rows = json.loads(file.read_text()) if file.is_file() else {}
        survived = self.tried - len(self.lost)
        rows[f"{self.about}: {self.name}"] = {
            "tried": self.tried,
            "survived": survived,
            "lost": len(self.lost),
            **({"slopes": self.slopes} if self.slopes else {}),
        }
        file.write_text(json.dumps(rows, indent=2, sort_keys=True) + "\n")
