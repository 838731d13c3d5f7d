"""Corrupted pictures: the corruptions of ImageNet-C by the library ``imagecorruptions``.

They are those of Hendrycks and Dietterich (arXiv:1903.12261), in five severities.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import torch

from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.resize import resize_images
from leoclr_plugin.data.sources import Source
from leoclr_plugin.data.views import View
from leoclr_plugin.errors import UserError

CORRUPTIONS = (
    *("gaussian_noise", "shot_noise", "impulse_noise"),
    *("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness"),
    *("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
)
SEVERITIES = (1, 2, 3, 4, 5)
_MIN_SIDE = 32  # pixels; the library refuses smaller images
# These two draw from a generator of their own, and all others from numpy's global one.
_SEEDED = ("impulse_noise", "glass_blur")
# Threads share numpy's global generator, so only one of them may corrupt at a time.
_lock = threading.Lock()


def require_imagecorruptions() -> None:
    """Check that imagecorruptions is installed.

    Raises:
        UserError: if it is not; the message has the command that installs it.
    """
    if not find_spec("imagecorruptions"):
        raise UserError(
            "corrupting pictures needs imagecorruptions, which is not installed; "
            'run: pip install "leoclr-plugin[robustness]"'
        )


def check_size(size: tuple[int, int], source: object) -> None:
    """Check that images of a height and width in pixels can be corrupted.

    Raises:
        UserError: if they are too small.
    """
    if min(size) < _MIN_SIDE:
        raise UserError(
            f"{source} takes images of {size[0]}x{size[1]} pixels; corruptions need at least "
            f"{_MIN_SIDE}x{_MIN_SIDE}, so name another network"
        )


def corrupt(image: np.ndarray, corruption: str, severity: int, seed: Sequence[int]) -> np.ndarray:
    """Corrupt an image. The same arguments give the same pixels at every call.

    Args:
        image: ``[H, W, 3]`` uint8 of at least 32 x 32 pixels.
        corruption: one of ``CORRUPTIONS``.
        severity: 1 to 5.
        seed: whole numbers, at least 0, that determine what is random.

    Returns:
        The corrupted image, ``[H, W, 3]`` uint8.
    """
    import imagecorruptions

    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    more = {"seed": number} if corruption in _SEEDED else {}
    with _lock:
        state = np.random.get_state()
        np.random.seed(number)
        try:
            return imagecorruptions.corrupt(image, severity, corruption, **more)
        finally:
            np.random.set_state(state)


def corrupted_source(
    source: Source, view: View, indexes: Sequence[int], corruption: str, seed: int
) -> Source:
    """Return a source of images that are corrupted after the resize and the crop of a view.

    Args:
        source: gives the images and targets.
        view: a view without augmentation, whose size the images of the result have.
        indexes: the n samples of ``source`` to corrupt.
        corruption: one of ``CORRUPTIONS``.
        seed: with the corruption, the severity and the sample's index it determines the pixels.

    Returns:
        A source of 5n images: the n samples with each of ``SEVERITIES`` in turn.
    """
    kind = CORRUPTIONS.index(corruption)

    def image(index: int) -> np.ndarray:
        place, sample = divmod(index, len(indexes))
        number = indexes[sample]
        drawn = draw_views([view], 0, 0, np.array([number]))
        (resized,) = resize_images([source.image(number)], view, drawn[0])
        severity = SEVERITIES[place]
        return corrupt(resized, corruption, severity, (seed, kind, severity, number))

    targets = source.targets[torch.as_tensor(indexes)]
    repeats = (len(SEVERITIES), *[1] * (targets.dim() - 1))
    return Source(image, targets.repeat(repeats), images=None)
