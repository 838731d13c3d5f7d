"""With Lightning's ``overfit_batches``, every epoch has new views of the same images."""

import pytest
import torch
from lightning.pytorch import Callback

from leoclr_plugin.data.dali import has_dali
from leoclr_plugin.training.pretrain import pretrain
from tests.configs import method_cfg

no_dali = pytest.mark.skipif(not has_dali(), reason="NVIDIA DALI is not installed")


class Record(Callback):
    """Record the indexes and the first crop of each batch."""

    def __init__(self):
        self.indexes, self.crops = [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.indexes.append(batch[0].tolist())
        self.crops.append(batch[1][0].clone())


@pytest.mark.parametrize("format", ["image_folder", pytest.param("dali", marks=no_dali)])
def test_every_epoch_has_new_crops_of_the_same_images(image_folder, tmp_path, format):
    record = Record()
    cfg = method_cfg(
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=f"{image_folder}/val",
        data__format=format,
        optimizer__batch_size=4,
        overfit_batches=2,
        max_epochs=3,
        checkpoint={"enabled": False, "dir": str(tmp_path)},
        enable_progress_bar=False,
    )
    pretrain(cfg, [record])
    first, second = record.indexes[:2]
    assert record.indexes == [first, second] * 3
    assert len({*first, *second}) == 8
    assert not torch.equal(record.crops[0], record.crops[2])
