import pytest
from omegaconf import OmegaConf

from leoclr_plugin.config import load_config
from leoclr_plugin.config.check import check_config, check_part, require
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.linear import parse_linear
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg, pipeline

LINEAR = ("custom/leoclr", "linear", ["data.train_path=x", "data.val_path=x"])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", "five", "seed=five must be a whole number from 0 to 4294967295"),
        ("seed", -1, "seed=-1"),
        ("max_epochs", 1.5, "max_epochs=1.5 must be -1 or a whole number of at least 1"),
        ("max_epochs", 0, "max_epochs=0 must be -1 or a whole number of at least 1"),
        ("max_steps", 0, "max_steps=0 must be -1 or a whole number of at least 1"),
        (
            "limit_train_batches",
            0,
            "limit_train_batches=0 must be a whole number of at least 1 or a number above 0",
        ),
        ("check_val_every_n_epoch", 0, "check_val_every_n_epoch=0"),
        ("checkpoint.frequency", 0, "checkpoint.frequency=0 must be a whole number of at"),
        ("auto_resume.max_hours", "long", "auto_resume.max_hours=long"),
        ("knn_eval.k", 0, "knn_eval.k=0"),
        (
            "knn_eval.distance_func",
            "cosinus",
            r"=cosinus must be one of euclidean, cosine \(did you mean 'cosine'\?\)",
        ),
        ("scheduler.warmup_epochs", "ten", "scheduler.warmup_epochs=ten"),
        ("optimizer.classifier_lr", -1, "optimizer.classifier_lr=-1"),
        ("data.num_workers", -1, "data.num_workers=-1"),
        ("optimizer.batch_size", "big", "optimizer.batch_size=big"),
        ("optimizer.batch_size", True, "optimizer.batch_size=True"),
        ("optimizer.lr", -0.1, "optimizer.lr=-0.1 must be a number of at least 0"),
        ("optimizer.lr", float("nan"), "optimizer.lr=nan"),
        ("optimizer.weight_decay", "none", "optimizer.weight_decay=none"),
        ("optimizer.name", "sdg", r"sgd, lars, adam, adamw \(did you mean 'sgd'\?\)"),
        ("checkpoint.enabled", "no", "checkpoint.enabled=no must be True or False"),
        ("scheduler.interval", "steps", r"scheduler.interval=steps .*did you mean 'step'"),
        ("devices", 0, "devices=0 must be a number of devices, a list of their numbers such as"),
        ("devices", "0,x", "devices=0,x must be"),
        ("wandb", 5, "wandb=5 must be a node with the keys enabled, entity, project, offline"),
        ("on_nonfinite", "hope", "on_nonfinite=hope must be one of stop, skip, ignore"),
        ("max_nonfinite", 0, "max_nonfinite=0 must be a whole number of at least 1"),
        ("performance.compile", "yes", "performance.compile=yes must be True or False"),
        ("dali.prefetch", 0, "dali.prefetch=0 must be a whole number of at least 1"),
        ("data.format", "lmdb", "data.format=lmdb must be one of image_folder, dali"),
        ("name", [1], r"name=\[1\] must be a text"),
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
        with pytest.raises(UserError, match=f"^the config lacks {key}, which must be "):
            check(cfg)


def test_a_cosine_without_an_end_is_refused():
    endless = {"max_epochs": -1, "scheduler__name": "warmup_cosine"}
    with pytest.raises(UserError, match="max_epochs=-1 has no end"):
        prepare(method_cfg(**endless))
    prepare(method_cfg(**endless | {"scheduler__name": "none"}))


@pytest.mark.parametrize("key", ["method", "augmentations"])
def test_a_missing_key_that_only_pretraining_needs_is_named(key):
    cfg = method_cfg()
    del cfg[key]
    with pytest.raises(UserError, match=f"^the config lacks {key}, which must be "):
        prepare(cfg)


def test_a_name_that_is_a_number_is_refused():
    with pytest.raises(UserError, match=r"method=5 must be one of .*, leoclr, "):
        prepare(method_cfg(method=5))


@pytest.mark.parametrize("value", [["resnet18"], {"resnet18": 1}])
def test_a_name_that_is_a_list_or_a_node_is_refused(value):
    with pytest.raises(UserError, match=r"backbone\.name=.*resnet18.* must be a text"):
        prepare(method_cfg(backbone__name=value))


def test_packaged_numbers_are_in_their_ranges():
    assert prepare(method_cfg(data__fraction=0.5, max_epochs=-1)).max_epochs == -1
    check_config(load_config(*LINEAR), "linear")


@pytest.mark.parametrize("fraction", ["half", -0.5, 0.0, 1])
def test_a_fraction_is_refused_before_the_data_is_read(fraction):
    with pytest.raises(UserError, match=f"data.fraction={fraction} must be -1 or a number above 0"):
        prepare(method_cfg(data__fraction=fraction))


def test_one_line_reports_every_problem():
    changes = {
        "seed": "five",
        "method": "leoclrr",
        "optimizer__lr": -1,
        "augmentations": [pipeline(32, 2, grayscale=7.0), pipeline([32, 32], crop=False)],
        "data__format": "dali",
        "data__dataset": "cifar10",
    }
    cfg = method_cfg(**changes)
    del cfg.scheduler.name
    with pytest.raises(UserError) as caught:
        prepare(cfg)
    line = str(caught.value)
    assert "\n" not in line
    problems = line.split("; ")
    assert len(problems) == 6
    for expected in (
        "the config lacks scheduler.name, which must be one of warmup_cosine, step, none",
        "seed=five must be a whole number from 0 to 4294967295 or null",
        "optimizer.lr=-1 must be a number of at least 0",
        "augmentations[0].grayscale.prob=7.0 must be a number from 0 to 1",
        "data.format=dali reads image files, and cifar10 is an archive: use "
        "data.format=image_folder",
    ):
        assert expected in problems
    (method,) = (
        problem for problem in problems if problem.startswith("method=leoclrr must be one")
    )
    assert "(did you mean 'leoclr'" in method


def test_all_settings_of_leoclr_are_checked_with_the_rest():
    changes = {"query": "al", "temperature": 0, "bn_splits": 1.5}
    cfg = method_cfg(**{f"method_kwargs__{key}": value for key, value in changes.items()})
    cfg.momentum.final_tau = 0.5
    with pytest.raises(UserError) as caught:
        prepare(cfg)
    assert str(caught.value).split("; ") == [
        "method_kwargs.temperature=0 must be a number above 0",
        "method_kwargs.query=al must be one of anchor, crops, both",
        "method_kwargs.bn_splits=1.5 must be a whole number of at least 1",
        "momentum.base_tau=0.99 must be at most momentum.final_tau=0.5",
    ]
    # Another method does not read these settings, so they are not checked.
    cfg = method_cfg("simclr", **{f"method_kwargs__{key}": value for key, value in changes.items()})
    prepare(cfg)


@pytest.mark.parametrize("key", ["labels", "val_labels"])
def test_a_labels_file_for_a_data_set_with_labels_is_refused_by_every_check(key):
    for check in (
        lambda: prepare(method_cfg(**{f"data__{key}": "a.csv"})),
        lambda: check_part("data", {"dataset": "imagenette", key: "a.csv"}),
    ):
        with pytest.raises(UserError, match=r"data\.dataset=imagenette has labels of its own"):
            check()


def test_missing_required_keys_are_named():
    with pytest.raises(UserError, match=r"lacks data\.val_path; the config lacks seed$"):
        require(OmegaConf.create({"data": {"val_path": None}}), "data.val_path", "seed")
