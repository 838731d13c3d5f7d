"""Turning what goes wrong inside a data loader's worker into one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.utils.data import Dataset

from leoclr_plugin.data.images import UnreadableImage, find_unreadable
from leoclr_plugin.errors import UserError


@contextmanager
def naming_unreadable_images(dataset: Dataset) -> Iterator[None]:
    """Where reading an image fails within, look through all of ``dataset`` and name the bad ones.

    Raises:
        UserError: with the number of unreadable images and the first of them.
    """
    try:
        yield
    except UnreadableImage as error:
        while hasattr(dataset, "dataset"):
            dataset = dataset.dataset
        paths = [path for path, _ in dataset.samples]
        problems = find_unreadable(paths)
        if not problems:
            raise UserError(f"{error}; mend or remove it") from error
        path, reason = next(iter(problems.items()))
        raise UserError(
            f"{len(problems)} of {len(paths)} images cannot be read, the first is {path}: "
            f"{reason}; mend or remove them, or train without them: leoclr check-data --help"
        ) from error
