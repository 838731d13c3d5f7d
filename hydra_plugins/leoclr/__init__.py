"""Hydra's way to leoclr: Hydra imports this wherever it runs, so it imports nothing else.

In solo-learn's own scripts it registers the method and puts the packaged configs on the search
path after the script's own: of ``--config-path scripts/pretrain/imagenet-100``, the packaged
folder of the same name. In every other program it does nothing.
"""

from __future__ import annotations

import sys
from pathlib import PurePath

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class LeOCLRSearchPath(SearchPathPlugin):
    """The packaged configs after the program's own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra once the program's own search path is complete."""
        # A script of solo-learn has imported its methods before it starts Hydra; our own commands
        # load them through our own host.
        if "solo.methods" not in sys.modules or "leoclr_plugin" in sys.modules:
            return
        try:
            from leoclr_plugin.config import scripts_folder
            from leoclr_plugin.host.stock import register

            register()
        except Exception as error:
            # Whatever it is, a training of another method must not fail of it.
            print(f"leoclr is not registered: {error}", file=sys.stderr)
            return
        own = [part.path for part in search_path.get_path() if part.provider == "main"]
        for path in own:
            folder = scripts_folder().joinpath(*PurePath(path or "").parts[-2:])
            if folder.is_dir():
                search_path.append("leoclr", f"file://{folder}")
