"""main_pretrain.py with DALI gives leoclr our loader, and other methods solo-learn's own."""

import pytest
import torch

from leoclr_plugin.data.dali import has_dali
from tests.in_solo_learn.stock import CPU, needs_solo_learn, stock


@needs_solo_learn
@pytest.mark.skipif(not has_dali(), reason="NVIDIA DALI is not installed")
def test_stock_dali_gives_leoclr_its_own_loader(image_folder, tmp_path):
    # The config is solo-learn's own for mocov2plus; only the method and the views are changed.
    config = (
        *("main_pretrain.py", "--config-path", "scripts/pretrain/imagenet-100"),
        *("--config-name", "mocov2plus", *CPU, "data.num_workers=1", "data.dataset=custom"),
        *(f"data.train_path={image_folder}/train", "data.val_path=null", "wandb.enabled=False"),
        *("data.format=dali", "++dali.device=cpu", "optimizer.batch_size=8", "max_epochs=3"),
        *("backbone.name=resnet18", "method_kwargs.queue_size=64"),
        f"checkpoint.dir={tmp_path}",
    )
    run = stock(
        *(*config, "method=leoclr", "augmentations=crops_and_original"),
        *("augmentations.0.crop_size=32", "augmentations.1.crop_size=[32,32]"),
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (weights,) = tmp_path.glob("leoclr/*/*.ckpt")
    # solo-learn's own loader gives no batch in every second epoch, so the steps tell ours from it.
    steps = 3 * (len(list(image_folder.glob("train/*/*"))) // 8)
    assert torch.load(weights, weights_only=True)["global_step"] == steps


@needs_solo_learn
def test_stock_dali_of_another_method_refuses_an_exact_size(image_folder):
    run = stock(
        *("main_pretrain.py", "--config-path", "scripts/pretrain/imagenet-100"),
        *("--config-name", "mocov2plus", *CPU, "augmentations=crops_and_original"),
        *("data.dataset=custom", f"data.train_path={image_folder}/train", "data.val_path=null"),
        *("data.format=dali", "++dali.device=cpu", "optimizer.batch_size=8"),
        *("wandb.enabled=False", "backbone.name=resnet18", "data.num_workers=1"),
    )
    assert run.returncode != 0
    assert "crop_size is [height, width], which only leoclr's DALI loader takes" in run.stderr
