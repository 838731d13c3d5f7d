"""Where a loader gets images: from files, decoded images in memory, or torchvision's archives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.utils.data import Dataset

from leoclr_plugin.data.bad_images import BadImages
from leoclr_plugin.data.cache import decode_all
from leoclr_plugin.data.levels import Levels
from leoclr_plugin.data.stored import Images
from leoclr_plugin.errors import UserError, one_line


@dataclass(frozen=True)
class Source:
    """The images and targets of a data set.

    Attributes:
        image: returns the image of a sample index, ``[H, W, C]`` uint8 or float32.
        targets: the class of each sample ``[N]``, -1 without one, or the labels ``[N, C]``.
        images: the encoded images; None for an archive.
        in_memory: whether all images are decoded already.
        levels: how levels are read, which gives float32; None for RGB of 8 bits.
    """

    image: Callable[[int], np.ndarray]
    targets: torch.Tensor
    images: Images | None
    in_memory: bool = False
    levels: Levels | None = None

    @property
    def dtype(self) -> torch.dtype:
        """The type of the images' levels."""
        return torch.uint8 if self.levels is None else torch.float32


def build_source(
    dataset: Dataset,
    cache_mb: float,
    threads: int,
    levels: Levels | None = None,
    bad: BadImages | None = None,
) -> Source:
    """Return the source of a data set.

    Args:
        dataset: as ``build_dataset`` or ``build_pretrain_dataset`` returns it.
        cache_mb: memory for the decoded images in millions of bytes; 0 decodes a file each time.
            torchvision's archives are in memory anyway.
        threads: the number of threads that decode.
        levels: how the levels of image files are read; None for RGB of 8 bits.
        bad: gets the images that cannot be decoded into the memory; None raises the error.

    Raises:
        UserError: if the images take more memory than ``cache_mb``, or one cannot be decoded.
    """
    if not isinstance(dataset, Images):
        targets = torch.tensor([dataset[i][1] for i in range(len(dataset))])
        return Source(lambda index: np.array(dataset[index][0]), targets, None, in_memory=True)
    targets = torch.from_numpy(dataset.targets)
    if not cache_mb:
        return Source(partial(dataset.decode, levels=levels), targets, dataset, levels=levels)
    decoded = decode_all(dataset, cache_mb, threads, levels, bad)
    return Source(lambda index: decoded[index], targets, dataset, in_memory=True, levels=levels)


def item_source(dataset: Dataset, name: str) -> Source:
    """Return the source of a data set that only gives items (PIL image, class).

    torchvision's data sets of image files give an image and its class together. So a class is -1
    in ``targets`` until its image was read, and the loader asks for it afterwards. Reading all
    items beforehand would decode every image twice.

    Args:
        dataset: the data set.
        name: the data set's name, for errors.

    Raises:
        UserError: from ``image``, if an image cannot be read.
    """
    targets = torch.full((len(dataset),), -1)

    def image(index: int) -> np.ndarray:
        try:
            picture, target = dataset[index]
            pixels = np.array(picture.convert("RGB"))
        except MemoryError:
            raise
        # A damaged file can raise almost any kind of error in PIL's many readers.
        except Exception as error:
            raise UserError(
                f"image {index} of {name} cannot be read: {one_line(error)}; remove the data set's "
                "folder and fetch it again"
            ) from error
        targets[index] = target
        return pixels

    return Source(image, targets, None)
