"""Test fine-tuning: its rates, its mixed labels, its average, and that it learns and resumes."""

import os
import signal

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from leoclr_plugin.config import load_config
from leoclr_plugin.data.loaders import linear_train_loader, val_loader
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.finetune import FineTuning, finetune, parse_finetune
from leoclr_plugin.evaluation.linear import linear, parse_linear
from leoclr_plugin.host.small_convnet import SmallConvNet

SIZE = (32, 32)


def small_cfg(image_folder, root, command="finetune", **changes):
    """Return an unparsed configuration for batches of 8 of the 40 small images."""
    data = [f"data.{part}_path={image_folder}/{part}" for part in ("train", "val")]
    cfg = load_config("custom/leoclr", command, data)
    cfg.merge_with(
        {
            "pretrained_feature_extractor": "none.ckpt",
            "backbone": {"name": "small_convnet"},
            "accelerator": "cpu",
            "precision": 32,
            "sync_batchnorm": False,
            "checkpoint": {"dir": str(root)},
            "max_epochs": 3,
            "num_sanity_val_steps": 0,
            "enable_progress_bar": False,
        }
    )
    cfg.data.num_workers, cfg.optimizer.batch_size = 1, 8
    for key, value in changes.items():
        OmegaConf.update(cfg, key.replace("__", "."), value, force_add=True)
    return cfg


def backbone() -> nn.Module:
    torch.manual_seed(0)
    return SmallConvNet()


def model_of(image_folder, root, **changes) -> FineTuning:
    torch.manual_seed(0)
    return FineTuning(backbone(), parse_finetune(small_cfg(image_folder, root, **changes)))


def trained(cfg, network) -> dict:
    cfg = parse_finetune(cfg)
    return finetune(network, cfg, linear_train_loader(cfg, SIZE), val_loader(cfg, SIZE))


def rates_of(model: FineTuning) -> dict[str, float]:
    optimizer = model.configure_optimizers()
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


def test_backbone_and_classifier_have_rates_of_their_own(image_folder, tmp_path):
    rates = {"optimizer__lr": 0.64, "optimizer__classifier_lr": 6.4, "scheduler__name": "none"}
    # A batch of 8 has a 32nd of the rates of 256.
    model = model_of(image_folder, tmp_path, **rates)
    assert rates_of(model) == pytest.approx({"classifier": 0.2, "backbone": 0.02})
    model = model_of(image_folder, tmp_path, **rates, optimizer__layer_decay=0.5)
    expected = {"classifier": 0.2, "layer0": 0.005, "layer1": 0.01, "layer2": 0.02}
    assert rates_of(model) == pytest.approx(expected)


def test_a_cosine_without_warmup_keeps_the_two_rates_apart(image_folder, tmp_path, monkeypatch):
    seen = []
    step = FineTuning.optimizer_step

    def remember(self, *args, **kwargs):
        seen.append([group["lr"] for group in self.optimizers().param_groups])
        step(self, *args, **kwargs)

    monkeypatch.setattr(FineTuning, "optimizer_step", remember)
    rates = {"optimizer__lr": 0.64, "optimizer__classifier_lr": 6.4, "max_epochs": 1}
    trained(small_cfg(image_folder, tmp_path, **rates), backbone())
    fall = [0.5 * (1 + np.cos(np.pi * i / 5)) for i in range(5)]
    np.testing.assert_allclose(seen, [[0.2 * f, 0.02 * f] for f in fall], rtol=1e-6)


def test_a_warmup_keeps_the_rates_of_the_layers_apart(image_folder, tmp_path, monkeypatch):
    seen = []
    step = FineTuning.optimizer_step

    def remember(self, *args, **kwargs):
        seen.append({group["name"]: group["lr"] for group in self.optimizers().param_groups})
        step(self, *args, **kwargs)

    monkeypatch.setattr(FineTuning, "optimizer_step", remember)
    changes = {"optimizer__lr": 1e-3, "optimizer__classifier_lr": 1e-3, "scheduler__min_lr": 1e-5}
    cfg = small_cfg(image_folder, tmp_path, **changes, optimizer__layer_decay=0.5, max_epochs=2)
    cfg.scheduler.warmup_epochs = 1
    trained(cfg, backbone())
    assert len(seen) == 10
    for rates in seen:
        assert rates["layer1"] == pytest.approx(rates["layer2"] / 2)
        assert rates["layer0"] == pytest.approx(rates["layer2"] / 4)
        assert rates["classifier"] == pytest.approx(rates["layer2"])
    # All layers rise in the first epoch and fall in the second.
    heights = [rates["layer0"] for rates in seen]
    assert heights[:6] == sorted(heights[:6])
    assert heights[5:] == sorted(heights[5:], reverse=True)


