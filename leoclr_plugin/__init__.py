"""LeOCLR (arXiv:2403.06813) as a method of the solo-learn benchmark library.

These are the rooms of the package, from the bottom up. A room imports only rooms that stand before
it. ``setup.cfg`` has the exact order, and ``lint-imports`` checks it.

- ``errors``: errors that a user can fix.
- ``system``: files, signals, child processes and a lack of memory.
- ``losses``, ``metrics`` and ``plots``: functions of plain tensors.
- ``config``: every key of the configuration, and the YAML files.
- ``host``: solo-learn or the bundled stand-in, and the mends that solo-learn needs.
- ``data``: images, labels, views and loaders. It knows nothing of the host, nor the host of it.
- ``methods``: LeOCLR on the host's base classes.
- ``checkpoints``: write, find and read checkpoints and the weights in them.
- ``training``: the trainer, resuming and everything that happens during a run.
- ``evaluation``, ``export`` and ``report``: what is measured, written and drawn of a trained run.
- ``compare``, ``demo``, ``zoo`` and ``bench``: work that takes several of these steps.
- ``in_solo_learn``: what runs inside solo-learn's own scripts.
- ``commands``: the console script ``leoclr``.
"""

from leoclr_plugin.version import __version__

__all__ = ["__version__"]
