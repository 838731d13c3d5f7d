"""Test how a trainer is run and how Lightning's refusals are reported."""

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from torch.utils.data import DataLoader

from leoclr_plugin.errors import UserError
from leoclr_plugin.training.fit import fit


def test_progress_bars_are_not_on_stdout(tmp_path, capsys):
    loader = DataLoader(torch.randn(8, 32), batch_size=2)
    trainer = Trainer(max_epochs=1, logger=False, default_root_dir=tmp_path)
    fit(trainer, BoringModel(), loader, loader)
    out, err = capsys.readouterr()
    assert trainer.global_step == 4
    assert "Epoch 0" in err
    assert out == ""


class Plateau(BoringModel):
    """A model whose schedule names no metric, as with solo-learn's ``scheduler.name=reduce``."""

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)]


def test_refusal_after_the_start_of_training_is_one_line(tmp_path):
    loader = DataLoader(torch.randn(8, 32), batch_size=2)
    trainer = Trainer(max_epochs=1, logger=False, default_root_dir=tmp_path)
    with pytest.raises(UserError, match=r"Lightning refuses the configuration: .* monitor .*"):
        fit(trainer, Plateau(), loader, None)


@pytest.mark.parametrize(
    ("settings", "batches"),
    [({}, 4), ({"limit_train_batches": 0.5}, 2), ({"limit_train_batches": 3}, 3)],
)
def test_validation_interval_longer_than_an_epoch_is_refused(tmp_path, settings, batches):
    loader = DataLoader(torch.randn(8, 32), batch_size=2)
    common = {"max_epochs": 2, "logger": False, "default_root_dir": tmp_path, **settings}
    with pytest.raises(UserError, match=f"=5 is more than the {batches} batches of an epoch"):
        fit(Trainer(val_check_interval=5, **common), BoringModel(), loader, loader)
    longest = Trainer(val_check_interval=batches, **common)
    across_epochs = Trainer(val_check_interval=5, check_val_every_n_epoch=None, **common)
    for trainer in (longest, across_epochs):
        fit(trainer, BoringModel(), loader, loader)
        assert trainer.global_step == 2 * batches
