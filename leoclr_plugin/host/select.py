"""Which host is there: the real solo-learn where it can be found, else the bundled one."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from leoclr_plugin.errors import UserError, check_known
from leoclr_plugin.host.install import chosen

_CHOICES = ("auto", "solo-learn", "bundled")
# The releases before Hydra have neither; nor has any other package that is called solo.
_HYDRA_GENERATION = ("args/pretrain.py", "methods/mocov2plus.py")


@dataclass(frozen=True)
class Choice:
    """The host to load: its ``name``, the source tree to put on ``sys.path``, and the reason."""

    name: str
    source_tree: Path | None
    reason: str


def choose_host() -> Choice:
    """Decide from the environment, importing nothing.

    ``LEOCLR_HOST`` is ``auto`` (the default), ``solo-learn`` or ``bundled``; ``SOLO_LEARN_HOME``
    names a source tree of solo-learn and goes before what ``leoclr host use`` chose, which goes
    before an importable ``solo``.

    Raises:
        UserError: for an unknown ``LEOCLR_HOST``, a ``SOLO_LEARN_HOME`` or a chosen folder that
            is no source tree, or ``LEOCLR_HOST=solo-learn`` where there is none.
    """
    wanted = os.environ.get("LEOCLR_HOST") or "auto"
    check_known("LEOCLR_HOST", wanted, _CHOICES, "a host")
    if wanted == "bundled":
        return Choice("bundled", None, "LEOCLR_HOST=bundled asks for it")

    home = os.environ.get("SOLO_LEARN_HOME")
    if home:
        check_source_tree(Path(home), f"SOLO_LEARN_HOME={home}")
        return Choice("solo-learn", Path(home).resolve(), f"SOLO_LEARN_HOME={home} names it")

    once_for_all = chosen()
    if once_for_all == "bundled" and wanted == "auto":
        return Choice("bundled", None, "leoclr host use bundled chose it")
    if once_for_all not in (None, "bundled"):
        folder = Path(once_for_all)
        check_source_tree(folder, f"the host that was chosen, {folder},")
        return Choice("solo-learn", folder, "leoclr host use or install chose it")

    spec = importlib.util.find_spec("solo")
    folders = [Path(p) for p in (spec.submodule_search_locations or ())] if spec else []
    if any(_is_hydra_generation(folder) for folder in folders):
        return Choice("solo-learn", None, "the package solo can be imported")
    if wanted == "solo-learn":
        raise UserError(
            "LEOCLR_HOST=solo-learn, but there is none; leoclr host install gets it, or set "
            "SOLO_LEARN_HOME to a clone of github.com/vturrisi/solo-learn"
        )
    why = "an importable solo is not of the Hydra generation" if folders else "no solo-learn"
    return Choice("bundled", None, f"{why}, and SOLO_LEARN_HOME is not set")


def check_source_tree(folder: Path, what: str) -> None:
    """Raise a UserError, about ``what``, where a folder is no source tree of solo-learn."""
    if not _is_hydra_generation(folder / "solo"):
        raise UserError(
            f"{what} is not a source tree of solo-learn (it lacks solo/{_HYDRA_GENERATION[1]}); "
            "name a clone of github.com/vturrisi/solo-learn"
        )


def _is_hydra_generation(package: Path) -> bool:
    return all((package / name).is_file() for name in _HYDRA_GENERATION)
