"""Writing an evaluator's result beside the checkpoint it is of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leoclr_plugin.files import write_text


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content``; the file is there whole or not at all (``whole_file``)."""
    write_text(path, json.dumps(content, indent=2) + "\n")
