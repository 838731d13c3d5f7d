"""Solo-learn's own scripts, unedited: ``leoclr`` among their methods, and their mends.

Hydra's plugin calls ``register`` in the scripts that use Hydra; ``run_script`` starts the others.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leoclr_plugin.errors import UserError


def register() -> None:
    """Put ``leoclr`` into the imported solo-learn's ``METHODS`` and mend what breaks there."""
    # The host is the one that is running, whatever was chosen for our own commands.
    os.environ["LEOCLR_HOST"] = "solo-learn"
    os.environ.pop("SOLO_LEARN_HOME", None)
    from solo.methods import METHODS

    from leoclr_plugin.host.mends import mend_lightning, mend_without_gpu
    from leoclr_plugin.methods.leoclr import LeOCLR

    class StockLeOCLR(LeOCLR):
        def __init__(self, cfg: Any) -> None:
            if cfg.data.format == "dali":
                raise UserError(
                    "data.format=dali: solo-learn's DALI loader cannot resize the original to its "
                    "exact size; use data.format=image_folder, or leoclr pretrain, which can"
                )
            super().__init__(cfg)

    StockLeOCLR.__name__ = StockLeOCLR.__qualname__ = "LeOCLR"
    METHODS["leoclr"] = StockLeOCLR
    mend_lightning()
    mend_without_gpu()


def run_script(script: Path, arguments: Sequence[str]) -> None:
    """Run a script of solo-learn's with ``leoclr`` registered, as ``python script`` would.

    Raises:
        UserError: where the script is not there, or not in a clone of solo-learn.
    """
    if not script.is_file():
        raise UserError(f"{script} is not there; name a script of a clone of solo-learn")
    if not (script.parent / "solo").is_dir():
        raise UserError(f"{script} is not in a clone of solo-learn: no solo/ beside it")
    sys.path.insert(0, str(script.parent.resolve()))
    register()
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")
