"""A Hydra plugin that gives solo-learn's own scripts the method and the packaged configs.

Hydra imports this plugin in every program that uses Hydra. In programs that have not imported
solo-learn's methods it imports nothing else and does nothing.
"""

from __future__ import annotations

import sys

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class LeOCLRSearchPath(SearchPathPlugin):
    """Register ``leoclr`` and append the packaged configs to the search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Prepare a script of solo-learn. Hydra calls this with the program's own search path."""
        if "solo.methods" in sys.modules:
            from leoclr_plugin.in_solo_learn.hydra_plugin import prepare_script

            prepare_script(search_path)
