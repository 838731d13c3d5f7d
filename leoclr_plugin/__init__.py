"""LeOCLR (arXiv:2403.06813) as a method of the solo-learn benchmark library."""

from leoclr_plugin.version import __version__

__all__ = ["__version__"]
