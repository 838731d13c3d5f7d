"""Write files so that a failure leaves no partial file, and read them back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from filelock import FileLock, Timeout

from leoclr_plugin.errors import UserError, of_file, one_line

_TEMPORARY_PREFIX = ".leoclr-"
# Text may contain paths with bytes that are not UTF-8, and surrogateescape keeps these bytes.
_ERRORS = "surrogateescape"


def open_text(path: Path, newline: str | None = None) -> TextIO:
    """Open a text file in UTF-8 for reading, in every locale; a byte order mark is ignored.

    Args:
        path: the file.
        newline: ``""`` keeps all ends of lines as they are, as the module ``csv`` needs it.
    """
    return path.open(encoding="utf-8-sig", errors=_ERRORS, newline=newline)


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, in every locale; a byte order mark is ignored."""
    with open_text(path) as file:
        return file.read()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, completely or not at all.

    Raises:
        UserError: when the file cannot be written.
    """
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", errors=_ERRORS)


def read_json(path: Path) -> dict[str, Any]:
    """Read an object from a JSON file.

    Raises:
        UserError: when the file is not valid JSON, for example because it was cut off, or holds
            something else than an object.
    """
    try:
        # JSON escapes what is not UTF-8, so such bytes are damage.
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    # Brackets within brackets exhaust Python's stack.
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {one_line(error)}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged: it holds no names with values")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, completely or not at all.

    Raises:
        UserError: when the file cannot be written.
    """
    write_text(path, json.dumps(content, indent=2) + "\n")


def check_writable(folder: Path) -> None:
    """Check that ``whole_file`` can write into a folder, which is left as it is.

    Raises:
        UserError: with the reason.
    """
    try:
        with TemporaryDirectory(prefix=_TEMPORARY_PREFIX, dir=folder):
            pass
    except OSError as error:
        raise UserError(of_file(folder, error)) from error


@contextmanager
def alone_in(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process alone, until the block or the process ends.

    Args:
        folder: the folder, which must exist.
        what: what works there, for the message.

    Raises:
        UserError: when another process holds the folder.
    """
    lock = FileLock(folder / ".leoclr-lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(
            f"{folder}: another {what} is at work there; wait for its end, or name another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write a file completely or not at all.

    The block writes to a temporary file, which replaces ``path`` at the end of the block. If the
    block fails, the temporary file is removed and an existing file at ``path`` stays as it was.
    The temporary file has the same name in a temporary folder beside ``path``, because libraries
    choose a format by the end of the name. If ``path`` exists but is not a regular file, such as
    a pipe, the block writes to it directly.

    Args:
        path: path of the file. Its folder must exist.

    Yields:
        The path that the block must write to.

    Raises:
        UserError: when the file cannot be written, because space, permission or its folder is
            missing.
    """
    # If the path is a symbolic link, replace the file that it points to and keep the link.
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            yield path
            return
        with TemporaryDirectory(prefix=_TEMPORARY_PREFIX, dir=target.parent) as folder:
            part = Path(folder) / target.name
            yield part
            part.replace(target)
    except OSError as error:
        # If the error names two files, as in copying, the second is the one that is written to.
        name = str(error.filename2 or error.filename or path)
        temporary = str(target.parent / _TEMPORARY_PREFIX)
        if name not in (str(path), str(target)) and not name.startswith(temporary):
            # The error is about a file that the block reads, so it must not name this one.
            raise
        raise UserError(of_file(path, error)) from error