def test_a_backbone_of_rate_0_stays_and_the_classifier_learns(image_folder, tmp_path, monkeypatch):
    network = backbone()
    before = {name: value.clone() for name, value in network.named_parameters()}
    rates = {"optimizer__lr": 0.0, "optimizer__classifier_lr": 6.4, "optimizer__weight_decay": 0}
    seen, step = [], FineTuning.optimizer_step

    def remember(self, *args, **kwargs):
        seen.append([group["lr"] for group in self.optimizers().param_groups])
        step(self, *args, **kwargs)

    monkeypatch.setattr(FineTuning, "optimizer_step", remember)
    trained(small_cfg(image_folder, tmp_path, **rates, max_epochs=1), network)
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    fall = [0.5 * (1 + np.cos(np.pi * i / 5)) for i in range(5)]
    np.testing.assert_allclose(seen, [[0.2 * f, 0] for f in fall], rtol=1e-6)


def mixed(model: FineTuning, monkeypatch, batch_idx: int = 0) -> tuple:
    """Return the images and labels that a training step makes of a batch of 4."""
    given = []

    class Loss(nn.Module):
        def forward(self, logits, targets):
            given.append(targets)
            return logits.sum()

    def forward(images):
        given.append(images.clone())
        return {"logits": torch.zeros(len(images), 5, requires_grad=True)}

    model.loss_func = Loss()
    monkeypatch.setattr(model, "forward", forward)
    monkeypatch.setattr(model, "log", lambda *args, **kwargs: None)
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 8, 8)
    before = images.clone()
    model.training_step([images, torch.tensor([0, 1, 2, 3])], batch_idx)
    assert torch.equal(images, before)
    return tuple(given)


def test_mixup_blends_an_image_and_its_label_alike(image_folder, tmp_path, monkeypatch):
    model = model_of(image_folder, tmp_path, mixup=1.0, label_smoothing=0.1)
    images, targets = mixed(model, monkeypatch)
    # Image i is blended with image 3 - i: a share of i + (1 - share) of 3 - i.
    share = 1 - images[0].mean() / 3
    assert 0 < share < 1
    own, other = torch.eye(5)[:4], torch.eye(5)[:4].flip(0)
    expected = share * own + (1 - share) * other
    # A tenth of each label is divided among the five classes.
    torch.testing.assert_close(targets, 0.9 * expected + 0.1 / 5)
    numbers = torch.arange(4.0)
    torch.testing.assert_close(images[:, 0, 0, 0], share * numbers + (1 - share) * numbers.flip(0))


def test_cutmix_shares_a_label_by_its_area(image_folder, tmp_path, monkeypatch):
    model = model_of(image_folder, tmp_path, cutmix=1.0)
    for batch_idx in range(5):
        images, targets = mixed(model, monkeypatch, batch_idx)
        kept = (images[0, 0] == 0).float().mean()
        assert torch.allclose(targets[0], torch.tensor([kept, 0, 0, 1 - kept, 0]), atol=1e-6)


def test_a_batch_is_mixed_as_its_place_in_the_training_decides(image_folder, tmp_path, monkeypatch):
    model = model_of(image_folder, tmp_path, mixup=1.0)
    state = np.random.get_state()[1].copy()
    first, _ = mixed(model, monkeypatch, 3)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.random.seed(1)
    again, _ = mixed(model, monkeypatch, 3)
    assert torch.equal(first, again)
    assert not torch.equal(first, mixed(model, monkeypatch, 4)[0])
    other = model_of(image_folder, tmp_path, mixup=1.0, seed=6)
    assert not torch.equal(first, mixed(other, monkeypatch, 3)[0])


def test_soft_labels_without_mixing(image_folder, tmp_path):
    model = model_of(image_folder, tmp_path, label_smoothing=0.2)
    logits, targets = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 0])
    expected = nn.functional.cross_entropy(logits, targets, label_smoothing=0.2)
    torch.testing.assert_close(model.loss_func(logits, targets), expected)


def test_the_average_follows_the_weights_and_is_validated(image_folder, tmp_path):
    cfg = small_cfg(image_folder, tmp_path, ema_decay=0.5, max_epochs=1)
    weights = []

    class Recorded(SmallConvNet):
        def forward(self, images):
            if torch.is_grad_enabled():
                weights.append(self[0].weight.detach().clone())
            else:
                validated.append(self[0].weight.clone())
            return super().forward(images)

    validated = []
    network = Recorded()
    network.load_state_dict(backbone().state_dict())
    trained(cfg, network)
    weights.append(network[0].weight.detach().clone())
    # The first update copies the weights. Then the warmup's decays are 1 - 2^(-2/3) = 0.37 and
    # 1 - 3^(-2/3) = 0.52, which is more than the highest one.
    average = weights[1]
    for decay, after in zip((1 - 2 ** (-2 / 3), 0.5, 0.5, 0.5), weights[2:], strict=True):
        average = decay * average + (1 - decay) * after
    assert len(weights) == 6
    torch.testing.assert_close(validated[0], average)
    assert not torch.allclose(network[0].weight, average)


