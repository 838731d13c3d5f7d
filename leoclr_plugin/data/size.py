"""Refuse pictures whose pixels may exhaust the memory before they are decoded, as PIL does."""

from __future__ import annotations

from PIL import Image


def too_large(height: int, width: int) -> str | None:
    """Return why an image is not decoded, or None for one of at most PIL's largest size.

    A file of a kilobyte can promise a picture of gigabytes. PIL refuses more than
    ``2 * PIL.Image.MAX_IMAGE_PIXELS`` pixels; this is for the readers that have no limit.
    """
    limit = Image.MAX_IMAGE_PIXELS
    if limit is None or height * width <= 2 * limit:
        return None
    return (
        f"its {height} x {width} pixels are more than the {2 * limit} that PIL allows; make it "
        "smaller"
    )


def check_size(height: int, width: int) -> None:
    """Raise ``ValueError`` for an image that is ``too_large``."""
    reason = too_large(height, width)
    if reason is not None:
        raise ValueError(reason)
