"""Downloads by torchvision that report a failure in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from leoclr_plugin.errors import UserError, one_line


@contextmanager
def downloading(dataset: str, root: Path) -> Iterator[None]:
    """Turn the errors of a download in the block into a ``UserError``.

    Args:
        dataset: the name of the data set.
        root: the folder that it is downloaded to.

    Raises:
        UserError: if the network or the server fails.
    """
    try:
        yield
    except (URLError, ConnectionError, TimeoutError) as error:
        reason = one_line(getattr(error, "reason", error))
        raise UserError(
            f"data.download=True: {dataset} cannot be downloaded to {root}: {reason}; check the "
            "network, or put the files there yourself"
        ) from error
