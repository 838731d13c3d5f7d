"""Downloads by torchvision that are whole or not there, and report a failure in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError

from filelock import FileLock

from leoclr_plugin.errors import UserError, one_line

Made = TypeVar("Made")
# Folders of a download that goes on, and of one that is whole but not in its place yet.
_PART, _WHOLE, _LOCK = ".leoclr-download", ".leoclr-downloaded", ".leoclr-download.lock"
_ARCHIVES = (".gz", ".tar", ".tgz", ".xz", ".zip")


@contextmanager
def downloading(dataset: str, root: Path) -> Iterator[None]:
    """Turn the errors of a download in the block into a ``UserError``.

    Args:
        dataset: the name of the data set.
        root: the folder that it is downloaded to.

    Raises:
        UserError: if the network or the server fails.
    """
    try:
        yield
    except (URLError, ConnectionError, TimeoutError) as error:
        reason = one_line(getattr(error, "reason", error))
        raise UserError(
            f"data.download=True: {dataset} cannot be downloaded to {root}: {reason}; check the "
            "network, or put the files there yourself"
        ) from error


def made_whole(make: Callable[[Path, bool], Made], root: Path, download: bool) -> Made:
    """Open a data set of torchvision, and download it first if it is missing.

    torchvision takes a data set for whole as soon as its folder exists, and a download that was
    killed while it unpacked has made that folder. So a data set is downloaded into a folder of its
    own, and moved once all of it is there. A killed move is finished by the next call. The other
    processes of a training wait meanwhile.

    Args:
        make: opens the data set in a folder, and downloads it if its second argument says so. It
            raises any exception if the data set is missing or damaged.
        root: the folder that holds the data set. Archives that lie there already are unpacked
            instead of downloaded.
        download: whether to download a missing data set.

    Raises:
        Exception: that of ``make``.
    """
    if not (root / _WHOLE).exists():
        try:
            return make(root, False)
        except MemoryError:
            raise
        # A missing or damaged data set can raise almost any kind of error.
        except Exception:
            if not download:
                raise
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / _LOCK):
        if (root / _WHOLE).exists():
            _move(root / _WHOLE, root)
        if not download:
            return make(root, False)
        # Another process may have downloaded it while this one waited.
        with suppress(Exception):
            return make(root, False)
        _download(make, root)
    return make(root, False)


def _download(make: Callable[[Path, bool], object], root: Path) -> None:
    part = root / _PART
    # A killed download had left this.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        _show_archives(root, part)
        make(part, True)
        part.rename(root / _WHOLE)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    _move(root / _WHOLE, root)


def _show_archives(root: Path, part: Path) -> None:
    for archive in (*root.glob("*"), *root.glob("*/*")):
        if archive.suffix in _ARCHIVES and archive.is_file():
            there = part / archive.relative_to(root)
            there.parent.mkdir(exist_ok=True)
            there.symlink_to(archive.resolve())


def _move(source: Path, target: Path) -> None:
    """Move what a folder holds into another one, which may hold a part of it already."""
    for path in source.iterdir():
        there = target / path.name
        if path.is_dir() and there.is_dir():
            _move(path, there)
        elif path.is_symlink():
            path.unlink()
        else:
            path.replace(there)
    source.rmdir()
