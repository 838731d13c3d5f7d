"""The rows of a comparison: a method and the changes to its configuration."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from leoclr_plugin.compare.worker import UNTRAINED
from leoclr_plugin.config import scripts_folder
from leoclr_plugin.errors import UserError, suggestion
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from leoclr_plugin.system.files import read_text


@dataclass(frozen=True)
class Row:
    """A row of a comparison.

    Attributes:
        name: the row as the user writes it, ``METHOD`` or ``METHOD/CHANGE+CHANGE``.
        method: a method of the host, or ``untrained``.
        overrides: Hydra's overrides of the changes.
        about: the changes in words; empty if there are none.
        seeds: the number of runs.
    """

    name: str
    method: str
    overrides: tuple[str, ...]
    about: str
    seeds: int

    @property
    def folder(self) -> str:
        """The row's name as the name of a folder."""
        return self.name.replace("/", "-")


@dataclass(frozen=True)
class Changes:
    """One change of ``scripts/ablation``, or several that are made together.

    Attributes:
        about: the changes in words.
        methods: the methods that a row of an ablation compares.
        removes: the augmentations that are taken away, in words; None if a change is another one.
            To take augmentations away is possible for every method of the host.
        overrides: Hydra's overrides.
    """

    about: str
    methods: tuple[str, ...]
    removes: str | None
    overrides: tuple[str, ...]

    def check_method(self, option: str, row: str, method: str) -> None:
        """Check that the changes are for a method, for a row as the user wrote it.

        Raises:
            UserError: if they are not.
        """
        removable = self.removes is not None and method != UNTRAINED
        if not removable and method not in self.methods:
            raise UserError(
                f"{option} {row}: {method} cannot have this change, which is for "
                f"{', '.join(self.methods)}"
            )


def change_names() -> list[str]:
    """Return the names of the changes under ``scripts/ablation``."""
    return sorted(path.stem for path in (scripts_folder() / "ablation").glob("*.yaml"))


def read_changes(text: str, option: str) -> Changes:
    """Read changes of ``scripts/ablation`` that are joined by ``+``.

    Args:
        text: the names of the changes.
        option: the option that names them, with the row, for the error.

    Raises:
        UserError: if there is no such change.
    """
    parts = []
    for name in text.split("+"):
        if name not in change_names():
            raise UserError(
                f"{option}: there is no change {name!r}{suggestion(name, change_names())}"
            )
        parts.append(yaml.safe_load(read_text(scripts_folder() / "ablation" / f"{name}.yaml")))
    removed = [part.get("removes") for part in parts]
    return Changes(
        "; ".join(part["about"] for part in parts),
        tuple(
            name for name in parts[0]["methods"] if all(name in part["methods"] for part in parts)
        ),
        None if None in removed else ", ".join(removed),
        tuple(override for part in parts for override in part["overrides"]),
    )


def parse_row(text: str, seeds: int = 1) -> Row:
    """Read a row such as ``mocov2plus``, ``leoclr/moco-v2+small-crops`` or ``leoclr:3``.

    Args:
        text: the method; then optionally a slash and changes of ``scripts/ablation`` joined by
            ``+``; then optionally a colon and the number of seeds.
        seeds: the number of seeds if the text has none.

    Raises:
        UserError: for an unknown method or change, and a change that is for another method.
    """
    name, colon, count = text.partition(":")
    if colon and not (count.isdecimal() and int(count) > 0):
        raise UserError(f"--methods {text}: {count!r} is not a number of seeds; write {name}:2")
    method, _, changes = name.partition("/")
    known = [*(name for name in METHODS if name not in ("base", "linear")), UNTRAINED]
    if method not in known:
        raise UserError(
            f"--methods {method}: the {host().name} host has no such method"
            f"{suggestion(method, known)}"
        )
    count = int(count) if colon else seeds
    if not changes:
        return Row(name, method, (), "", count)
    read = read_changes(changes, f"--methods {name}")
    read.check_method("--methods", name, method)
    return Row(name, method, read.overrides, read.about, count)
