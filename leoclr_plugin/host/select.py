"""The choice of the host: the real solo-learn if it can be found, otherwise the bundled one."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from leoclr_plugin.errors import UserError, check_known
from leoclr_plugin.host.install import chosen

_CHOICES = ("auto", "solo-learn", "bundled")
# Releases of solo-learn before Hydra have neither file, nor has any other package called solo.
_FILES_OF_HYDRA_GENERATION = ("args/pretrain.py", "methods/mocov2plus.py")


@dataclass(frozen=True)
class Choice:
    """The host to load: its name, the source tree to put on ``sys.path``, and the reason."""

    name: str
    source_tree: Path | None
    reason: str


def choose_host() -> Choice:
    """Choose the host from the environment without importing it.

    ``LEOCLR_HOST`` is ``auto`` (the default), ``solo-learn`` or ``bundled``. solo-learn is looked
    for in this order: the source tree that ``SOLO_LEARN_HOME`` names, the choice that ``leoclr
    host use`` saved, an importable package ``solo``.

    Raises:
        UserError: if ``LEOCLR_HOST`` is unknown, if ``SOLO_LEARN_HOME`` or the saved folder is not
            a source tree, or if ``LEOCLR_HOST=solo-learn`` and solo-learn is not found.
    """
    requested = os.environ.get("LEOCLR_HOST") or "auto"
    check_known("LEOCLR_HOST", requested, _CHOICES, "a host")
    if requested == "bundled":
        return Choice("bundled", None, "LEOCLR_HOST=bundled asks for it")

    home = os.environ.get("SOLO_LEARN_HOME")
    if home:
        check_source_tree(Path(home), f"SOLO_LEARN_HOME={home}")
        return Choice("solo-learn", Path(home).resolve(), f"SOLO_LEARN_HOME={home} names it")

    saved_choice = chosen()
    if saved_choice == "bundled" and requested == "auto":
        return Choice("bundled", None, "leoclr host use bundled chose it")
    if saved_choice not in (None, "bundled"):
        folder = Path(saved_choice)
        check_source_tree(folder, f"the host that was chosen, {folder},")
        return Choice("solo-learn", folder, "leoclr host use or install chose it")

    spec = importlib.util.find_spec("solo")
    folders = [Path(p) for p in (spec.submodule_search_locations or ())] if spec else []
    if any(_is_hydra_generation(folder) for folder in folders):
        return Choice("solo-learn", None, "the package solo can be imported")
    if requested == "solo-learn":
        raise UserError(
            "LEOCLR_HOST=solo-learn, but solo-learn was not found; get it by leoclr host install, "
            "or set SOLO_LEARN_HOME to a clone of github.com/vturrisi/solo-learn"
        )
    reason = "no solo-learn can be imported"
    if folders:
        reason = "the importable package solo is not of the Hydra generation"
    return Choice("bundled", None, f"{reason}, and SOLO_LEARN_HOME is not set")


def check_source_tree(folder: Path, what: str) -> None:
    """Check that a folder is a source tree of solo-learn.

    Args:
        folder: the folder.
        what: what the error calls it, such as the setting that names the folder.

    Raises:
        UserError: if it is not a source tree of solo-learn.
    """
    if not is_source_tree(folder):
        missing = f"solo/{_FILES_OF_HYDRA_GENERATION[1]}"
        raise UserError(
            f"{what} is not a source tree of solo-learn (it lacks {missing}); name a clone of "
            "github.com/vturrisi/solo-learn"
        )


def is_source_tree(folder: Path) -> bool:
    """Return whether a folder is a source tree of solo-learn."""
    return _is_hydra_generation(folder / "solo")


def source_tree() -> Path | None:
    """Return the folder that holds the chosen solo-learn, or None for the bundled host.

    Raises:
        UserError: see ``choose_host``.
    """
    choice = choose_host()
    if choice.name == "bundled" or choice.source_tree is not None:
        return choice.source_tree
    folders = importlib.util.find_spec("solo").submodule_search_locations
    return next(Path(folder).parent for folder in folders if _is_hydra_generation(Path(folder)))


def _is_hydra_generation(package: Path) -> bool:
    return all((package / name).is_file() for name in _FILES_OF_HYDRA_GENERATION)
