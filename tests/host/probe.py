"""Compute under one host (LEOCLR_HOST) what the contract tests compare, and write it to a file.

Usage: python -m tests.host.probe FOLDER IMAGES. The first host writes its weights to
FOLDER/<method>.pt. The second host reads them, so that both compute with the same weights.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import torch
from omegaconf import OmegaConf

from leoclr_plugin.checkpoints.reading import (
    CheckpointFolder,
    load_state_dict,
    read_checkpoint,
)
from leoclr_plugin.evaluation.linear import parse_linear
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from leoclr_plugin.training.pretrain import prepare, pretrain
from tests.configs import method_cfg

BASELINES = ("leoclr", "mocov2plus", "simclr", "byol")
# Each method with the backbone of its training. The hosts build the ResNet by code of their own.
TRAINED = {**dict.fromkeys(BASELINES, "small_convnet"), "leoclr": "resnet18"}
_STEPS, _EPOCHS = 20, 4


def _cosine(**settings) -> dict:
    return {"scheduler": {"name": "warmup_cosine", **settings}}


SCHEDULES = {
    "warmup_cosine": _cosine(warmup_epochs=1, warmup_start_lr=0.001, min_lr=0.002),
    "no_warmup": _cosine(warmup_epochs=0),
    "warmup_of_a_part": _cosine(warmup_epochs=0.9),
    "less_than_a_step": _cosine(warmup_epochs=0.1),
    "all_warmup": _cosine(warmup_epochs=4),
    "longer_warmup": _cosine(warmup_epochs=10),
    "epochs": _cosine(warmup_epochs=2, interval="epoch"),
    "accumulated": {**_cosine(warmup_epochs=1, min_lr=0.002), "accumulate_grad_batches": 2},
    "step": {"scheduler": {"name": "step", "lr_decay_steps": [3, 7]}},
}
_WITHOUT_DECAY = {"exclude_bias_n_norm_wd": True}
OPTIMIZERS = {
    "sgd": ("sgd", {"kwargs": {"nesterov": True}}),
    "sgd_excluded": ("sgd", _WITHOUT_DECAY),
    "adam": ("adam", {}),
    "adamw": ("adamw", {}),
    "adamw_excluded": ("adamw", {**_WITHOUT_DECAY, "kwargs": {"betas": [0.9, 0.95]}}),
    "lars": ("lars", {"kwargs": {"eta": 0.02, "clip_lr": True}}),
    "lars_excluded": ("lars", {"kwargs": {"eta": 0.02, "exclude_bias_n_norm": True}}),
    "lars_without_decay": ("lars", {**_WITHOUT_DECAY, "kwargs": {"exclude_bias_n_norm": True}}),
}


def random_batch(crops: int, seed: int = 0) -> list:
    """Return a batch ``[indexes, views, targets]``, the same for both hosts."""
    generator = torch.Generator().manual_seed(seed)
    views = [torch.randn(8, 3, 32, 32, generator=generator) for _ in range(crops)]
    return [torch.arange(8), views, torch.randint(0, 10, (8,), generator=generator)]


def weights_for(model: torch.nn.Module, path: Path) -> None:
    """Load the weights at ``path`` by exact names; if there are none, write this model's there."""
    if path.exists():
        load_state_dict(model, torch.load(path, weights_only=True), path)
    else:
        torch.save(model.state_dict(), path)


def logged_by(model: torch.nn.Module) -> dict:
    """Return a dictionary that collects what the model logs; the model needs no trainer for it."""
    logged = {}

    def log_dict(values: dict, **kwargs) -> None:
        logged.update({key: torch.as_tensor(value).item() for key, value in values.items()})

    model.log_dict = log_dict
    model.log = lambda name, value, **kwargs: log_dict({name: value})
    return logged


def validations(model: torch.nn.Module, logged: dict) -> list[dict]:
    """Return what two validations log; the first has two batches, the second has one."""
    results = []
    for sizes in ((8, 5), (3,)):
        logged.clear()
        for size in sizes:
            _, (images,), targets = random_batch(1, seed=size)
            model.eval().validation_step([images[:size], targets[:size]], 0)
        model.on_validation_epoch_end()
        results.append(dict(logged))
    return results


def parameter_groups(model: torch.nn.Module) -> list[tuple]:
    """Return each group's name, number of parameters, learning rate and weight decay."""
    return [
        (group.get("name"), len(list(group["params"])), group.get("lr"), group.get("weight_decay"))
        for group in model.learnable_params
    ]


