"""Random numbers of torch that belong to one thread and one seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_LIKE = {
    torch.rand_like: torch.rand,
    torch.randn_like: torch.randn,
    torch.randint_like: torch.randint,
}
_DRAWING = {
    *(torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal),
    *(torch.bernoulli, torch.multinomial, torch.Tensor.multinomial, torch.Tensor.bernoulli),
    *(torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.bernoulli_),
    *(torch.Tensor.random_, torch.Tensor.exponential_, torch.Tensor.cauchy_),
    *(torch.Tensor.geometric_, torch.Tensor.log_normal_),
}


class SeededDraws(TorchFunctionMode):
    """Within it, torch draws from a generator of its own in place of the global one.

    The global generator is shared by all threads. If a thread of a loader seeded it, the training
    would draw other numbers, and threads would disturb one another.

    Args:
        seed: of the generator, from 0 to 2 ** 63 - 1.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_function__(
        self, func: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch, with the generator if it draws."""
        kwargs = dict(kwargs or {})
        if func in _LIKE:
            model, *args = args
            for name in ("dtype", "device"):
                if kwargs.get(name) is None:
                    kwargs[name] = getattr(model, name)
            kwargs.pop("memory_format", None)
            func, args = _LIKE[func], (*args, tuple(model.shape))
        if func in _DRAWING and kwargs.get("generator") is None:
            tensors = (one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor))
            first = next(tensors, None)
            device = kwargs.get("device") if first is None else first.device
            kwargs["generator"] = self._generator(torch.device(device or "cpu"))
        return func(*args, **kwargs)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]
