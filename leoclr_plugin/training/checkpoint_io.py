"""Checkpoints that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from leoclr_plugin.errors import UserError, one_line


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside a checkpoint's name, and renames once all of it is on the disk.

    Lightning writes into the folder for temporary files, often on another disk, and copies.

    Attributes:
        last_good: the newest checkpoint that was written, or the one that was resumed from.
    """

    def __init__(self, last_good: Path | None = None) -> None:
        super().__init__()
        self.last_good = last_good

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            UserError: where that fails, for want of space or otherwise, naming the last good one.
        """
        _drop_code(checkpoint)
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
                "make room and go on with auto_resume.enabled=True"
            ) from error
        self.last_good = path


def _drop_code(checkpoint: dict[str, Any]) -> None:
    # Of a group with a constant rate the host puts a function into its schedule's state. A
    # schedule makes it anew; in a file it is code, which is not read again.
    for state in checkpoint.get("lr_schedulers", ()):
        for key in [key for key, value in state.items() if callable(value)]:
            del state[key]


def describe(last_good: Path | None) -> str:
    """The last good checkpoint, in words."""
    if last_good is None:
        return "there is no earlier checkpoint"
    return f"the last good checkpoint is {last_good}"
