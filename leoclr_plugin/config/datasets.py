"""The data sets and file formats that a configuration can name."""

from __future__ import annotations

# Data sets whose images have several labels, with their numbers of classes.
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
# torchvision reads these data sets from its own archives instead of image files.
ARCHIVES = ("cifar10", "cifar100", "stl10")
# All images of these data sets are square, so an int crop_size gives all views the same shape.
SQUARE_DATASETS = ("cifar10", "cifar100", "stl10", "eurosat")
FORMATS = ("image_folder", "dali", "h5")
# The keys that say where encoded images lie, and the values of the first.
SOURCE_KEYS = ("source", "image_key", "label_key")
SOURCES = ("folder", "list", "h5", "parquet", "arrow", "tar", "hub")
MAX_CHANNELS = 16