def probe_method(name: str, folder: Path) -> dict:
    """Return the loss, gradients and weights of a method after a step, and what it logs."""
    torch.manual_seed(0)
    model = METHODS[name](prepare(method_cfg(name))).train()
    logged = logged_by(model)
    pairs = getattr(model, "momentum_pairs", [])
    starts_equal = [
        torch.equal(online, momentum)
        for pair in pairs
        for online, momentum in zip(*(net.parameters() for net in pair), strict=True)
    ]
    keys = model.momentum_forward(random_batch(1)[1][0]) if pairs else {}
    weights_for(model, folder / f"{name}.pt")
    loss = model.training_step(random_batch(model.num_crops), 0)
    loss.backward()
    gradients = {
        key: p.grad.norm().item() for key, p in model.named_parameters() if p.grad is not None
    }
    model.on_after_backward()
    for pair in pairs:
        model.momentum_updater.update(*pair)
    result = {
        "cfg": OmegaConf.to_container(model.cfg),
        "loss": loss.item(),
        "logged": dict(logged),
        "momentum_starts_equal": starts_equal,
        "keys": {key: value.requires_grad for key, value in keys.items()},
        "gradients": gradients,
        "groups": parameter_groups(model),
        "state_after": {key: value.clone() for key, value in model.state_dict().items()},
        "outputs": sorted(model.eval()(random_batch(1)[1][0])),
    }
    batch = random_batch(model.num_crops)
    batch[2] = torch.full((8,), -1)
    result["loss_without_labels"] = model.train().training_step(batch, 0).item()
    return result


