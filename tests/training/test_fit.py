import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from torch.utils.data import DataLoader

from leoclr_plugin.errors import UserError
from leoclr_plugin.training.fit import fit


def test_bars_leave_stdout_to_the_results(tmp_path, capsys):
    loader = DataLoader(torch.randn(8, 32), batch_size=2)
    trainer = Trainer(max_epochs=1, logger=False, default_root_dir=tmp_path)
    fit(trainer, BoringModel(), loader, loader)
    out, err = capsys.readouterr()
    assert trainer.global_step == 4
    assert "Epoch 0" in err
    assert out == ""


class Plateau(BoringModel):
    """Names no metric to watch, as solo-learn's ``scheduler.name=reduce``."""

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)]


def test_what_lightning_refuses_late_is_one_line(tmp_path):
    loader = DataLoader(torch.randn(8, 32), batch_size=2)
    trainer = Trainer(max_epochs=1, logger=False, default_root_dir=tmp_path)
    with pytest.raises(UserError, match=r"Lightning refuses the configuration: .* monitor .*"):
        fit(trainer, Plateau(), loader, None)
