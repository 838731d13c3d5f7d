"""LeOCLR learns: on a small artificial task the loss falls and the accuracy of kNN rises.

Colour jitter changes the brightness, so training must learn other features to recognise an image.
"""

import torch

from leoclr_plugin.checkpoints.reading import CheckpointFolder
from leoclr_plugin.report.curves import read_metric
from leoclr_plugin.training.pretrain import build_method, prepare, pretrain
from tests.training.striped import config, knn_top1, task  # noqa: F401


def test_training_lowers_the_loss_and_raises_knn_accuracy(task):  # noqa: F811
    cfg = prepare(config(task))
    torch.manual_seed(0)
    untrained = knn_top1(build_method(cfg), cfg)

    folder = pretrain(config(task))
    trained = knn_top1(CheckpointFolder.open(folder).load_method(), cfg)
    losses = [value for _, value in read_metric(folder / "metrics.csv", "train_nce_loss_epoch")]
    # Compare with the fourth epoch: at first some of the negatives are the random vectors that
    # the queue starts with.
    assert losses[-1] < losses[3] - 1
    assert trained > untrained + 15
    assert trained > 90
