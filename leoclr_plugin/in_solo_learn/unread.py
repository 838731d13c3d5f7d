"""Keys that only our commands read, in solo-learn's own ``main_pretrain.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import wraps
from typing import Any

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config.keys import Node, about, node_of
from leoclr_plugin.config.schema import Config
from leoclr_plugin.errors import UserError

# Our DALI loader makes the views of leoclr there too, and reads these.
_READ_BY_OUR_LOADER = ("data", "augmentations", "dali")
# All but these, which leoclr pretrain prepares.
_NEVER_THERE = ("data.online", "data.pairs.kinds")


def refuse_unread_keys(base_method: Any) -> None:
    """Let every method of solo-learn refuse a key that only ``leoclr pretrain`` reads.

    Without this the script would train as if the key were not there, and say nothing.

    Args:
        base_method: solo-learn's ``BaseMethod``, whose check of the configuration all methods call.
    """
    check = base_method.add_and_assert_specific_cfg

    @wraps(check)
    def check_or_refuse(cfg: DictConfig) -> DictConfig:
        unread = sorted(unread_keys(cfg))
        if unread:
            raise UserError(
                f"solo-learn's main_pretrain.py does not read {', '.join(unread)}; train with "
                "leoclr pretrain, which does"
            )
        return check(cfg)

    base_method.add_and_assert_specific_cfg = staticmethod(check_or_refuse)


def unread_keys(cfg: DictConfig) -> Iterator[str]:
    """Yield the keys of ours whose value is not their default, by their dotted names."""
    values = OmegaConf.to_container(cfg, resolve=True)
    if cfg.method == "leoclr" and OmegaConf.select(cfg, "data.format") == "dali":
        yield from (key for key in _NEVER_THERE if OmegaConf.select(cfg, key))
        values = {key: value for key, value in values.items() if key not in _READ_BY_OUR_LOADER}
    if cfg.method != "leoclr" and OmegaConf.select(cfg, "method_kwargs.self_paced") is not None:
        # The class with self-paced weights is not the one that the script trains.
        yield "method_kwargs.self_paced"
    yield from _ours(Config, values, "")


def _ours(node: type[Node], values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, field in node.model_fields.items():
        if name not in values:
            continue
        value, inner = values[name], node_of(field)
        if about(field).of == "leoclr":
            if value != field.default:
                yield f"{prefix}{name}"
        elif inner and isinstance(value, Mapping):
            yield from _ours(inner, value, f"{prefix}{name}.")
        elif inner and isinstance(value, list):
            for i, item in enumerate(value):
                yield from _ours(inner, item, f"{prefix}{name}.{i}.")
