"""Add ``leoclr`` to solo-learn's methods in any program that imports them.

Some of solo-learn's scripts do not use Hydra, so a Hydra plugin cannot reach them. For these,
``leoclr.pth`` imports this module whenever Python starts. To cost nothing in other programs, the
module imports only what Python has already loaded, and it does nothing until a program imports
solo-learn's methods.
"""

from __future__ import annotations

import sys

_METHODS = "solo.methods"
# solo.args.linear imports the methods before it is complete, and registering needs it complete.
_WATCHED = (_METHODS, "solo.args.linear")


class SoloLearnWatch:
    """An import hook that registers the method once solo-learn's own methods are imported."""

    def __init__(self) -> None:
        self._imports_in_progress = 0

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Find a watched module in the usual way and register the method after its import.

        Python calls this for every import. All other modules are left to the other finders.
        """
        if name not in _WATCHED:
            return None
        other_finders = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in other_finders)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: object) -> None:
                self._imports_in_progress += 1
                try:
                    execute(module)
                finally:
                    self._imports_in_progress -= 1
                if not self._imports_in_progress:
                    register_in_solo_learn()

            spec.loader.exec_module = exec_module
        return spec


def register_in_solo_learn() -> bool:
    """Register ``leoclr`` in a program that imported solo-learn's methods by itself.

    A failure is printed on stderr and never raised. The ``leoclr`` commands import solo-learn's
    methods through the host, so nothing is registered in them.

    Returns:
        Whether ``leoclr`` is now registered in such a program.
    """
    methods = getattr(sys.modules.get(_METHODS), "METHODS", {})
    if "mocov2plus" not in methods:
        return False
    if "leoclr" not in methods and "leoclr_plugin.host" not in sys.modules:
        try:
            from leoclr_plugin.host.stock import register

            register()
        except Exception as error:
            # The program may train another method, which must not fail for this reason.
            print(f"leoclr is not registered: {error}", file=sys.stderr)
    return "leoclr" in methods and "leoclr_plugin.host.stock" in sys.modules


sys.meta_path.insert(0, SoloLearnWatch())
