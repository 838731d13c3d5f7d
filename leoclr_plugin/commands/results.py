"""Where an evaluator's results go: beside the checkpoint, or to the folder that ``--out`` names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import check_writable, write_json


def add_out_argument(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the results."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write the results there (default: beside the checkpoint)",
    )


def results_folder(out: Path | None, run: Path) -> Path:
    """The folder of the results, which is there and can be written to.

    Args:
        out: what ``--out`` names, made if it is not there; None for the run's own folder.
        run: the folder of the checkpoint.

    Raises:
        UserError: where it cannot be made or written to, saying that ``--out`` names another.
    """
    folder = out or run
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
    except (OSError, UserError) as error:
        reason = f"{folder}: {error.strerror}" if isinstance(error, OSError) else error
        raise UserError(
            f"the results cannot be written: {reason}; --out FOLDER writes them elsewhere"
        ) from error
    return folder


def write_result(out: Path | None, run: Path, name: str, content: dict[str, Any]) -> None:
    """Write a result as JSON and say where. Call it when the figures are printed already.

    Args:
        out: see ``results_folder``.
        run: the same.
        name: of the file.
        content: of the file.

    Raises:
        UserError: see ``results_folder``.
    """
    path = results_folder(out, run) / name
    write_json(path, content)
    print(f"Written to {path}")
