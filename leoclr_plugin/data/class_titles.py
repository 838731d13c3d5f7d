"""The names of a data set's classes as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from omegaconf import DictConfig
from timm.data import ImageNetInfo

from leoclr_plugin.config.datasets import ARCHIVES
from leoclr_plugin.data.datasets import build_dataset, class_names
from leoclr_plugin.data.stores.opening import class_names_in

_WORDNET = re.compile(r"n\d{8}")


def class_titles(data: DictConfig) -> tuple[str, ...]:
    """Return the names of the classes in the order of the targets.

    They are the names of the folders, of the columns of a labels file, or of the data set. A
    folder of ImageNet has the number of a WordNet entry; its title is the entry's first word.

    Args:
        data: the ``data`` node of an evaluation.
    """
    names = class_names(data)
    if names is not None:
        return names
    if data.dataset in ARCHIVES:
        return tuple(build_dataset(data, "val").classes)
    return titles_of(class_names_in(data, "train"))


def titles_of(folders: Sequence[str]) -> tuple[str, ...]:
    """Replace the numbers of WordNet that ImageNet names its folders by.

    Args:
        folders: the names of the folders. If one of them is no such number, all are returned as
            they are.
    """
    if not folders or not all(_WORDNET.fullmatch(name) for name in folders):
        return tuple(folders)
    words = ImageNetInfo().label_descriptions(as_dict=True)
    first = [words.get(name, name).split(",")[0] for name in folders]
    # Two entries of ImageNet are cranes, a bird and a machine.
    return tuple(
        f"{word} ({name})" if first.count(word) > 1 else word
        for word, name in zip(first, folders, strict=True)
    )
