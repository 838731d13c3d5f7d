"""Which images are partners of which, and what is drawn of them in a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leoclr_plugin.data.draws import sample_numbers

# The numbers of two streams of random numbers that no view has, nor the images that are left out.
_STREAM, NEGATIVES_STREAM = 2**31, 2**31 + 2
_NUMBERS = 3


class Paired(NamedTuple):
    """The images of a batch and their partners, each ``[n]``.

    Attributes:
        own: the indexes of the images of the views that show the image.
        partner: those of the views that show its partner. An image that is not paired is its own
            partner.
        places: the place of the pair in ``Partners.partners``; -1 for an image that is not paired.
    """

    own: np.ndarray
    partner: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Partners:
    """The partners of each image of a data set, by their indexes.

    An index below N is an image of the data set, and N + i is the i-th of the images that are only
    partners.

    Attributes:
        first: the place in ``partners`` of each image's first partner ``[N + 1]``; the last one is
            their number.
        partners: the index of each partner ``[P]``, those of the first image first.
        shares: the share of each partner ``[P]`` in the draws of its image, in [0, 1]; they add up
            to 1 for each image.
        probability: how often an image is paired.
        control: None; or for the matched control, how often all views of a pair are of the partner.
        stream: the number of the stream of random numbers.
        weights: the weight of each pair ``[P]`` in the loss; None if they have none.
    """

    first: np.ndarray
    partners: np.ndarray
    shares: np.ndarray
    probability: float
    control: float | None = None
    stream: int = _STREAM
    weights: np.ndarray | None = None

    def draw(self, seed: int, epoch: int, indexes: np.ndarray) -> Paired:
        """Draw the images of a batch; the seed, the epoch and the index decide everything.

        Args:
            seed: of the training.
            epoch: from 0.
            indexes: the samples' indexes ``[n]``.

        Returns:
            The images and their partners. In the control both are the same.
        """
        numbers = sample_numbers([seed, epoch, self.stream], indexes, _NUMBERS)
        own, partner, places = indexes.copy(), indexes.copy(), np.full(len(indexes), -1)
        for i, index in enumerate(indexes.tolist()):
            start, stop = self.first[index], self.first[index + 1]
            if start == stop or numbers[i, 0] >= self.probability:
                continue
            ends = np.cumsum(self.shares[start:stop])
            # Rounding may leave the last end below the number.
            place = min(int(np.searchsorted(ends, numbers[i, 1], "right")), stop - start - 1)
            places[i] = start + place
            partner[i] = self.partners[places[i]]
            if self.control is not None:
                # As many views as in the experiment are of the partner, but they are never paired.
                whole = partner[i] if numbers[i, 2] < self.control else index
                own[i] = partner[i] = whole
        return Paired(own, partner, places)

    def weights_at(self, places: np.ndarray, unpaired: float) -> np.ndarray:
        """Return the weight ``[n]`` of each pair that was drawn, float32.

        Args:
            places: ``Paired.places``.
            unpaired: the weight of an image that is not paired.
        """
        weights = np.full(len(places), unpaired, np.float32)
        weights[places >= 0] = self.weights[places[places >= 0]]
        return weights
