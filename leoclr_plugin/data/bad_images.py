"""Images that a training leaves out because they cannot be read, and those in their places."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from leoclr_plugin.data.stored import Images
from leoclr_plugin.errors import UserError
from leoclr_plugin.terminal import tell

# The number of a stream of random numbers that neither views nor pairs have.
_STREAM = 2**31 + 1
MAX_SHARE = 0.01


class BadImages:
    """The unreadable images of a training, as this process meets them.

    Another image of the data set takes the place of each. The seed and the bad image's index
    decide which one, so a resumed training, and one that read its images in another order, shows
    the same images.
    """

    def __init__(self, images: Images, trained: int, max_share: float, seed: int) -> None:
        """Start without a bad image.

        Args:
            images: all images, those that are only partners last.
            trained: the number of images that can stand in, the first of ``images``.
            max_share: the largest share of bad images, in [0, 1).
            seed: of the training.
        """
        self._images, self._trained, self._max_share = images, trained, max_share
        self._seed = seed
        self._bad: set[int] = set()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._bad)

    def __contains__(self, index: int) -> bool:
        return index in self._bad

    def add(self, index: int, reason: str) -> None:
        """Leave an image out and say so on stderr, once for each image.

        Raises:
            UserError: if the share of bad images is larger than allowed.
        """
        with self._lock:
            if index in self._bad:
                return
            self._bad.add(index)
            count, total = len(self._bad), len(self._images)
        name = self._images.name(index)
        if count > self._max_share * total or count >= self._trained:
            raise UserError(
                f"{count} of {total} images cannot be read, which is more than "
                f"data.max_bad_share={self._max_share}; the last is {name}: {reason}; leoclr "
                "check-data names all of them: mend or remove them, or raise data.max_bad_share"
            )
        tell(
            f"{name} cannot be read: {reason}; another image takes its place ({count} of {total} "
            "images so far)",
        )

    def stand_ins(self, indexes: np.ndarray) -> np.ndarray:
        """Return ``indexes`` ``[n]`` with another image in the place of each bad one."""
        if not self._bad:
            return indexes
        return np.array([self._stand_in(index) for index in indexes.tolist()], np.int64)

    def _stand_in(self, index: int) -> int:
        if index not in self._bad:
            return index
        generator = np.random.default_rng([self._seed, _STREAM, index])
        while True:
            candidate = int(generator.integers(self._trained))
            if candidate not in self._bad:
                return candidate


def bad_images_of(
    data: Mapping[str, Any], dataset: Dataset, trained: int, seed: int
) -> BadImages | None:
    """Return what leaves bad images out of a training; None if the first one stops it.

    Args:
        data: the ``data`` node.
        dataset: the ``Images``; or an archive, which is in memory and has no bad image.
        trained: see ``BadImages``.
        seed: of the training.
    """
    if not isinstance(dataset, Images) or data.get("on_bad_image", "stop") == "stop":
        return None
    return BadImages(dataset, trained, data.get("max_bad_share", MAX_SHARE), seed)
