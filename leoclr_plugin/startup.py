"""Puts ``leoclr`` among solo-learn's methods in any program that imports them.

``leoclr.pth`` imports this at every start of Python: solo-learn's scripts are not all started by
Hydra, whose plugins are loaded by themselves. So it imports nothing but what Python has loaded
already, and does nothing until a program imports solo-learn's methods.
"""

from __future__ import annotations

import sys

_METHODS = "solo.methods"
# This one imports the methods halfway through itself, and registering needs it whole.
_WATCHED = (_METHODS, "solo.args.linear")


class SoloLearnWatch:
    """An import hook that registers the method after solo-learn's own were imported."""

    def __init__(self) -> None:
        self._under_way = 0

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Called by Python for every import; finds the watched modules as they would be anyway."""
        if name not in _WATCHED:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: object) -> None:
                self._under_way += 1
                try:
                    execute(module)
                finally:
                    self._under_way -= 1
                if not self._under_way:
                    register_in_solo_learn()

            spec.loader.exec_module = exec_module
        return spec


def register_in_solo_learn() -> bool:
    """Register ``leoclr`` in a program of solo-learn's; say so where it fails, and never raise.

    Returns:
        Whether the program is one that imported solo-learn's methods by itself, and they have
        ``leoclr`` now. Our own commands load them through the host.
    """
    methods = getattr(sys.modules.get(_METHODS), "METHODS", {})
    if "mocov2plus" not in methods:
        return False
    if "leoclr" not in methods and "leoclr_plugin.host" not in sys.modules:
        try:
            from leoclr_plugin.host.stock import register

            register()
        except Exception as error:
            # Whatever it is, a training of another method must not fail of it.
            print(f"leoclr is not registered: {error}", file=sys.stderr)
    return "leoclr" in methods and "leoclr_plugin.host.stock" in sys.modules


sys.meta_path.insert(0, SoloLearnWatch())
