"""The only way to the host: nothing outside this package imports solo-learn."""

from __future__ import annotations

from functools import lru_cache

from leoclr_plugin.host.contract import Host
from leoclr_plugin.host.select import choose_host

__all__ = ["Host", "host"]


@lru_cache(maxsize=1)
def host() -> Host:
    """Load the host once and return it.

    Raises:
        UserError: if the environment names a host that does not exist or cannot be imported.
    """
    choice = choose_host()
    if choice.name == "solo-learn":
        from leoclr_plugin.host.solo_learn import load
    else:
        from leoclr_plugin.host.bundled import load
    return load(choice)