def test_fine_tuning_beats_a_classifier_on_the_frozen_random_network(image_folder, tmp_path):
    frozen = parse_linear(small_cfg(image_folder, tmp_path, "linear", max_epochs=15))
    frozen.optimizer.lr = 0.1
    loaders = linear_train_loader(frozen, SIZE), val_loader(frozen, SIZE)
    without = linear(backbone(), frozen, *loaders)["top1"]
    rates = {"optimizer__lr": 1.6, "optimizer__classifier_lr": 3.2}
    with_all = trained(small_cfg(image_folder, tmp_path, max_epochs=15, **rates), backbone())
    assert with_all["top1"] > without + 15
    assert with_all["epochs"] == 15


class Interrupted(SmallConvNet):
    """A network that sends SIGTERM in the forward pass with the number ``last``."""

    def __init__(self, last: int | None) -> None:
        super().__init__()
        self.last, self.passes = last, 0

    def forward(self, images):
        self.passes += 1
        if self.passes == self.last:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().forward(images)


def test_an_interrupted_training_ends_as_the_uninterrupted_one(image_folder, tmp_path, capsys):
    def run(folder, last=None):
        cfg = small_cfg(
            image_folder,
            tmp_path / folder,
            auto_resume__enabled=True,
            mixup=0.5,
            cutmix=1.0,
            ema_decay=0.9,
            optimizer__layer_decay=0.7,
            rand_augment__num_ops=2,
        )
        network = Interrupted(last)
        network.load_state_dict(backbone().state_dict())
        result = trained(cfg, network)
        return result, {name: value.clone() for name, value in network.state_dict().items()}

    expected, weights = run("whole")
    # An epoch has five batches of training and three of validation, so the tenth pass is the second
    # training batch of the second epoch.
    with pytest.raises(SystemExit, match="143"):
        run("parts", last=10)
    assert "after step 7" in capsys.readouterr().err
    result, resumed = run("parts")
    assert "Resuming from" in capsys.readouterr().out
    assert result == expected
    for name, value in weights.items():
        assert torch.equal(resumed[name], value), name

    # A complete training is validated, in three batches, and not trained again.
    assert run("parts", last=4)[0] == expected
    assert "is complete, with all of its max_epochs=3" in capsys.readouterr().out


@pytest.mark.parametrize("key", ["mixup", "ema_decay", "crop_size", "rand_augment"])
def test_a_training_with_other_settings_is_not_resumed(key, image_folder, tmp_path, capsys):
    changes = {"mixup": 0.5, "ema_decay": 0.9, "crop_size": 32, "rand_augment": {"num_ops": 1}}
    settings = {"auto_resume__enabled": True, "max_epochs": 1}
    trained(small_cfg(image_folder, tmp_path, **settings), backbone())
    trained(small_cfg(image_folder, tmp_path, **settings, **{key: changes[key]}), backbone())
    assert f"because these settings differ: {key};" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"mixup": 0.5, "optimizer__batch_size": 7},
            r"mixup=0.5 mixes .*_size=7 even",
        ),
        ({"cutmix": -1}, "cutmix=-1 must be a number of at least 0"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0 must be a number of at least 0 and below"),
        ({"rand_augment__magnitude": 31}, "magnitude=31 must be a whole number from 0 to 30"),
        ({"ema_decay": 1.0}, "ema_decay=1.0 must be a number of at least 0 and below 1"),
        ({"optimizer__classifier_lr": None}, "the config lacks optimizer.classifier_lr"),
        (
            {"rand_augment__num_ops": 2, "data__format": "dali"},
            "rand_augment needs data.format=image_folder",
        ),
    ],
)
def test_bad_settings_are_refused(changes, message, image_folder, tmp_path):
    with pytest.raises(UserError, match=message):
        parse_finetune(small_cfg(image_folder, tmp_path, **changes))


def test_fine_tuning_keys_are_refused_by_the_linear_probe(image_folder, tmp_path):
    cfg = small_cfg(image_folder, tmp_path, "linear", mixup=0.2)
    with pytest.raises(UserError, match=r"mixup=0.2 is for fine-tuning: .* leoclr finetune"):
        parse_linear(cfg)


def test_soft_labels_need_one_class_for_each_image(image_folder, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("image,dog,cat\nx.png,1,0\n")
    changes = {"data__labels": str(labels), "data__val_labels": str(labels)}
    parse_finetune(small_cfg(image_folder, tmp_path, **changes))
    with pytest.raises(UserError, match=r"label_smoothing=0.1 takes one class for each image"):
        parse_finetune(small_cfg(image_folder, tmp_path, **changes, label_smoothing=0.1))
