"""Add ``leoclr`` to the solo-learn of a script, and mend what breaks in its scripts."""

from __future__ import annotations

import os
from pathlib import Path


def register(clone: Path | None = None) -> None:
    """Add ``leoclr`` to solo-learn's ``METHODS``, and apply the mends that its scripts need.

    Args:
        clone: the source tree to import solo-learn from. None takes the solo-learn that the
            program has imported already.

    Raises:
        UserError: if solo-learn cannot be imported.
    """
    # The host must be the solo-learn that is running, whatever the user chose for our commands.
    os.environ["LEOCLR_HOST"] = "solo-learn"
    if clone is None:
        os.environ.pop("SOLO_LEARN_HOME", None)
    else:
        os.environ["SOLO_LEARN_HOME"] = str(clone)
    import leoclr_plugin.methods  # noqa: F401, the import adds leoclr to the host's METHODS
    from leoclr_plugin.host import host
    from leoclr_plugin.host.mends import mend_lightning, mend_without_gpu
    from leoclr_plugin.host.solo_learn import dali_dataloader
    from leoclr_plugin.in_solo_learn.dali import give_leoclr_its_loader
    from leoclr_plugin.in_solo_learn.unread import refuse_unread_keys

    mend_lightning()
    mend_without_gpu()
    refuse_unread_keys(host().BaseMethod)
    loaders = dali_dataloader()
    if loaders is not None:
        give_leoclr_its_loader(loaders)
