"""The methods: ``METHODS`` is the host's own registry with ``leoclr`` added to it."""

from leoclr_plugin.host import host
from leoclr_plugin.methods.leoclr import LeOCLR

METHODS = host().METHODS
METHODS["leoclr"] = LeOCLR

__all__ = ["METHODS", "LeOCLR"]
