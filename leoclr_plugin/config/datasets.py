"""The data sets and the formats of their files that a configuration can name."""

from __future__ import annotations

# Data sets whose pictures have several labels, with their numbers of classes.
MULTILABEL_SETS = {"voc2007": 20, "voc2012": 20, "coco": 80}
DATASETS = (
    "cifar10",
    "cifar100",
    "stl10",
    "imagenet",
    "imagenet100",
    "imagenette",
    *MULTILABEL_SETS,
    "custom",
)
# Torchvision reads these from an archive of its own, not from image files.
ARCHIVES = ("cifar10", "cifar100", "stl10")
# All their images are square, so that an int crop_size cannot leave ragged batches.
SQUARE_DATASETS = ("cifar10", "cifar100", "stl10")
FORMATS = ("image_folder", "dali")
