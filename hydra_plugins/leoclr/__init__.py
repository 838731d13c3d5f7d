"""Hydra's way to leoclr: Hydra imports this wherever it runs, so it imports nothing else.

In solo-learn's own scripts it puts the packaged configs on the search path after the script's
own: of ``--config-path scripts/pretrain/imagenet-100``, the packaged folder of the same name.
In every other program it does nothing.
"""

from __future__ import annotations

from pathlib import PurePath

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from leoclr_plugin.startup import register_in_solo_learn


class LeOCLRSearchPath(SearchPathPlugin):
    """The packaged configs after the program's own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra once the program's own search path is complete."""
        # Done already where Python has read leoclr.pth, which it does in site-packages alone.
        if not register_in_solo_learn():
            return
        from leoclr_plugin.config import scripts_folder

        own = [part.path for part in search_path.get_path() if part.provider == "main"]
        for path in own:
            folder = scripts_folder().joinpath(*PurePath(path or "").parts[-2:])
            if folder.is_dir():
                search_path.append("leoclr", f"file://{folder}")
