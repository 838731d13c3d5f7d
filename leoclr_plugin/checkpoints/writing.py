"""Write checkpoints so that a failure leaves no partial file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from leoclr_plugin.errors import UserError, one_line


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint to a file beside it, and rename the file once all of it is on the disk.

    Lightning writes to the system's temporary folder and copies the file. The folder is often on
    another disk, so copying is not atomic.

    Attributes:
        last_good: the newest checkpoint that was written completely. At first this is the
            checkpoint that the training resumes from, or None.
    """

    def __init__(self, last_good: Path | None = None) -> None:
        super().__init__()
        self.last_good = last_good

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            UserError: when writing fails, for example because the disk is full. The message names
                the last good checkpoint.
        """
        _remove_functions(checkpoint)
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.part")
        try:
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        # torch's own writer turns an OSError into a RuntimeError.
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            reason = one_line(error)
            raise UserError(
                f"the checkpoint {path} cannot be written: {reason}; {describe(self.last_good)}; "
                "free some space and continue with auto_resume.enabled=True"
            ) from error
        self.last_good = path


def _remove_functions(checkpoint: dict[str, Any]) -> None:
    # The host stores a function in the schedule's state for parameters with a constant learning
    # rate. Checkpoints with functions cannot be read without running code, and a resumed schedule
    # makes the function again.
    for state in checkpoint.get("lr_schedulers", ()):
        for key in [key for key, value in state.items() if callable(value)]:
            del state[key]


def describe(last_good: Path | None) -> str:
    """Name the last good checkpoint in words, or say that there is none."""
    if last_good is None:
        return "there is no earlier checkpoint"
    return f"the last good checkpoint is {last_good}"