def probe_training(name: str, images: Path) -> dict:
    """Train a method for two epochs from the seed; return what it logs and its weights."""
    # The files are not compared, so they are written to a temporary folder.
    with TemporaryDirectory() as folder:
        cfg = method_cfg(
            name,
            backbone__name=TRAINED[name],
            data__dataset="custom",
            data__train_path=str(images / "train"),
            data__val_path=str(images / "val"),
            checkpoint={"enabled": True, "dir": folder},
            momentum__classifier=True,
            knn_eval={"enabled": True, "k": 5},
            **_cosine(warmup_epochs=1),
            # In float32 rounding alone would make the two hosts differ within an epoch.
            precision="64-true",
            log_every_n_steps=1,
            enable_progress_bar=False,
        )
        run = pretrain(cfg)
        with (run / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        logged = [{key: float(value) for key, value in row.items() if value} for row in rows]
        state = read_checkpoint(CheckpointFolder.open(run).checkpoint)["state_dict"]
    return {"logged": logged, "state": state}


def probe_defaults(name: str) -> dict:
    """Return the configuration of a method when the user sets as little as possible."""
    cfg = prepare(method_cfg(name))
    cfg.momentum = {}
    if name != "leoclr":
        del cfg.method_kwargs.queue_size
    return OmegaConf.to_container(METHODS[name].add_and_assert_specific_cfg(cfg))


def probe_parsed() -> dict:
    """Return the classes and rates that the host derives from the data set and the processes."""
    names = ("cifar10", "cifar100", "stl10", "imagenet", "imagenet100", "imagenette")
    cfgs = {name: method_cfg("simclr", data__dataset=name) for name in names}
    cfgs["processes"] = method_cfg("simclr", devices=[0, 1], num_nodes=4)
    parsed = [host().parse_pretrain_cfg(cfg) for cfg in cfgs.values()]
    return {
        name: (cfg.data.num_classes, cfg.optimizer.lr, cfg.optimizer.classifier_lr)
        for name, cfg in zip(cfgs, parsed, strict=True)
    }


def probe_classifiers(folder: Path) -> dict:
    """Return the loss of a step with a momentum classifier, and what it and validations log."""
    settings = {"momentum__classifier": True, "knn_eval": {"enabled": True, "k": 1}}
    model = METHODS["mocov2plus"](prepare(method_cfg("mocov2plus", **settings)))
    weights_for(model, folder / "classifiers.pt")
    logged = logged_by(model)
    model._trainer = SimpleNamespace(sanity_checking=False)
    batch = random_batch(2)
    batch[2][:2] = -1
    loss = model.train().training_step(batch, 0)
    return {
        "loss": loss.item(),
        "logged": dict(logged),
        "validations": validations(model, logged),
        "groups": parameter_groups(model),
    }


def probe_momentum() -> dict:
    """Return a network's moving average after an update, and tau at every step."""
    torch.manual_seed(0)
    online, momentum = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    host().initialize_momentum_params(online, momentum)
    requires_grad = [p.requires_grad for p in momentum.parameters()]
    with torch.no_grad():
        online.weight += 1
        online.bias -= 1
    updater, taus = host().MomentumUpdater(0.9, 0.99), []
    updater.update(online, momentum)
    for step in range(_STEPS + 1):
        taus.append(updater.cur_tau)
        updater.update_tau(step, _STEPS)
    state = {key: value.clone() for key, value in momentum.state_dict().items()}
    return {"requires_grad": requires_grad, "state": state, "taus": [*taus, updater.cur_tau]}


def probe_rates() -> dict:
    """Return the learning rates at every step, or every epoch, of each schedule."""
    rates = {}
    for name, changes in SCHEDULES.items():
        model = METHODS["simclr"](prepare(method_cfg("simclr", max_epochs=_EPOCHS, **changes)))
        model._trainer = SimpleNamespace(estimated_stepping_batches=_STEPS)
        optimizers, schedulers = model.configure_optimizers()
        scheduler = schedulers[0]
        scheduler = scheduler["scheduler"] if isinstance(scheduler, dict) else scheduler
        rates[name] = []
        for _ in range(_EPOCHS if model.scheduler_interval == "epoch" else _STEPS):
            rates[name].append([group["lr"] for group in optimizers[0].param_groups])
            optimizers[0].step()
            scheduler.step()
    return rates


def probe_optimizers(folder: Path) -> dict:
    """Return each optimizer's settings and groups, and the weights after three random steps."""
    results = {}
    for name, (optimizer, settings) in OPTIMIZERS.items():
        cfg = method_cfg("simclr", scheduler={"name": "none"})
        cfg.optimizer = {**cfg.optimizer, "name": optimizer, **settings}
        model = METHODS["simclr"](prepare(cfg))
        weights_for(model, folder / "simclr.pt")
        configured = model.configure_optimizers()
        generator = torch.Generator().manual_seed(4)
        weights = dict(sorted(model.named_parameters()))
        for _ in range(3):
            for weight in weights.values():
                weight.grad = torch.randn(weight.shape, generator=generator)
            configured.step()
        results[name] = {
            "cfg": OmegaConf.to_container(model.cfg.optimizer),
            "arguments": model.extra_optimizer_args,
            "groups": [
                (group["name"], len(group["params"]), group["lr"], group["weight_decay"])
                for group in configured.param_groups
            ],
            "weights": {key: weight.detach().clone() for key, weight in weights.items()},
        }
    return results


def probe_backbones() -> dict:
    """Return the names and shapes of all backbones' weights, and a ResNet's small stem."""
    build = host().BaseMethod._BACKBONES
    with torch.device("meta"):
        networks = {name: build[name]("simclr") for name in build}
        small = METHODS["simclr"](
            prepare(method_cfg("simclr", backbone__name="resnet18", data__dataset="cifar10"))
        ).backbone
    shapes = {
        name: {key: tuple(value.shape) for key, value in network.state_dict().items()}
        for name, network in networks.items()
    }
    return {"shapes": shapes, "small": (str(small.conv1), str(small.maxpool))}


def probe_knn() -> dict:
    """Return the accuracies of kNN on fixed features."""
    generator = torch.Generator().manual_seed(3)
    targets = torch.arange(8).repeat(100)
    centres = torch.randn(8, 16, generator=generator)
    features = centres[targets] + 1.5 * torch.randn(800, 16, generator=generator)
    results = {}
    for distance in ("cosine", "euclidean"):
        for k in (1, 3, 20):
            knn = host().WeightedKNNClassifier(k=k, T=0.07, distance_fx=distance)
            knn.update(
                train_features=features[:150],
                train_targets=targets[:150],
                test_features=features[150:],
                test_targets=targets[150:],
            )
            results[distance, k] = tuple(float(value) for value in knn.compute())
            results[distance, k, "again"] = tuple(knn.compute())
    knn.update(train_features=features, train_targets=targets)
    return {**results, "nothing to classify": tuple(knn.compute())}


def linear_cfg(**changes):
    """Return an unparsed configuration of a linear probe."""
    cfg = method_cfg("leoclr", **changes)
    cfg.pretrained_feature_extractor = "none.ckpt"
    del cfg.augmentations, cfg.method_kwargs, cfg.momentum, cfg.method
    return cfg


def probe_linear(folder: Path) -> dict:
    """Return the configuration and the losses of the linear model, and what it logs."""
    torch.manual_seed(0)
    cfg = parse_linear(linear_cfg())
    backbone = torch.nn.Sequential(torch.nn.AvgPool2d(32), torch.nn.Flatten())
    backbone.num_features = 3
    model = host().LinearModel(backbone, cfg=cfg).train()
    logged = logged_by(model)
    weights_for(model, folder / "linear.pt")
    _, (images,), targets = random_batch(1)
    loss = model.training_step([images, targets], 0)
    all_logged = [dict(logged), *validations(model, logged)]
    model.train().classifier = torch.nn.Linear(3, 2)
    loss_of_two_classes = model.training_step([images, targets % 2], 0)
    return {
        "cfg": OmegaConf.to_container(cfg),
        "loss": loss.item(),
        "logged": all_logged,
        "loss_of_two_classes": loss_of_two_classes.item(),
    }


def main(folder: Path, images: Path) -> None:
    """Compute everything and write FOLDER/<host>.result."""
    result = {
        "trained": {name: probe_training(name, images) for name in BASELINES},
        "methods": {name: probe_method(name, folder) for name in BASELINES},
        "defaults": {name: probe_defaults(name) for name in BASELINES},
        "parsed": probe_parsed(),
        "knn": probe_knn(),
        "linear": probe_linear(folder),
        "classifiers": probe_classifiers(folder),
        "momentum": probe_momentum(),
        "rates": probe_rates(),
        "optimizers": probe_optimizers(folder),
        "backbones": probe_backbones(),
    }
    torch.save(result, folder / f"{host().name}.result")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
