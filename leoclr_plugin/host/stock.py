"""Support for solo-learn's own, unedited scripts: they get ``leoclr`` and our fixes."""

from __future__ import annotations

import os
from functools import wraps
from typing import Any

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.errors import UserError


def register() -> None:
    """Add ``leoclr`` to the ``METHODS`` of the imported solo-learn and fix what breaks there."""
    # The host must be the solo-learn that is running, whatever the user chose for our commands.
    os.environ["LEOCLR_HOST"] = "solo-learn"
    os.environ.pop("SOLO_LEARN_HOME", None)
    import leoclr_plugin.methods  # noqa: F401, the import adds leoclr to the host's METHODS
    from leoclr_plugin.host.mends import mend_lightning, mend_without_gpu

    mend_lightning()
    mend_without_gpu()
    try:
        from solo.data import dali_dataloader
    except ImportError:
        return
    _give_leoclr_its_dali_loader(dali_dataloader)


def _give_leoclr_its_dali_loader(dali_dataloader: Any) -> None:
    from leoclr_plugin.config.check import check_part
    from leoclr_plugin.config.nodes import Dali
    from leoclr_plugin.config.notes import tell_unknown_keys_of
    from leoclr_plugin.data.loaders import pretrain_loader
    from leoclr_plugin.host.mends import mend_missing_validation
    from leoclr_plugin.methods import LeOCLR
    from leoclr_plugin.training.trainer import settle_dali

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
    dali_dataloader.build_transform_pipeline_dali = transform_or_refuse


def _refuse_two_sides(images: Any) -> None:
    raise UserError(
        "crop_size is [height, width], which only leoclr's DALI loader takes; write one number"
    )
