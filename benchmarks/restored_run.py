"""Write a published run back into a folder of trainings that was lost, so that they can go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from leoclr_plugin.system.files import write_json


def restore_run(folder: Path, run: Mapping[str, Any], added: Collection[str]) -> None:
    """Write a run as ``leoclr compare`` leaves it.

    Args:
        folder: the run's folder, which is made.
        run: the published run.
        added: the names of what publishing added to the run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {key: value for key, value in run.items() if key not in added}
    # The first file says that the run was trained, the second that it was evaluated.
    write_json(folder / "training.json", record)
    write_json(folder / "result.json", record)
