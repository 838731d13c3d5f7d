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
        images: the images of the views that show the image; with pairs those of the views that
            show its partner; and with explicit negatives those of the views that show a negative.
        weights: the weights ``[n, 2]`` in the loss, float32: of the pair, or 1 for an image that is
            not paired; and of the negative, or 0 for an image that has none. None if no kind of
            pairs changes the loss.
    """

    samples: np.ndarray
    images: tuple[np.ndarray, ...]
    weights: np.ndarray | None = None


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
            not paired: any other image would be a wrong positive. Likewise it has no negative.
    """
    samples = indexes if bad is None else bad.stand_ins(indexes)
    if pairing is None:
        return Shown(samples, (samples,))
    own, partner, places = pairing.partners.draw(seed, epoch, samples)
    if bad:
        is_bad = _any_bad(bad, own, partner)
        own, partner = np.where(is_bad, samples, own), np.where(is_bad, samples, partner)
        places = np.where(is_bad, -1, places)
    if pairing.partners.weights is None:
        return Shown(samples, (own, partner))
    weight = pairing.partners.weights_at(places, unpaired=1)
    if pairing.negatives is None:
        return Shown(samples, (own, partner), np.stack([weight, np.zeros_like(weight)], axis=1))
    _, negative, places = pairing.negatives.draw(seed, epoch, samples)
    if bad:
        is_bad = _any_bad(bad, negative)
        negative, places = np.where(is_bad, samples, negative), np.where(is_bad, -1, places)
    pushed = pairing.negatives.weights_at(places, unpaired=0)
    return Shown(samples, (own, partner, negative), np.stack([weight, pushed], axis=1))


def _any_bad(bad: BadImages, *columns: np.ndarray) -> np.ndarray:
    return np.array([any(i in bad for i in row) for row in zip(*columns, strict=True)])
