"""Which images are partners of which, and what is drawn of them in a training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leoclr_plugin.data.draws import sample_numbers

# The number of a stream of random numbers that no view has.
_STREAM = 2**31
_NUMBERS = 3


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
    """

    first: np.ndarray
    partners: np.ndarray
    shares: np.ndarray
    probability: float
    control: float | None = None

    def draw(self, seed: int, epoch: int, indexes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draw the images of a batch; the seed, the epoch and the index decide everything.

        Args:
            seed: of the training.
            epoch: from 0.
            indexes: the samples' indexes ``[n]``.

        Returns:
            The indexes ``[n]`` of the images of the views that show the image, and of those that
            show its partner. An image that is not paired is its own partner. In the control both
            are the same.
        """
        numbers = sample_numbers([seed, epoch, _STREAM], indexes, _NUMBERS)
        own, partner = indexes.copy(), indexes.copy()
        for i, index in enumerate(indexes.tolist()):
            start, stop = self.first[index], self.first[index + 1]
            if start == stop or numbers[i, 0] >= self.probability:
                continue
            ends = np.cumsum(self.shares[start:stop])
            # Rounding may leave the last end below the number.
            place = min(int(np.searchsorted(ends, numbers[i, 1], "right")), stop - start - 1)
            partner[i] = self.partners[start + place]
            if self.control is not None:
                # As many views as in the experiment are of the partner, but they are never paired.
                whole = partner[i] if numbers[i, 2] < self.control else index
                own[i] = partner[i] = whole
        return own, partner
