"""The random numbers of the views: the seed, the epoch and the sample determine them.

They depend on nothing else, so every loader shows the same views, for any number of processes and
of threads, and a resumed run sees what the uninterrupted run would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from leoclr_plugin.data.color import channel_maps
from leoclr_plugin.data.degrade import NUMBERS as DEGRADE_NUMBERS
from leoclr_plugin.data.degrade import draw_degrade
from leoclr_plugin.data.mix import draw_mix
from leoclr_plugin.data.rand_augment import draw_changes
from leoclr_plugin.data.views import BLUR_SIGMA, View

# The number of this way to draw. Checkpoints hold it, and it is raised when the draws change.
VERSION = 2
# Both numbers are those of torchvision's RandomResizedCrop: how many rectangles it tries before it
# falls back to the centre, and the range of their ratios of width to height.
ATTEMPTS = 10
ASPECT_RATIOS = (3 / 4, 4 / 3)
# The blur's window reaches two standard deviations to each side, which is 95 % of a Gaussian's
# weight. A third one would change less than PIL's own approximation of a Gaussian does.
_WINDOW_REACH = 2

Drawn = dict[str, np.ndarray]

# The numbers of each parameter. Each has its own place whether or not it is used, so a run without
# the blur, for example, has the same crops and colours as the run with it.
_PARAMETERS = np.dtype(
    [
        ("area", float, ATTEMPTS),
        ("ratio", float, ATTEMPTS),
        ("place", float, 2),
        ("colored", float),
        ("brightness", float),
        ("contrast", float),
        ("saturation", float),
        ("hue", float),
        ("grey", float),
        ("blurred", float),
        ("sigma", float),
        ("solarized", float),
        ("equalized", float),
        ("mirror", float),
    ]
)
NUMBERS = _PARAMETERS.itemsize // np.dtype(float).itemsize
_RAND_AUGMENT, _EXTRA, _MIX, _DEGRADE = 1, 2, 3, 4
# A float64 in [0, 1) tells so many seeds apart.
_SEEDS = 2**53


def draw_views(views: Sequence[View], seed: int, epoch: int, indexes: np.ndarray) -> list[Drawn]:
    """Draw the parameters of all views of a batch.

    Args:
        views: the views of each image, in the order of the batch. Each has its own stream of
            numbers, so another view changes nothing for the views before it.
        seed: of the training, at least 0.
        epoch: from 0.
        indexes: the samples' indexes in the data set, ``[n]``.

    Returns:
        For each view what ``draw`` returns, and with RandAugment ``changes``
        ``[n, num_ops, 2]``, see ``draw_changes``; with transforms of the user's own ``extra``
        ``[n]``, the seed of each image; with a mix what ``draw_mix`` returns; and with
        degradations what ``draw_degrade`` returns.
    """
    drawn = []
    for number, view in enumerate(views):
        stream = [seed, epoch, number]
        drawn.append(draw(view.node, sample_numbers(stream, indexes), view.channels))
        if view.rand_augment is not None:
            # These numbers have a stream of their own, so all other draws stay the same.
            numbers = sample_numbers([*stream, _RAND_AUGMENT], indexes)
            drawn[-1]["changes"] = draw_changes(view.rand_augment, numbers)
        if view.extra is not None:
            numbers = sample_numbers([*stream, _EXTRA], indexes)[:, 0]
            drawn[-1]["extra"] = (numbers * _SEEDS).astype(np.int64)
        if view.mix is not None:
            numbers = sample_numbers([*stream, _MIX], indexes, view.mix.numbers)
            drawn[-1] |= draw_mix(view.mix, numbers)
        if view.degrade is not None:
            numbers = sample_numbers([*stream, _DEGRADE], indexes, DEGRADE_NUMBERS)
            drawn[-1] |= draw_degrade(view.degrade, numbers)
    return drawn


def sample_numbers(stream: Sequence[int], indexes: np.ndarray, count: int = NUMBERS) -> np.ndarray:
    """Return the random numbers of some samples, in [0, 1), as ``[n, count]``.

    A stream is one sequence of numbers. Sample i has ``count`` of them from i * ``count`` on, and
    the generator jumps there.
    """
    bits = np.random.PCG64(stream)
    generator, place = np.random.Generator(bits), 0
    numbers = np.empty((len(indexes), count))
    for row, index in zip(numbers, indexes.tolist(), strict=True):
        # The generator's period is 2 to the power of 128, so this also jumps back.
        bits.advance((index * count - place) % 2**128)
        generator.random(out=row)
        place = (index + 1) * count
    return numbers


def draw(node: Any, numbers: np.ndarray, channels: int = 3) -> Drawn:
    """Compute the parameters of one view for n images.

    The result holds only the parameters of the augmentations that the node asks for, under these
    names; all are ``[n]`` unless another shape is given:

    - The crop has ``area`` and ``ratio`` ``[n, ATTEMPTS]``, and ``place`` ``[n, 2]``: y and x in
      [0, 1).
    - The colours have ``maps`` ``[n, C, C]`` and ``greys``, as ``channel_maps`` returns them, and
      ``colored`` (bool): whether they change the image.
    - The blur has ``sigma`` (pixels), ``window`` (pixels, odd, int) and ``blurred`` (bool): whether
      it is applied.
    - ``solarized``, ``equalized`` and ``mirror`` (bool) say whether the image is solarised,
      equalised and flipped.

    Args:
        node: solo-learn's augmentation node, or ``View.node``.
        numbers: random numbers in [0, 1), ``[n, NUMBERS]``.
        channels: the number of channels of the images, C.

    Returns:
        Arrays by name.
    """
    given = by_name(numbers)
    drawn = {}
    if node.rrc.enabled:
        drawn |= _crop(node.rrc, given)
    jitter, grey_prob = node.color_jitter, node.grayscale.prob
    if jitter.prob or grey_prob:
        maps, greys = channel_maps(**color_factors(jitter, grey_prob, given), channels=channels)
        colored = (given["colored"] < jitter.prob) | (given["grey"] < grey_prob)
        drawn |= {"colored": colored, "maps": maps, "greys": greys}
    if node.gaussian_blur.prob:
        drawn |= _blur(node.gaussian_blur.prob, given)
    for name, prob in (
        ("solarized", node.solarization.prob),
        ("equalized", node.equalization.prob),
        ("mirror", node.horizontal_flip.prob),
    ):
        if prob:
            drawn[name] = given[name] < prob
    return drawn


def by_name(numbers: np.ndarray) -> np.ndarray:
    """Return the numbers of each parameter by its name, ``[n]`` or ``[n, how many it takes]``."""
    return np.ascontiguousarray(numbers).view(_PARAMETERS)[:, 0]


def _between(low: float, high: float, numbers: np.ndarray) -> np.ndarray:
    return low + (high - low) * numbers


def _crop(rrc: Any, given: np.ndarray) -> Drawn:
    low, high = (math.log(ratio) for ratio in ASPECT_RATIOS)
    return {
        "area": _between(rrc.crop_min_scale, rrc.crop_max_scale, given["area"]),
        "ratio": np.exp(_between(low, high, given["ratio"])),
        "place": given["place"],
    }


def color_factors(jitter: Any, grey_prob: float, given: np.ndarray) -> Drawn:
    """Return the arguments of ``channel_maps`` from a node's settings and numbers in [0, 1)."""
    jittered = given["colored"] < jitter.prob
    factors = {}
    for name in ("brightness", "contrast", "saturation"):
        strength = getattr(jitter, name)
        factor = _between(max(0.0, 1 - strength), 1 + strength, given[name])
        factors[name] = np.where(jittered, factor, 1.0)
    # A grey image has the saturation 0, whichever saturation the jitter drew.
    factors["saturation"] = np.where(given["grey"] < grey_prob, 0.0, factors["saturation"])
    degrees = 360 * _between(-jitter.hue, jitter.hue, given["hue"])
    return {**factors, "hue": np.where(jittered, degrees, 0.0)}


def _blur(prob: float, given: np.ndarray) -> Drawn:
    sigma = _between(*BLUR_SIGMA, given["sigma"])
    window = 2 * np.ceil(_WINDOW_REACH * sigma) + 1
    return {"blurred": given["blurred"] < prob, "sigma": sigma, "window": window.astype(int)}
