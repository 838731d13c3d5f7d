"""Pairs teach what single images do not: with pairs of one class, kNN is better.

Without colour jitter a network can recognise an image by its brightness, which has no relation to
the class. Two images of one class have only the direction of their stripes in common.
"""

import csv

from leoclr_plugin.checkpoints.reading import CheckpointFolder
from leoclr_plugin.training.pretrain import prepare, pretrain
from tests.training.striped import config, knn_top1, task  # noqa: F401


def oracle(task, path) -> str:  # noqa: F811
    """Pair each image with three others of its class."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "partner"])
        for folder in sorted((task / "train").iterdir()):
            images = sorted(f"{folder.name}/{image.name}" for image in folder.iterdir())
            for i, image in enumerate(images):
                rows.writerows((image, images[(i + step) % len(images)]) for step in (1, 7, 19))
    return str(path)


def trained(cfg) -> float:
    return knn_top1(CheckpointFolder.open(pretrain(cfg)).load_method(), prepare(cfg))


def test_pairs_of_one_class_are_better_than_none(task):  # noqa: F811
    none, paired = (
        trained(config(task, jitter=0, max_epochs=12, **pairs))
        for pairs in ({}, {"data__pairs": oracle(task, task / "pairs.csv")})
    )
    assert paired > none + 5
