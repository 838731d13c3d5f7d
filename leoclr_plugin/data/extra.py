"""Transforms of the user's own in a pipeline, drawn like ours: by seed, epoch and sample."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from leoclr_plugin.config.instances import make_instance
from leoclr_plugin.data.seeded import SeededDraws
from leoclr_plugin.errors import UserError, one_line

_LIBRARIES = ("torchvision", "kornia", "albumentations")
_WANTED = f"a class of {', '.join(_LIBRARIES)}, or a torch.nn.Module"
# A transform may act on some images only, so a check takes several.
_TRIALS = 16
_NORMALISED = 0.4


class ExtraTransforms:
    """The transforms ``extra`` of a pipeline, which follow ours and precede the normalisation.

    A transform of torchvision, or a module of one's own, gets an image ``[3, H, W]``, at first as
    uint8. One of kornia gets ``[1, 3, H, W]`` in [0, 1], and one of albumentations an array
    ``[H, W, 3]`` uint8. After the last one, an image in [0, 1] becomes uint8 again.

    Args:
        nodes: a node ``_target_`` with arguments for each transform.
        size: the height and width of the view in pixels.
        where: the nodes' place in the configuration, for error messages.

    Raises:
        UserError: if a class cannot be imported or made, is of no known kind, changes the size of
            an image, or draws random numbers that a seed does not determine.
    """

    def __init__(
        self, nodes: Sequence[Mapping[str, Any]], size: tuple[int, int], where: str
    ) -> None:
        self._where = where
        self._transforms = [
            make_instance(node, f"{where}[{i}]", _is_transform, _WANTED)
            for i, node in enumerate(nodes)
        ]
        self._of_thread = threading.local()
        for number in range(len(nodes)):
            self._check(number, size)

    def __call__(self, image: torch.Tensor, seed: int) -> torch.Tensor:
        """Change an image ``[3, H, W]`` uint8; ``seed`` determines all that is random."""
        return _as_bytes(self._changed(image, seed))

    def _changed(self, image: torch.Tensor, seed: int, count: int | None = None) -> torch.Tensor:
        """Apply the first ``count`` transforms."""
        with SeededDraws(seed):
            for transform in self._own_transforms()[:count]:
                image = _apply(transform, image, seed)
        return image

    def _own_transforms(self) -> list[Callable[..., Any]]:
        # Transforms of kornia and albumentations keep what they drew, so threads cannot share them.
        if not hasattr(self._of_thread, "transforms"):
            self._of_thread.transforms = copy.deepcopy(self._transforms)
        return self._of_thread.transforms

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_of_thread"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _of_thread=threading.local())

    def _check(self, number: int, size: tuple[int, int]) -> None:
        """Try the transforms up to a number on made images, on one thread."""
        place = f"{self._where}[{number}]"
        generator = torch.Generator().manual_seed(0)
        shape = (3, *size)
        for seed in range(_TRIALS):
            image = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
            before = _global_states()
            try:
                changed = [self._changed(image.clone(), seed, number + 1) for _ in range(2)]
                results = [_as_bytes(one) for one in changed]
            except Exception as error:
                raise UserError(f"{place} cannot change an image: {one_line(error)}") from error
            if any(tuple(result.shape) != shape for result in results):
                given, made = list(shape), list(results[0].shape)
                raise UserError(f"{place} makes {made} of an image {given}; it must keep its size")
            if _is_normalised(changed[0]):
                raise UserError(
                    f"{place} makes many values outside [0, 1]; weaken it, and leave the "
                    "normalisation to the mean and std of the pipeline"
                )
            if before != _global_states() or not torch.equal(*results):
                raise UserError(
                    f"{place} draws random numbers that the seed does not determine, so a run "
                    "could not be repeated; let it draw with torch"
                )


def _is_transform(made: type, target: str) -> bool:
    return target.split(".")[0] in _LIBRARIES or issubclass(made, nn.Module)


def _apply(transform: Callable[..., Any], image: torch.Tensor, seed: int) -> torch.Tensor:
    library = type(transform).__module__.split(".")[0]
    if library == "albumentations":
        transform.set_random_seed(seed % 2**32)
        pixels = np.ascontiguousarray(_as_bytes(image).permute(1, 2, 0).cpu().numpy())
        changed = transform(image=pixels)["image"]
        return torch.from_numpy(np.ascontiguousarray(changed)).permute(2, 0, 1).to(image.device)
    if library == "kornia":
        return transform((image if image.is_floating_point() else image.float() / 255)[None])[0]
    return transform(image)


def _as_bytes(image: torch.Tensor) -> torch.Tensor:
    if image.is_floating_point():
        return (image * 255).round().clamp(0, 255).to(torch.uint8)
    return image


def _is_normalised(image: torch.Tensor) -> bool:
    """Return whether many values lie outside [0, 1]; noise alone brings a few there."""
    outside = (image < 0) | (image > 1)
    return image.is_floating_point() and bool(outside.float().mean() > _NORMALISED)


def _global_states() -> tuple[Any, ...]:
    kind, keys, *rest = np.random.get_state()
    return random.getstate(), (kind, keys.tobytes(), *rest), torch.get_rng_state().numpy().tobytes()
