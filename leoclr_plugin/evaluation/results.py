"""Writing an evaluator's result beside the checkpoint it is of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leoclr_plugin.files import whole_file


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content``; the file is there whole or not at all (``whole_file``)."""
    text = json.dumps(content, indent=2) + "\n"
    with whole_file(path) as part:
        part.write_text(text)
