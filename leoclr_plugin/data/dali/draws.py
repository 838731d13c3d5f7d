"""The random numbers of an epoch, drawn outside the graph: the seed and the epoch determine them.

DALI's own generators run on from epoch to epoch. Ours start anew in each epoch, so a run that is
resumed after an epoch sees what the uninterrupted run would have seen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from leoclr_plugin.data.views import BLUR_SIGMA

# Both numbers are those of torchvision's RandomResizedCrop: how many rectangles it tries before it
# falls back to the centre, and the range of their ratios of width to height.
ATTEMPTS = 10
ASPECT_RATIOS = (3 / 4, 4 / 3)
# The blur's window reaches two standard deviations to each side, which is 95 % of a Gaussian's
# weight. A third one would change less than PIL's own approximation of a Gaussian does.
_WINDOW_REACH = 2

Drawn = dict[str, np.ndarray]


def draw(node: Any, rng: np.random.Generator, n: int) -> Drawn:
    """Draw the parameters of one view for ``n`` images.

    Args:
        node: solo-learn's augmentation node, or ``View.node``. The result holds only the
            parameters of the augmentations that the node asks for.
        rng: the generator; the same node and ``n`` always advance it by the same amount.
        n: the number of images.

    Returns:
        Arrays by name, all ``[n]`` unless another shape is given:

        - The crop has ``area`` and ``ratio`` ``[n, ATTEMPTS]``, and ``place`` ``[n, 2]``: y and x
          in [0, 1). They are float32.
        - The colours have ``brightness``, ``contrast`` and ``saturation`` (factors) and ``hue``
          (degrees), float32, and ``colored`` (bool): whether any of them changes the image.
        - The blur has ``sigma`` (pixels, float32), ``window`` (pixels, odd, int32) and ``blurred``
          (bool): whether it is applied.
        - ``solarized`` (bool) says whether the image is solarised.
        - ``mirror`` says whether the image is flipped; it is an int32, 0 or 1, because DALI's
          operator takes it so.
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
        # A grey image has the saturation 0, whichever saturation the jitter drew.
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
