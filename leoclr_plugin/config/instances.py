"""Objects that a node ``_target_`` of a configuration describes, in Hydra's spelling."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.errors import HydraException
from hydra.utils import instantiate

from leoclr_plugin.errors import UserError, one_line


def make_instance(
    node: Mapping[str, Any], place: str, allowed: Callable[[type, str], bool], wanted: str
) -> Any:
    """Make the object of a node ``_target_`` with arguments.

    A configuration may be a stranger's, so every ``_target_`` of the node and of its arguments is
    checked before anything is called.

    Args:
        node: the class's path as ``_target_``, and its arguments.
        place: the node's place in the configuration, for error messages.
        allowed: says whether a class, with its path, may be called.
        wanted: says in an error message what is allowed: ``"a callback of Lightning"``.

    Raises:
        UserError: if there is no such class, it is not allowed, or it refuses its arguments.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise UserError(f"{place}={node} must be a node with _target_, the path of {wanted}")
    _check_targets(node, place, allowed, wanted)
    try:
        return instantiate(dict(node), _convert_="all")
    except (HydraException, TypeError, ValueError) as error:
        raise UserError(f"{place} cannot be made: {_reason(error)}") from error


def _check_targets(
    node: Any, place: str, allowed: Callable[[type, str], bool], wanted: str
) -> None:
    if isinstance(node, Mapping):
        if "_target_" in node:
            _check_target(str(node["_target_"]), place, allowed, wanted)
        for value in node.values():
            _check_targets(value, place, allowed, wanted)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for value in node:
            _check_targets(value, place, allowed, wanted)


def _check_target(
    target: str, place: str, allowed: Callable[[type, str], bool], wanted: str
) -> None:
    module, _, name = target.rpartition(".")
    try:
        # Hydra's own search for a class logs an error of several lines.
        # albumentations asks PyPI for a newer version when it is imported.
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        made = getattr(importlib.import_module(module), name)
    except (ImportError, ValueError, AttributeError) as error:
        raise UserError(
            f"{place}: no class {target} can be imported: {one_line(error)}; correct the name, "
            "install its package, or put its folder on PYTHONPATH"
        ) from error
    if not isinstance(made, type) or not allowed(made, target):
        raise UserError(f"{place}: {target} is not {wanted}")


def _reason(error: Exception) -> str:
    # Hydra puts the place in its own configuration behind the reason of the class.
    cause = error.__cause__ if isinstance(error, HydraException) else None
    return one_line(cause or error)
