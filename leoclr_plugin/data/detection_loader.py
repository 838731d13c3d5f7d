"""The loader of pictures with boxes: threads decode them, and a training mirrors half of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from types import SimpleNamespace

import numpy as np
import torch

from leoclr_plugin.data.boxes import Picture
from leoclr_plugin.data.decode import decode_rgb
from leoclr_plugin.data.in_order import in_order
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.errors import UserError

Target = dict[str, torch.Tensor]
# Batches that are decoded while a training step takes its time.
_AHEAD = 2


class DetectionLoader:
    """Batches ``[images, targets]`` of pictures of any size.

    An image is ``[3, H, W]`` uint8. A target has the ``boxes`` ``[n, 4]`` and ``labels`` ``[n]``
    of a ``Picture``, and ``iscrowd`` ``[n]``, which is 1 for an ignored object. A training shows
    no ignored objects. It mirrors an image or not as the seed, the epoch and the image decide, so
    a resumed training sees what the uninterrupted one would have seen.

    Attributes:
        dataset: the pictures.
        batch_sampler: holds the sampler in the place where Lightning looks for it.
    """

    def __init__(self, pictures: list[Picture], sampler: ShardSampler, threads: int) -> None:
        """Keep the settings; the threads start with an iteration.

        Args:
            pictures: the pictures.
            sampler: gives the batches of an epoch; ``sampler.training`` mirrors them.
            threads: the number of threads; 0 counts as 1.
        """
        self.dataset = pictures
        self.batch_sampler = SimpleNamespace(sampler=sampler)
        self._sampler, self._threads = sampler, max(1, threads)

    def __len__(self) -> int:
        return self._sampler.batches

    def __iter__(self) -> Iterator[list]:
        epoch, batches = self._sampler.epoch, list(self._sampler)
        ahead = (1 + _AHEAD) * self._sampler.batch_size
        indexes = np.concatenate(batches).tolist() if batches else []
        loaded = in_order(partial(self._load, epoch), indexes, self._threads, ahead)
        with closing(loaded):
            for batch in batches:
                images, targets = zip(*islice(loaded, len(batch)), strict=True)
                yield [list(images), list(targets)]

    def _load(self, epoch: int, index: int) -> tuple[torch.Tensor, Target]:
        picture, training = self.dataset[index], self._sampler.training
        image = decode_rgb(picture.path)
        if image.shape[:2] != picture.size:
            said, real = (f"{w} x {h}" for h, w in (picture.size, image.shape[:2]))
            raise UserError(
                f"{picture.path} has {real} pixels, but its annotation says {said}, so its boxes "
                "are of another image; mend the annotation"
            )
        boxes, labels, ignored = picture.boxes, picture.labels, picture.ignored
        if training:
            boxes, labels, ignored = boxes[~ignored], labels[~ignored], ignored[~ignored]
            if np.random.default_rng([self._sampler.seed, epoch, index]).random() < 0.5:
                image, boxes = _mirrored(image, boxes)
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), {
            "boxes": torch.from_numpy(boxes),
            "labels": torch.from_numpy(labels),
            "iscrowd": torch.from_numpy(ignored.astype(np.int64)),
        }


def _mirrored(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    left, top, right, bottom = boxes.T
    width = image.shape[1]
    return image[:, ::-1], np.stack([width - right, top, width - left, bottom], axis=1)
