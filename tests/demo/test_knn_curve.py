import pytest
import torch
from lightning.pytorch import seed_everything

from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
from leoclr_plugin.config import load_config
from leoclr_plugin.demo.knn_curve import KnnCurve
from leoclr_plugin.demo.textures import write_textures
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.training.pretrain import build_method, prepare, pretrain


def config(folder, models):
    return load_config(
        "textures/leoclr",
        "pretrain",
        [
            f"data.train_path={folder}/train",
            f"data.val_path={folder}/val",
            f"checkpoint.dir={models}",
            "optimizer.batch_size=20",
            "max_epochs=2",
            "data.num_workers=0",
            "+enable_progress_bar=False",
        ],
    )


def accuracy(method, cfg) -> float:
    return knn(*train_and_val_features(method, evaluation_cfg(cfg), input_size(cfg)))["top1"]


def test_curve_goes_from_the_untrained_network_to_the_checkpoint(tmp_path):
    write_textures(tmp_path, train_images=60)
    cfg = config(tmp_path, tmp_path / "models")
    curve = KnnCurve(cfg, input_size(cfg))
    last = CheckpointFolder.open(pretrain(cfg, [curve])).load_method()
    assert [epoch for epoch, _ in curve.points] == [0, 1, 2]

    cfg = prepare(config(tmp_path, tmp_path / "models"))
    seed_everything(cfg.seed)
    assert curve.points[0][1] == pytest.approx(accuracy(build_method(cfg), cfg))
    assert curve.points[2][1] == pytest.approx(accuracy(last, cfg))

    without = pretrain(config(tmp_path, tmp_path / "others"))
    others = CheckpointFolder.open(without).load_method().state_dict()
    for name, value in last.state_dict().items():
        assert torch.equal(value, others[name]), name
