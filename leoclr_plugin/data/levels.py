"""How the levels of images are read: the channels, and the range that becomes 0 to 255."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import DictConfig

from leoclr_plugin.config.level_rules import AUTO
from leoclr_plugin.data.raw import Raw

# The keys of a ``data`` node that a network's images depend on, wherever they come from.
KEYS = ("channels", "range", "clip", "mean", "std")
_TELL = "such as data.range=[-1000,400]; leoclr stats FOLDER shows the range of all images"


class OutOfRange(ValueError):
    """Levels that ``data.range`` can make readable."""


@dataclass(frozen=True)
class Levels:
    """How the levels of a data set's images are read.

    Attributes:
        channels: the number of channels, from 1 to 16.
        range: the levels that become 0 and 255; None takes those of each file's type.
        clip: whether levels outside of ``range`` become 0 or 255; otherwise they are refused.
    """

    channels: int = 3
    range: tuple[float, float] | None = None
    clip: bool = False


def levels_of(data: DictConfig) -> Levels | None:
    """Return how a ``data`` node wants levels to be read; None for RGB of 8 bits.

    Images are RGB of 8 bits unless the node has ``channels`` or ``range``.
    """
    channels, span = data.get("channels", AUTO), data.get("range", AUTO)
    if channels == span == AUTO:
        return None
    return Levels(
        3 if channels == AUTO else channels,
        None if span == AUTO else tuple(map(float, span)),
        data.get("clip", False),
    )


def channels_of(data: DictConfig) -> int:
    """Return the number of channels of a ``data`` node's images."""
    levels = levels_of(data)
    return 3 if levels is None else levels.channels


def reading_of(data: DictConfig) -> dict[str, Any]:
    """Return the keys of a ``data`` node that say how levels are read and normalised."""
    return {key: data[key] for key in KEYS if data.get(key) is not None}


def scale(raw: Raw, levels: Levels) -> np.ndarray:
    """Scale an image to levels from 0 to 255, without rounding.

    Returns:
        ``[H, W, levels.channels]`` float32, in memory of its own.

    Raises:
        OutOfRange: if it has levels outside of the range, or a type that has no range of its own.
        ValueError: if it has other channels, or levels that are no numbers.
    """
    given = pick_channels(raw, levels.channels)
    low, high = _range(raw, levels)
    # A float32 resolves whole numbers of 16 bits.
    precise = np.float32 if given.dtype.itemsize <= 2 or given.dtype == np.float32 else np.float64
    scaled = (given.astype(precise) - precise(low)) * precise(255 / (high - low))
    if levels.range is not None and levels.clip:
        scaled = scaled.clip(0, 255)
    return np.ascontiguousarray(scaled, np.float32)


def pick_channels(raw: Raw, channels: int) -> np.ndarray:
    """Return an image's levels with the wanted number of channels.

    The opacity is left out, grey is repeated for RGB, and RGB of three equal channels is grey.

    Raises:
        ValueError: if the image has other channels.
    """
    image, found = raw.levels, raw.levels.shape[2]
    if found == channels:
        return image
    if raw.alpha:
        image = image[..., :-1]
    colours = image.shape[2]
    if colours == channels:
        return image
    if colours == 1 and channels == 3:
        return np.broadcast_to(image, (*image.shape[:2], 3))
    if colours == 3 and channels == 1 and (image == image[..., :1]).all():
        return image[..., :1]
    kind = " in colour" if colours == 3 else ""
    remedy = f"; set data.channels={found} if all images have as many"
    if image.shape[0] == channels:
        remedy = "; its first side may be the channels, which leoclr reads as the last"
    plural = "" if found == 1 else "s"
    raise ValueError(f"it has {found} channel{plural}{kind}, and data.channels={channels}{remedy}")


def _range(raw: Raw, levels: Levels) -> tuple[float, float]:
    """Return the range to scale by, after checking that it holds the image's levels."""
    span = levels.range or raw.range
    kind = raw.levels.dtype
    if (span == raw.range and kind in (np.uint8, np.bool_)) or raw.range == (0, 65535) == span:
        # The type has no other levels.
        return span
    low, high = ends(raw)
    found = f"its levels of {kind.name} go from {low:g} to {high:g}"
    if not np.isfinite([low, high]).all():
        raise ValueError(f"{found}, which are not all numbers")
    if span is None:
        raise OutOfRange(f"{found}, and this type has no range; set data.range, {_TELL}")
    if not ((span[0] <= low and high <= span[1]) or (levels.range and levels.clip)):
        by = "data.range is" if levels.range else "auto takes"
        remedy = "widen it, or set data.clip=True" if levels.range else f"set data.range, {_TELL}"
        raise OutOfRange(f"{found}, and {by} [{span[0]:g},{span[1]:g}]; {remedy}")
    return span


def ends(raw: Raw) -> tuple[float, float]:
    """Return an image's lowest and highest level; both are NaN if one of its levels is."""
    return float(raw.levels.min()), float(raw.levels.max())
