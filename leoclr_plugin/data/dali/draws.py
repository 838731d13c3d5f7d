"""The random numbers of an epoch, drawn outside the graph so that a seed and an epoch give them.

DALI's own generators run on from epoch to epoch; these start anew in each, so a run that is
resumed at an epoch boundary sees what the uninterrupted one would have seen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from leoclr_plugin.data.views import BLUR_SIGMA

# RandomResizedCrop of torchvision: rectangles tried before it falls back to the centre, and the
# range of their ratio of width to height.
ATTEMPTS = 10
ASPECT_RATIOS = (3 / 4, 4 / 3)
# Standard deviations that the blur's window reaches to each side: 95 % of a Gaussian's weight. A
# third one would change less than PIL's own approximation does.
_WINDOW_REACH = 2

Drawn = dict[str, np.ndarray]


def draw(node: Any, rng: np.random.Generator, n: int) -> Drawn:
    """Draw the parameters of one view for ``n`` images.

    Args:
        node: solo-learn's augmentation node, or ``View.node``; only what it asks for is in the
            result.
        rng: advanced by the same amount for the same node and ``n``.
        n: images.

    Returns:
        ``area`` and ``ratio`` ``[n, ATTEMPTS]`` and ``place`` ``[n, 2]`` (y, x in [0, 1)) of the
        crop; ``brightness``, ``contrast``, ``saturation`` (factors) and ``hue`` (degrees)
        ``[n]``, and ``colored``, whether any of them changes the image; ``sigma`` (pixels) and
        ``window`` (pixels, odd) ``[n]`` of the blur, and ``blurred``, whether it is applied;
        ``solarized`` and ``mirror`` ``[n]``. Float32, int32 or, of what is applied to some
        images, bool; ``mirror``, an operator's parameter, is 0 or 1.
    """
    return {
        **_crop(node.rrc, rng, n),
        **_color(node.color_jitter, node.grayscale.prob, rng, n),
        **_blur(node.gaussian_blur.prob, rng, n),
        **_switch("solarized", node.solarization.prob, rng, n, bool),
        **_switch("mirror", node.horizontal_flip.prob, rng, n, np.int32),
    }


def _crop(rrc: Any, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    if not rrc.enabled:
        return {}
    low, high = (math.log(ratio) for ratio in ASPECT_RATIOS)
    area = rng.uniform(rrc.crop_min_scale, rrc.crop_max_scale, (n, ATTEMPTS))
    ratio = np.exp(rng.uniform(low, high, (n, ATTEMPTS)))
    place = rng.random((n, 2), dtype=np.float32)
    return {"area": area.astype(np.float32), "ratio": ratio.astype(np.float32), "place": place}


def _color(
    jitter: Any, grey_prob: float, rng: np.random.Generator, n: int
) -> dict[str, np.ndarray]:
    drawn: dict[str, np.ndarray] = {}
    colored = np.zeros(n, bool)
    if jitter.prob:
        colored = rng.random(n) < jitter.prob
        for name in ("brightness", "contrast", "saturation"):
            strength = getattr(jitter, name)
            if strength:
                factor = rng.uniform(max(0.0, 1 - strength), 1 + strength, n)
                drawn[name] = np.where(colored, factor, 1)
        if jitter.hue:
            degrees = 360 * rng.uniform(-jitter.hue, jitter.hue, n)
            drawn["hue"] = np.where(colored, degrees, 0)
    if grey_prob:
        # Grey is saturation 0, whatever the jitter made of it.
        grey = rng.random(n) < grey_prob
        drawn["saturation"] = np.where(grey, 0, drawn.get("saturation", 1))
        colored |= grey
    if not drawn:
        return {}
    drawn = {name: values.astype(np.float32) for name, values in drawn.items()}
    return {"colored": colored, **drawn}


def _blur(prob: float, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    if not prob:
        return {}
    sigma = rng.uniform(*BLUR_SIGMA, n)
    blurred = rng.random(n) < prob
    window = 2 * np.ceil(_WINDOW_REACH * sigma) + 1
    return {
        "blurred": blurred,
        "sigma": sigma.astype(np.float32),
        "window": window.astype(np.int32),
    }


def _switch(
    name: str, prob: float, rng: np.random.Generator, n: int, dtype: type
) -> dict[str, np.ndarray]:
    return {name: (rng.random(n) < prob).astype(dtype)} if prob else {}
