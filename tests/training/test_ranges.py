import pytest
from omegaconf import OmegaConf

from leoclr_plugin.config import load_config
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.linear import parse_linear
from leoclr_plugin.training.pretrain import prepare
from leoclr_plugin.training.ranges import check_numbers
from tests.configs import method_cfg

LINEAR = ("custom/leoclr", "linear", ["data.train_path=x", "data.val_path=x"])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", "five", "seed=five; it must be a whole number from 0 to 4294967295"),
        ("seed", -1, "seed=-1"),
        ("max_epochs", 1.5, "max_epochs=1.5; it must be a whole number of at least -1"),
        ("max_epochs", 0, "max_epochs=0 is nothing to train in; it must be at least 1, or -1"),
        ("max_steps", 0, "max_steps=0 is nothing to train in"),
        ("limit_train_batches", 0, "limit_train_batches=0 is nothing to train in"),
        ("check_val_every_n_epoch", 0, "check_val_every_n_epoch=0"),
        ("checkpoint.frequency", 0, "checkpoint.frequency=0; it must be a whole number of at"),
        ("auto_resume.max_hours", "long", "auto_resume.max_hours=long"),
        ("knn_eval.k", 0, "knn_eval.k=0"),
        ("knn_eval.distance_func", "cosinus", "cosinus is not a distance; did you mean 'cosine'"),
        ("scheduler.warmup_epochs", "ten", "scheduler.warmup_epochs=ten"),
        ("optimizer.classifier_lr", -1, "optimizer.classifier_lr=-1"),
        ("data.num_workers", -1, "data.num_workers=-1"),
        ("optimizer.batch_size", "big", "optimizer.batch_size=big"),
        ("optimizer.batch_size", True, "optimizer.batch_size=True"),
        ("optimizer.lr", -0.1, "optimizer.lr=-0.1; it must be a number of at least 0"),
        ("optimizer.lr", float("nan"), "optimizer.lr=nan"),
        ("optimizer.weight_decay", "none", "optimizer.weight_decay=none"),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_name(key, value, message):
    with pytest.raises(UserError, match=message):
        prepare(method_cfg(**{key.replace(".", "__"): value}))
    cfg = load_config(*LINEAR)
    OmegaConf.update(cfg, key, value, force_add=True)
    with pytest.raises(UserError, match=message):
        parse_linear(cfg)


@pytest.mark.parametrize(
    "key", ["name", "optimizer.name", "optimizer.lr", "scheduler.name", "max_epochs"]
)
def test_a_key_that_is_missing_is_named(key):
    for cfg, check in (
        (method_cfg(method="mocov2plus"), prepare),
        (load_config(*LINEAR), parse_linear),
    ):
        OmegaConf.update(cfg, key, None)
        with pytest.raises(UserError, match=f"^the config lacks {key}$"):
            check(cfg)


def test_a_cosine_without_an_end_is_refused():
    endless = {"max_epochs": -1, "scheduler": {"name": "warmup_cosine"}}
    with pytest.raises(UserError, match="max_epochs=-1 has no end"):
        check_numbers(OmegaConf.create(endless))
    check_numbers(OmegaConf.create({**endless, "scheduler": {"name": "none"}}))


@pytest.mark.parametrize("key", ["method", "augmentations"])
def test_a_key_of_pretraining_alone_that_is_missing_is_named(key):
    cfg = method_cfg()
    del cfg[key]
    with pytest.raises(UserError, match=f"^the config lacks {key}$"):
        prepare(cfg)


def test_a_name_that_is_a_number_is_refused():
    with pytest.raises(UserError, match="method=5 is not a method; choose from"):
        prepare(method_cfg(method=5))


def test_packaged_numbers_are_in_their_ranges():
    assert prepare(method_cfg(data__fraction=0.5, max_epochs=-1)).max_epochs == -1
    check_numbers(load_config(*LINEAR))


@pytest.mark.parametrize("fraction", ["half", -0.5, 0.0, 1])
def test_a_fraction_is_refused_before_the_data_is_read(fraction):
    with pytest.raises(UserError, match=f"data.fraction={fraction}; it must be in"):
        prepare(method_cfg(data__fraction=fraction))
