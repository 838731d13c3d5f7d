"""Files that are there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from leoclr_plugin.errors import UserError, of_file, one_line

_FOLDER = ".leoclr-"
# Whatever the locale is. A path may have bytes that are none, and keeps them.
_ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}


def read_text(path: Path) -> str:
    """What ``write_text`` wrote, or another text in UTF-8."""
    return path.read_text(**_ENCODING)


def write_text(path: Path, text: str) -> None:
    """Write a ``whole_file`` of text, in UTF-8.

    Raises:
        UserError: where it cannot be written.
    """
    with whole_file(path) as part:
        part.write_text(text, **_ENCODING)


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote, or another program's JSON.

    Raises:
        UserError: where it is none, as a file that was cut off.
    """
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise UserError(f"{path} is damaged: {one_line(error)}") from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a ``whole_file`` of JSON.

    Raises:
        UserError: where it cannot be written.
    """
    write_text(path, json.dumps(content, indent=2) + "\n")


def check_writable(folder: Path) -> None:
    """Check that ``whole_file`` can write into a folder, which is left as it is.

    Raises:
        UserError: with the reason.
    """
    try:
        with TemporaryDirectory(prefix=_FOLDER, dir=folder):
            pass
    except OSError as error:
        raise UserError(of_file(folder, error)) from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the file to write in the place of ``path``, whose name it gets at the block's end.

    It lies in a folder of its own beside ``path`` and is called the same, since libraries choose a
    format by the name's end. Where the block fails nothing is left of it, and a former file is as
    it was. What is there and is no file, such as a pipe, is written to as it is.

    Args:
        path: of the file; its folder must be there.

    Yields:
        The path to write to.

    Raises:
        UserError: where it cannot be written, for want of space, permission or its folder.
    """
    # Of a link, what it leads to.
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            yield path
            return
        with TemporaryDirectory(prefix=_FOLDER, dir=target.parent) as folder:
            part = Path(folder) / target.name
            yield part
            part.replace(target)
    except OSError as error:
        # Of two files, as in copying, the second is what is written to.
        name = str(error.filename2 or error.filename or path)
        own = name in (str(path), str(target)) or name.startswith(str(target.parent / _FOLDER))
        if not own:
            # Not of this file, but of one that it is made of.
            raise
        raise UserError(of_file(path, error)) from error
