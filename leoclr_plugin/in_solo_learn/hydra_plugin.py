"""The work of our Hydra plugin in solo-learn's own scripts."""

from __future__ import annotations

import sys
from pathlib import PurePath

from hydra.core.config_search_path import ConfigSearchPath

from leoclr_plugin.config import scripts_folder
from leoclr_plugin.terminal import tell


def prepare_script(search_path: ConfigSearchPath) -> None:
    """Register ``leoclr`` and let Hydra find the packaged configs in a script of solo-learn.

    The script has imported solo-learn's methods. For a script that is run with ``--config-path
    scripts/pretrain/imagenet-100``, the packaged folder ``pretrain/imagenet-100`` is appended.

    Args:
        search_path: Hydra's search path for the program's configs.
    """
    if not _registered():
        return
    program_paths = [part.path for part in search_path.get_path() if part.provider == "main"]
    for path in program_paths:
        folder = scripts_folder().joinpath(*PurePath(path or "").parts[-2:])
        if folder.is_dir():
            search_path.append("leoclr", f"file://{folder}")


def _registered() -> bool:
    """Register ``leoclr`` if the program is not one of ours, and return whether it is registered.

    The ``leoclr`` commands import solo-learn's methods through the host, so nothing is registered
    in them. A failure is printed on stderr and never raised.
    """
    methods = getattr(sys.modules["solo.methods"], "METHODS", {})
    if "mocov2plus" not in methods:
        return False
    if "leoclr" not in methods and "leoclr_plugin.host" not in sys.modules:
        try:
            from leoclr_plugin.in_solo_learn.register import register

            register()
        except Exception as error:
            # The program may train another method, which must not fail for this reason.
            tell(f"leoclr is not registered: {error}")
    return "leoclr" in methods and "leoclr_plugin.in_solo_learn.register" in sys.modules
