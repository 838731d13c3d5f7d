"""The reference page of the docs, written from the declarations."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic.fields import FieldInfo

from leoclr_plugin.config.keys import ALL, PRETRAIN, Node, about, node_of, readers, wanted
from leoclr_plugin.config.leoclr import LeOCLRSettings
from leoclr_plugin.config.nodes import Data, PairKind
from leoclr_plugin.config.online import OnlineSet
from leoclr_plugin.config.schema import Config

_HEAD = """# Configuration reference

<!-- Written by `leoclr config reference > docs/config.md`. To change this page, change the
declarations in leoclr_plugin/config/. -->

A configuration is a YAML file of `scripts/pretrain`, `scripts/linear`, `scripts/finetune` or
`scripts/detect`, or one of your own.
You can set every key on the command line: `leoclr pretrain imagenette/leoclr max_epochs=100`.
This page's keys need no plus if the file does not have them. Keys of the augmentations, of other
methods and of other programs do, and in solo-learn's own scripts all do: `+on_nonfinite=skip`.

The column *of* says which program reads a key: solo-learn (and the bundled host), leoclr, or
Lightning. The column *command* names the commands that read the key, if not all four do.
"""
_TOP = "The top of the file may also have any argument of `lightning.pytorch.Trainer`."
_OPEN = (
    "`method: mocov2plus` takes `self_paced` as well. Other methods have their own settings here, "
    "which the host documents."
)
_CHANGED = re.compile(r"[\w.]*[_*]\w*")
_TABLE = "| key | value | default | meaning | of | command |\n|---|---|---|---|---|---|"


def reference() -> str:
    """Return the page in Markdown."""
    parts = [_HEAD, _section("The top of the file", Config, ALL, _TOP)]
    for name, field in Config.model_fields.items():
        node, commands = node_of(field), readers(field)
        if node is not None:
            index = "" if node is field.annotation else "[i]"
            parts.append(_section(f"`{name}{index}`: {field.description}", node, commands))
            if node is Data:
                title = "`data.online.NAME`: a labelled set of your own"
                parts.append(_section(title, OnlineSet, (PRETRAIN,)))
                title = "`data.pairs.kinds.NAME`: a kind of pairs in your file"
                parts.append(_section(title, PairKind, (PRETRAIN,)))
        elif name == "method_kwargs":
            title = f"`{name}` of `method: leoclr`"
            parts.append(_section(title, LeOCLRSettings, commands, _OPEN))
    return "\n".join(parts)


def _section(title: str, node: type[Node], commands: Sequence[str], more: str = "") -> str:
    rows = [line for name in node.model_fields for line in _rows(node, name, commands)]
    text = "\n".join([f"## {title}\n", _TABLE, *rows])
    return f"{text}\n\n{more}\n" if more else f"{text}\n"


def _rows(node: type[Node], name: str, commands: Sequence[str], prefix: str = "") -> list[str]:
    field = node.model_fields[name]
    inner, read_by = node_of(field), readers(field, commands)
    if inner is None:
        command = "" if read_by == list(ALL) else ", ".join(read_by)
        value = wanted(node, name)
        cells = (
            f"`{prefix}{name}`",
            _marked(value),
            _default(field, read_by),
            _marked(field.description),
            about(field).of,
            command,
        )
        return [f"| {' | '.join(cells)} |"]
    if node is Config:
        # The node has its own section.
        return []
    below = f"{prefix}{name}."
    return [row for key in inner.model_fields for row in _rows(inner, key, read_by, below)]


def _marked(text: str) -> str:
    """Mark the words that Markdown would change, such as ``_target_``, as code."""
    return _CHANGED.sub(r"`\g<0>`", text)


def _default(field: FieldInfo, read_by: Sequence[str]) -> str:
    declared = about(field)
    if declared.needed_with:
        return f"required with `{declared.needed_with}`"
    default = "`null`" if field.default is None else f"`{field.default}`"
    if not declared.needed:
        return default
    return (
        "required"
        if list(declared.needed) == list(read_by)
        else f"{default}, required by {', '.join(declared.needed)}"
    )
