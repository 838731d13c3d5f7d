"""Our DALI loader in solo-learn's ``main_pretrain.py``."""

from __future__ import annotations

import sys
from functools import wraps
from types import ModuleType
from typing import Any

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config.check import check_part
from leoclr_plugin.config.nodes import Dali
from leoclr_plugin.config.notes import tell_unknown_keys_of
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.errors import UserError
from leoclr_plugin.host.mends import mend_missing_validation
from leoclr_plugin.methods import LeOCLR
from leoclr_plugin.training.trainer import settle_dali


def give_leoclr_its_loader(dali_dataloader: ModuleType) -> None:
    """Let solo-learn's data module load with our loader when it trains ``leoclr``.

    Args:
        dali_dataloader: solo-learn's module of DALI loaders.
    """
    module = dali_dataloader.PretrainDALIDataModule
    setup, transform = module.setup, dali_dataloader.build_transform_pipeline_dali

    @wraps(setup)
    def setup_for_leoclr(self: Any, stage: str | None = None) -> None:
        mend_missing_validation(self)
        model = self.trainer.lightning_module
        if not isinstance(model, LeOCLR):
            setup(self, stage)
            return
        given = model.cfg.get("dali") or {}
        tell_unknown_keys_of("dali", given, Dali)
        check_part("dali", given)
        settle_dali(model.cfg)
        self.train_loader = pretrain_loader(model.cfg)

    @wraps(transform)
    def transform_or_refuse(dataset: str, cfg: DictConfig, dali_device: str = "gpu") -> Any:
        # The host's transform only makes squares, from one int. The host builds its transforms
        # before it is known whether they will be used, so the error waits until one is used.
        if OmegaConf.is_list(cfg.crop_size):
            return _refuse_two_sides
        return transform(dataset, cfg, dali_device)

    module.setup = setup_for_leoclr
    # A script that runs already has imported the function by its name.
    for user in (dali_dataloader, sys.modules["__main__"]):
        if getattr(user, transform.__name__, None) is transform:
            setattr(user, transform.__name__, transform_or_refuse)


def _refuse_two_sides(images: Any) -> None:
    raise UserError(
        "crop_size is [height, width], which only leoclr's DALI loader takes; write one number"
    )
