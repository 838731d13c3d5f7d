"""Which keys a configuration may have: a mistyped one is not to be ignored without a word."""

from __future__ import annotations

import inspect

from lightning.pytorch import Trainer
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.errors import tell_ignored

TRAINER_KEYS = frozenset(inspect.signature(Trainer.__init__).parameters) - {"self"}
# Those of the nodes whose keys are the same for all methods, solo-learn's and ours.
_NODES = {
    "data": (
        "dataset train_path val_path train_list val_list labels val_labels format num_workers "
        "no_labels fraction download num_classes num_large_crops num_small_crops"
    ),
    "backbone": "name kwargs",
    "momentum": "base_tau final_tau classifier",
    "optimizer": (
        "name batch_size lr classifier_lr weight_decay kwargs exclude_bias_n_norm_wd layer_decay"
    ),
    "scheduler": "name lr_decay_steps min_lr warmup_start_lr warmup_epochs interval",
    "checkpoint": "enabled dir frequency keep_prev",
    "auto_resume": "enabled max_hours",
    "knn_eval": "enabled k distance_func",
    "wandb": "enabled entity project offline",
    "performance": "disable_channel_last compile",
}
_OTHERS = (
    "name method method_kwargs augmentations seed resume_from_checkpoint dali on_nonfinite "
    "max_nonfinite auto_umap debug_augmentations "
    # Of the linear probe.
    "pretrained_feature_extractor pretrain_method finetune mixup cutmix label_smoothing "
    "auto_augment"
)


def tell_unknown_keys(cfg: DictConfig) -> None:
    """Say on stderr which keys of a configuration nothing reads, as a mistyped ``+max_step=9``.

    Args:
        cfg: as it was composed, of ``scripts/pretrain`` or of ``scripts/linear``.
    """
    tell_ignored("", cfg, {*TRAINER_KEYS, *_NODES, *_OTHERS.split()})
    for node, known in _NODES.items():
        if OmegaConf.is_dict(cfg.get(node)):
            tell_ignored(f"{node}.", cfg[node], known.split())
