"""scikit-learn's handwritten digits as image folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

_SIZE = 16  # pixels; the originals are 8x8
_VAL_IMAGES = 360
_SPLIT_SEED = 0


def write_digits(folder: Path, train_images: int | None = None) -> None:
    """Write ``folder/{train,val}/<digit>/<number>.png``, 16x16 RGB.

    Args:
        folder: where to; files already there are written again.
        train_images: training images to keep, all 1,437 by default; each digit keeps its share.
    """
    digits = load_digits()
    split = train_test_split(
        digits.images,
        digits.target,
        train_size=train_images,
        test_size=_VAL_IMAGES,
        stratify=digits.target,
        random_state=_SPLIT_SEED,
    )
    train, val, train_targets, val_targets = split
    for name, images, targets in (("train", train, train_targets), ("val", val, val_targets)):
        for number, (pixels, digit) in enumerate(zip(images, targets, strict=True)):
            path = folder / name / str(digit) / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray((pixels * (255 / 16)).astype(np.uint8))
            image.resize((_SIZE, _SIZE), Image.Resampling.BICUBIC).convert("RGB").save(path)
