"""Test the mean average precision that is logged in each validation."""

import pytest
import torch
from lightning.pytorch import Trainer
from omegaconf import OmegaConf
from sklearn.metrics import average_precision_score
from torch.utils.data import DataLoader, TensorDataset

from leoclr_plugin.errors import UserError
from leoclr_plugin.host import host
from leoclr_plugin.training import encoding
from leoclr_plugin.training.multilabel import ValidationMAP
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg

CLASSES = ("cat", "dog", "owl")


@pytest.fixture
def validated():
    """Return a function that validates a linear model on features with labels.

    The function returns the callback, the scores and the metrics.
    """

    def validate(features: torch.Tensor, labels: torch.Tensor) -> tuple:
        backbone = torch.nn.Identity()
        backbone.num_features = features.shape[1]
        cfg = OmegaConf.merge(method_cfg(), {"data": {"num_classes": len(CLASSES)}})
        cfg.performance = {"disable_channel_last": True}
        torch.manual_seed(0)
        model = host().LinearModel(backbone, cfg=cfg)
        ranking = ValidationMAP(CLASSES)
        trainer = Trainer(
            accelerator="cpu",
            logger=False,
            callbacks=[ranking],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        loader = DataLoader(TensorDataset(features, labels), batch_size=7)
        trainer.validate(model, loader, verbose=False)
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        with torch.no_grad():
            return ranking, model.classifier(features), metrics

    return validate


def sample(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(25, 4, generator=generator)
    return features, (torch.rand(25, 3, generator=generator) < 0.4).to(torch.int8)


def test_ranks_all_validation_images_together(validated):
    features, labels = sample()
    ranking, scores, metrics = validated(features, labels)
    expected = [100 * average_precision_score(labels[:, i], scores[:, i]) for i in range(3)]
    assert list(ranking.by_class.values()) == pytest.approx(expected, abs=1e-3)
    assert metrics["val_mAP"] == pytest.approx(sum(expected) / 3)
    assert torch.allclose(ranking.scores, scores)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels.float())
    assert metrics["val_loss"] == pytest.approx(loss.item(), rel=1e-4)
    # The accuracy is the share of images that show the class with the highest score.
    hits = labels.gather(1, scores.argmax(dim=1, keepdim=True)).float().mean()
    assert metrics["val_acc1"] == pytest.approx(100 * hits.item(), rel=1e-4)


def test_unknown_labels_are_left_out_and_a_class_without_images_has_no_precision(validated):
    features, labels = sample()
    labels[::3, 0] = -1
    labels[:, 2] = 0
    ranking, scores, metrics = validated(features, labels)
    known = labels[:, 0] != -1
    first = 100 * average_precision_score(labels[known, 0], scores[known, 0])
    assert ranking.by_class["cat"] == pytest.approx(first, abs=1e-3)
    assert ranking.by_class["owl"] is None
    assert metrics["val_mAP"] == pytest.approx((first + ranking.by_class["dog"]) / 2, abs=1e-3)
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        scores, labels.clamp(min=0).float(), reduction="none"
    )
    # The loss is a mean over the known labels of each batch, weighted by the batch's images.
    batches = zip(losses.split(7), (labels != -1).split(7), strict=True)
    loss = sum(len(b) * (b * k).sum() / k.sum() for b, k in batches) / len(labels)
    assert metrics["val_loss"] == pytest.approx(loss.item(), rel=1e-4)


def test_ranks_the_images_of_all_processes(validated, monkeypatch):
    features, labels = sample()
    alone = validated(features, labels)[0]
    monkeypatch.setattr(encoding.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(encoding, "gather_all_tensors", lambda own: [own, own[:20]])
    together = ValidationMAP(CLASSES)
    module = torch.nn.Module()
    module.classifier = torch.nn.Identity()
    module.log = lambda name, value: None
    together.on_validation_start(None, module)
    module.classifier(alone.scores)
    together.on_validation_batch_end(None, module, None, [features, labels])
    together.on_validation_epoch_end(None, module)
    assert len(together.scores) == 45
    assert not module.classifier._forward_hooks


@pytest.mark.parametrize("method", ["nnclr", "supcon"])
def test_methods_that_need_one_class_for_each_image_are_refused(method, tmp_path, monkeypatch):
    path = tmp_path / "labels.csv"
    path.write_text("image,cat,dog\na.png,1,0\n")
    monkeypatch.setitem(host().METHODS, method, object)
    cfg = method_cfg("simclr", data__dataset="custom", data__labels=str(path))
    cfg.data.train_path, cfg.data.val_path, cfg.method = str(tmp_path), None, method
    with pytest.raises(UserError, match=f"method={method} takes one class for each image"):
        prepare(cfg)


def test_with_several_labels_the_online_knn_is_off_and_columns_are_classes(tmp_path, capsys):
    path = tmp_path / "labels.csv"
    path.write_text("image,cat,dog\na.png,1,0\n")
    cfg = method_cfg(data__dataset="custom", data__labels=str(path), knn_eval={"enabled": True})
    cfg.data.train_path = cfg.data.val_path = str(tmp_path)
    cfg.data.val_labels = str(path)
    cfg = prepare(cfg)
    assert cfg.data.num_classes == 2
    assert not cfg.knn_eval.enabled
    assert "knn_eval.enabled=True takes one class for each image" in capsys.readouterr().err
