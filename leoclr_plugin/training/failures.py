"""Report images that a data loader cannot read in one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.utils.data import Dataset

from leoclr_plugin.data.images import UnreadableImage, find_unreadable
from leoclr_plugin.errors import UserError


@contextmanager
def naming_unreadable_images(dataset: Dataset) -> Iterator[None]:
    """Run a block; if it fails to read an image, search all of ``dataset`` for unreadable images.

    Raises:
        UserError: when reading failed; the message counts the unreadable images and names the
            first.
    """
    try:
        yield
    except UnreadableImage as error:
        while hasattr(dataset, "dataset"):
            dataset = dataset.dataset
        paths = [path for path, _ in dataset.samples]
        problems = find_unreadable(paths)
        if not problems:
            raise UserError(f"{error}; repair or remove it") from error
        path, reason = next(iter(problems.items()))
        raise UserError(
            f"{len(problems)} of {len(paths)} images cannot be read, the first is {path}: "
            f"{reason}; repair or remove them, or train without them: leoclr check-data --help"
        ) from error
