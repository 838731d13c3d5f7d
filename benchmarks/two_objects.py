"""Make pictures with two objects from pictures with one; each half shows another class.

usage: python benchmarks/two_objects.py SPLIT/train TWO [--seed 0]

Each image of ``SPLIT/train`` gives one square picture in ``TWO``. Its left half is the middle half
of the image's central square. Its right half is taken in the same way from a random image of
another class. The picture is stored under the class of its left half.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from PIL import Image, ImageOps
from tqdm import tqdm

from leoclr_plugin.data.images import list_images, open_rgb

_SIZE = 160  # Imagenette's images have a shorter side of 160 pixels.
_QUALITY = 95


def middle(path: Path) -> Image.Image:
    """Return the middle half, by width, of an image's central square."""
    square = ImageOps.fit(open_rgb(path), (_SIZE, _SIZE), Image.Resampling.BICUBIC)
    return square.crop((_SIZE // 4, 0, _SIZE // 4 + _SIZE // 2, _SIZE))


def main() -> None:
    """Parse the arguments and make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the random choice of the right halves"
    )
    args = parser.parse_args()
    rng = random.Random(args.seed)
    images = list_images(args.folder)
    classes = {path.parent for path in images}
    other_classes = {own: [path for path in images if path.parent != own] for own in classes}
    for left in tqdm(images, desc="Pictures"):
        right = rng.choice(other_classes[left.parent])
        picture = Image.new("RGB", (_SIZE, _SIZE))
        picture.paste(middle(left), (0, 0))
        picture.paste(middle(right), (_SIZE // 2, 0))
        target = (args.out / left.relative_to(args.folder)).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target, quality=_QUALITY)


if __name__ == "__main__":
    main()
