"""Which images the views of a batch show: those asked for, their partners, or stand-ins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from leoclr_plugin.data.bad_images import BadImages
from leoclr_plugin.data.pairs.build import Pairing


class Shown(NamedTuple):
    """The images of a batch, each ``[n]`` by their indexes.

    Attributes:
        samples: the images whose batch it is: those asked for, or their stand-ins.
        own: the images of the views that show the image.
        partner: the images of the views that show its partner; None without pairs.
    """

    samples: np.ndarray
    own: np.ndarray
    partner: np.ndarray | None


def images_shown(
    indexes: np.ndarray, seed: int, epoch: int, pairing: Pairing | None, bad: BadImages | None
) -> Shown:
    """Return the images that a batch shows.

    Args:
        indexes: the samples' indexes ``[n]``.
        seed: of the training.
        epoch: from 0.
        pairing: the partners; None without pairs.
        bad: the images that are left out; None if there are none. An image with a bad partner is
            not paired: any other image would be a wrong positive.
    """
    samples = indexes if bad is None else bad.stand_ins(indexes)
    if pairing is None:
        return Shown(samples, samples, None)
    own, partner = pairing.partners.draw(seed, epoch, samples)
    if bad:
        is_bad = np.array([i in bad or j in bad for i, j in zip(own, partner, strict=True)])
        own, partner = np.where(is_bad, samples, own), np.where(is_bad, samples, partner)
    return Shown(samples, own, partner)
