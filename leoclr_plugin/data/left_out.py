"""What a folder of images holds besides images: it is told to the user and not trained on."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path

from leoclr_plugin.terminal import tell

# Folders that no user made: those of Synology's and macOS's systems. Jupyter's are hidden anyway.
_FOLDERS_OF_TOOLS = ("@eaDir", "__MACOSX")
# Endings of files that belong to a data set and hold no image.
_COMPANIONS = (".csv", ".txt", ".json", ".md", ".yaml", ".yml", ".xml")


def is_left(entry: os.DirEntry) -> bool:
    """Whether a file or folder is hidden, or was left by a tool."""
    return entry.name.startswith(".") or entry.name in _FOLDERS_OF_TOOLS


class LeftOut:
    """Counts what a listing leaves out."""

    def __init__(self, folder: Path, endings: tuple[str, ...]) -> None:
        """Keep the folder, for the message, and the endings of the images that are read."""
        self._folder, self._endings = folder, endings
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def takes(self, entry: os.DirEntry) -> bool:
        """Whether the entry is no image and no folder of images; it is counted then."""
        kind = self._kind(entry)
        if kind is None:
            return False
        if kind:
            self._counts[kind] += 1
            self._first.setdefault(kind, entry.path)
        return True

    def _kind(self, entry: os.DirEntry) -> str | None:
        """Return None for an image or a folder, and "" for what is not worth a word."""
        if is_left(entry):
            return "hidden or left by a tool"
        try:
            if entry.is_dir():
                return None
            is_file = entry.is_file()
        except OSError:
            return "links to themselves"
        if not entry.name.lower().endswith(self._endings):
            ending = Path(entry.name).suffix.lower()
            return "" if ending in _COMPANIONS else f"files that end in {ending or 'nothing'}"
        if not is_file:
            return "links that lead nowhere" if entry.is_symlink() else "no regular files"
        return None

    def tell(self) -> None:
        """Print a line with the counts, once for each folder and process."""
        if self._counts:
            kinds = (
                f"{kind}: {count} (the first is {self._first[kind]})"
                for kind, count in sorted(self._counts.items())
            )
            _tell(f"Left out of {self._folder}: {'; '.join(kinds)}")


@cache
def _tell(line: str) -> None:
    tell(line)
