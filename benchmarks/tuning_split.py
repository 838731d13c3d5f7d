"""Split a folder of training images, so that tuning never sees the validation images.

usage: python benchmarks/tuning_split.py imagenette2-160/train SPLIT [--every 10]

It creates ``SPLIT/train`` and ``SPLIT/val`` with links to the images. Every tenth image of a class,
in the order of the names, is for choosing settings (``val``); the others are for training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.data.images import list_images


def main() -> None:
    """Parse the arguments and create the links."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--every", type=int, default=10, help="one image in so many goes to val")
    args = parser.parse_args()
    for class_folder in sorted(path for path in args.folder.iterdir() if path.is_dir()):
        for number, image in enumerate(list_images(class_folder)):
            part = "val" if number % args.every == 0 else "train"
            link = args.split / part / image.relative_to(args.folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(image.resolve())


if __name__ == "__main__":
    main()
