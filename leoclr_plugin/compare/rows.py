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


def change_names() -> list[str]:
    """Return the names of the changes under ``scripts/ablation``."""
    return sorted(path.stem for path in (scripts_folder() / "ablation").glob("*.yaml"))


def read_change(name: str) -> dict[str, object]:
    """Read a change: its description ``about``, the ``methods`` it is for, and its ``overrides``.

    Raises:
        UserError: if there is no such change.
    """
    if name not in change_names():
        raise UserError(f"--row {name} is not a row{suggestion(name, change_names())}")
    return yaml.safe_load(read_text(scripts_folder() / "ablation" / f"{name}.yaml"))


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
    overrides: list[str] = []
    about: list[str] = []
    for change in changes.split("+") if changes else ():
        if change not in change_names():
            raise UserError(
                f"--methods {name}: there is no change {change!r}"
                f"{suggestion(change, change_names())}"
            )
        content = read_change(change)
        if method not in content["methods"]:
            raise UserError(
                f"--methods {name}: {change} is a change for {', '.join(content['methods'])}"
            )
        overrides += content["overrides"]
        about.append(content["about"])
    return Row(name, method, tuple(overrides), "; ".join(about), int(count) if colon else seeds)
