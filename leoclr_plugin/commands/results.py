"""Writing an evaluator's results beside the checkpoint or into the folder of ``--out``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import check_writable, write_json
from leoclr_plugin.terminal import say


def add_out_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of the results' folder."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder for the results (default: the checkpoint's folder)",
    )


def results_folder(out: Path | None, run: Path) -> Path:
    """Return the folder of the results after checking that it can be written to.

    Args:
        out: the folder of ``--out``, which is made if it is missing; None for the run's folder.
        run: the folder of the checkpoint.

    Raises:
        UserError: if the folder cannot be made or written to; it suggests ``--out``.
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
    """Write a result as JSON and print its path.

    Print the figures before you call this, so that they are not lost if the file cannot be written.

    Args:
        out: see ``results_folder``.
        run: see ``results_folder``.
        name: the name of the file.
        content: the content of the file.

    Raises:
        UserError: see ``results_folder``.
    """
    path = results_folder(out, run) / name
    write_json(path, content)
    say(f"Written to {path}")
