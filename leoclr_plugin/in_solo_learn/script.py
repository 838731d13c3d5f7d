"""Find and run a script of a clone of solo-learn."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from leoclr_plugin.errors import UserError, suggestion
from leoclr_plugin.host.select import is_source_tree, source_tree
from leoclr_plugin.in_solo_learn.register import register


def find_script(name: str) -> tuple[Path, Path]:
    """Find a script in the current folder, if that is in a clone, or else in the host's clone.

    Args:
        name: the script, such as ``main_knn.py``, from the current folder or from the clone.

    Returns:
        The path of the script, and the clone that it belongs to.

    Raises:
        UserError: if there is no clone, or no such script in it.
    """
    path = Path(name).resolve()
    clone = next(filter(is_source_tree, path.parents), None) or source_tree()
    if clone is None:
        raise UserError(
            f"there is no clone of solo-learn to run {name} from; get one by leoclr host install, "
            "or run this in a clone"
        )
    clone = clone.resolve()
    for script in (path, (clone / name).resolve()):
        if script.is_file() and clone in script.parents:
            return script, clone
    scripts = [script.name for script in clone.glob("main_*.py")]
    hint = suggestion(name, scripts) if scripts else "; name a clone: leoclr host use PATH"
    raise UserError(f"{name} is not a script of {clone}{hint}")


def run_script(script: Path, clone: Path, arguments: Sequence[str]) -> None:
    """Run a script as ``python SCRIPT ARGUMENTS`` does, with ``leoclr`` registered.

    Args:
        script: a script of the clone.
        clone: the source tree to import solo-learn from.
        arguments: the script's arguments.

    Raises:
        UserError: if solo-learn cannot be imported, or from our own parts in the script.
        SystemExit: with the script's exit code, unless the script ends by itself. The code is 1
            after any other error of the script, whose traceback is printed.
    """
    register(clone)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except UserError:
        raise
    except Exception:
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None
