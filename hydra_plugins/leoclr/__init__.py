"""A Hydra plugin that lets solo-learn's own scripts find the packaged configs.

It appends a packaged folder to the script's search path: for a script that is run with
``--config-path scripts/pretrain/imagenet-100``, the packaged folder ``pretrain/imagenet-100``.
Hydra imports this plugin in every program that uses Hydra, so it imports little and does nothing
in programs other than solo-learn's scripts.
"""

from __future__ import annotations

from pathlib import PurePath

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from leoclr_plugin.startup import register_in_solo_learn


class LeOCLRSearchPath(SearchPathPlugin):
    """Append the packaged configs to the search path of solo-learn's scripts."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the packaged folder. Hydra calls this with the program's own search path."""
        # Register the method here too: Python reads leoclr.pth only in site-packages, so it may
        # not have been read.
        if not register_in_solo_learn():
            return
        from leoclr_plugin.config import scripts_folder

        program_paths = [part.path for part in search_path.get_path() if part.provider == "main"]
        for path in program_paths:
            folder = scripts_folder().joinpath(*PurePath(path or "").parts[-2:])
            if folder.is_dir():
                search_path.append("leoclr", f"file://{folder}")
