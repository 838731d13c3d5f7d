"""Test the packaged configs and how a config is loaded and changed."""

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.config import config_names, load_config
from leoclr_plugin.config.check import check_config
from leoclr_plugin.errors import UserError

FOLDERS = ("cifar", "custom", "imagenet", "imagenet-100", "imagenette", "stl10")
NEEDED = {"custom": ["data.train_path=a"]}
NEEDED_LINEAR = {"custom": ["data.train_path=a", "data.val_path=b"]}


@pytest.mark.parametrize("folder", FOLDERS)
def test_leoclr_and_mocov2plus_share_one_recipe(folder):
    leoclr = load_config(f"{folder}/leoclr", "pretrain", NEEDED.get(folder, []))
    mocov2plus = load_config(f"{folder}/mocov2plus", "pretrain", NEEDED.get(folder, []))
    check_config(leoclr, "pretrain")
    *crops, original = leoclr.augmentations
    assert crops == list(mocov2plus.augmentations)
    assert original.crop_size == [crops[0].crop_size] * 2
    for cfg in (leoclr, mocov2plus):
        del cfg.augmentations
        assert cfg.pop("name").startswith(cfg.pop("method"))
    del leoclr.method_kwargs.loss_reduction, leoclr.method_kwargs.queue_keys
    assert leoclr == mocov2plus


@pytest.mark.parametrize("folder", [*FOLDERS, "textures"])
@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
@pytest.mark.parametrize("kind", ["pretrain", "linear"])
def test_every_data_set_has_configs_of_both_methods_and_kinds(kind, folder, method):
    assert f"{folder}/{method}" in config_names(kind)
    needed = NEEDED if kind == "pretrain" else NEEDED_LINEAR
    cfg = load_config(f"{folder}/{method}", kind, needed.get(folder, []))
    assert not OmegaConf.missing_keys(cfg)
    assert cfg.backbone.name in ("resnet18", "resnet50", "small_convnet")


@pytest.mark.parametrize("folder", ["custom", "imagenet", "imagenette"])
def test_fine_tuning_has_one_recipe_for_all_methods(folder):
    cfg = load_config(f"{folder}/leoclr", "finetune", NEEDED_LINEAR.get(folder, []))
    check_config(cfg, "finetune")
    linear = load_config(f"{folder}/leoclr", "linear", NEEDED_LINEAR.get(folder, []))
    assert (cfg.data, cfg.backbone) == (linear.data, linear.backbone)
    recipe = load_config("imagenet/leoclr", "finetune")
    assert (cfg.optimizer, cfg.scheduler) == (recipe.optimizer, recipe.scheduler)


def test_detection_has_mocos_recipes():
    voc, coco = (load_config(f"{name}/moco", "detect") for name in ("voc", "coco"))
    for cfg in (voc, coco):
        assert (cfg.detection.network, cfg.detection.frozen_stages) == ("c4", 0)
        assert (cfg.optimizer.lr, cfg.optimizer.batch_size) == (0.02, 16)
    assert (voc.max_steps, voc.detection.lr_decay_steps) == (24000, [18000, 22000])
    assert voc.detection.min_size == list(range(480, 801, 32))
    assert (coco.max_steps, coco.detection.lr_decay_steps) == (180000, [120000, 160000])
    assert coco.detection.min_size == list(range(640, 801, 32))


def test_imagenet_has_the_papers_recipe():
    cfg = load_config("imagenet/leoclr", "pretrain")
    crop, original = cfg.augmentations
    assert (crop.rrc.crop_min_scale, crop.rrc.crop_max_scale, crop.num_crops) == (0.2, 1.0, 2)
    assert original.crop_size == [224, 224]
    for node in (crop, original):
        jitter = node.color_jitter
        assert [jitter[key] for key in ("prob", "brightness", "contrast", "saturation", "hue")] == [
            0.8,
            0.4,
            0.4,
            0.4,
            0.1,
        ]
        assert node.grayscale.prob == 0.2
        assert node.gaussian_blur.prob == 0.5
        assert node.horizontal_flip.prob == 0.5
    assert cfg.optimizer.lr == 0.03
    assert cfg.optimizer.weight_decay == 1e-4
    assert cfg.method_kwargs.queue_size == 65536
    assert cfg.momentum == {"base_tau": 0.999, "final_tau": 0.999}


def test_yaml_path_is_loaded_as_it_is(tmp_path):
    (tmp_path / "mine.yaml").write_text("method: leoclr\nmax_epochs: 3\n")
    cfg = load_config(str(tmp_path / "mine.yaml"), "pretrain", ["max_epochs=5", "+new.key=1"])
    assert cfg == {"method": "leoclr", "max_epochs": 5, "new": {"key": 1}}
    # The host adds keys of its own, so the configuration must accept new keys.
    cfg.anything = "new"


def test_home_folder_in_a_path_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    overrides = ["data.train_path=~/images/train", "data.val_path=./val", "checkpoint.dir=~"]
    cfg = load_config("imagenette/leoclr", "pretrain", overrides)
    assert cfg.data.train_path == "/home/me/images/train"
    sets = ["data.online.birds.train_path=~/birds", "data.online.birds.val_path=2024"]
    cfg = load_config("custom/leoclr", "pretrain", [*overrides, "data.pairs=~/p.csv", *sets])
    assert cfg.data.pairs.file == "/home/me/p.csv"
    assert cfg.data.online.birds == {"train_path": "/home/me/birds", "val_path": "2024"}
    assert (cfg.data.val_path, cfg.checkpoint.dir) == ("./val", "/home/me")
    assert (
        load_config("imagenette/leoclr", "pretrain", ["data.val_path=null"]).data.val_path is None
    )


def test_a_number_as_the_name_of_a_folder_or_run_is_a_text(tmp_path):
    overrides = [
        "checkpoint.dir=20240115",
        "data.train_path=2024_01",
        "data.val_path=007",
        "+data.train_list=1e3",
        "+data.val_list=true",
        "resume_from_checkpoint=12",
        "name=0.10",
        "wandb.project=3",
        "wandb.entity=null",
    ]
    cfg = load_config("imagenette/leoclr", "pretrain", overrides)
    assert (cfg.checkpoint.dir, cfg.data.train_path, cfg.data.val_path) == (
        "20240115",
        "2024_01",
        "007",
    )
    assert (cfg.data.train_list, cfg.data.val_list) == ("1e3", "true")
    assert (cfg.resume_from_checkpoint, cfg.name) == ("12", "0.10")
    assert (cfg.wandb.project, cfg.wandb.entity) == ("3", None)
    assert cfg.max_epochs == 200

    (tmp_path / "mine.yaml").write_text("name: 0x10\ncheckpoint:\n  dir: 2024_01\nseed: 0x10\n")
    cfg = load_config(str(tmp_path / "mine.yaml"), "pretrain")
    assert cfg == {"name": "0x10", "checkpoint": {"dir": "2024_01"}, "seed": 16}


def test_devices_without_brackets_are_a_list():
    for written, devices in (("devices=0,1", [0, 1]), ("devices=2", 2), ("devices=auto", "auto")):
        assert load_config("imagenette/leoclr", "pretrain", [written]).devices == devices


def test_checkpoint_with_an_equals_sign_in_its_name_needs_no_quotes():
    path = "trained_models/a/b-ep=9.ckpt"
    for override in (f"resume_from_checkpoint={path}", f"resume_from_checkpoint='{path}'"):
        cfg = load_config("imagenette/leoclr", "pretrain", [override])
        assert cfg.resume_from_checkpoint == path


@pytest.mark.parametrize(
    ("config", "overrides", "message"),
    [
        ("imagenete/leoclr", [], "did you mean 'imagenette/leoclr'"),
        ("nothing/like/it", [], "choose from"),
        ("there/is/no.yaml", [], "the config file there/is/no.yaml is not there"),
        ("imagenette/leoclr", ["max_epoch=3"], "max_epoch=3; did you mean 'max_epochs'?"),
        ("imagenette/leoclr", ["lr=0.1"], "lr=0.1; did you mean 'optimizer.lr'?"),
        (
            "imagenette/leoclr",
            ["crop_size=64"],
            "did you mean 'augmentations.0.crop_size' or 'augmentations.1.crop_size'?",
        ),
        ("imagenette/leoclr", ["max_epochs"], "max_epochs"),
        ("imagenette/leoclr", ["seed=1,2"], "seed=1,2 is several values: write key=[a,b] for"),
        ("imagenette/leoclr", ["wandb=5"], "Config group override must be a string or a list"),
        ("custom/leoclr", [], "no value for data.train_path; add data.train_path=..."),
    ],
)
def test_mistakes_are_reported_in_one_line(config, overrides, message):
    with pytest.raises(UserError) as caught:
        load_config(config, "pretrain", overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_key_is_suggested_with_a_plus_sign():
    with pytest.raises(UserError, match=r"use \+gradient_clip_val=1$"):
        load_config("imagenette/leoclr", "pretrain", ["gradient_clip_val=1"])


def test_file_that_ends_in_yml_is_refused(tmp_path):
    (tmp_path / "mine.yml").write_text("method: leoclr\n")
    with pytest.raises(UserError, match=r"mine\.yml ends in \.yml, which Hydra does not read"):
        load_config(f"{tmp_path}/mine.yml", "pretrain")


def test_invalid_yaml_is_reported_in_one_line(tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [1,\nb: 2")
    with pytest.raises(UserError) as caught:
        load_config(str(tmp_path / "broken.yaml"), "pretrain")
    assert "broken.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_interpolation_of_a_missing_key_is_refused_at_once(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: ${nothing}")
    with pytest.raises(UserError, match=r"mine\.yaml: Interpolation key 'nothing' not found"):
        load_config(str(tmp_path / "mine.yaml"), "pretrain")


@pytest.mark.parametrize(
    ("kind", "override"),
    [
        ("pretrain", "data.cache_mb=100"),
        ("pretrain", "data.pairs.file=a.csv"),
        ("pretrain", "data.pairs=a.csv"),
        ("pretrain", "data.online.birds.train_path=a"),
        ("pretrain", "data.pairs.kinds.quality.weight=2"),
        ("pretrain", "method_kwargs.self_paced.age=0.5"),
        ("pretrain", "augmentations.0.degrade.jpeg=[95,15]"),
        ("pretrain", "augmentations.0.extra=[{_target_: a.B}]"),
        ("linear", "data.source=h5"),
        ("finetune", "data.on_bad_image=skip"),
        ("pretrain", "on_nonfinite=skip"),
    ],
)
def test_a_declared_key_needs_no_plus(kind, override):
    given = load_config("imagenet/leoclr", kind, [override])
    assert given == load_config("imagenet/leoclr", kind, [f"+{override}"])
    assert given != load_config("imagenet/leoclr", kind)


@pytest.mark.parametrize(
    ("kind", "override"),
    [
        ("pretrain", "data.cache_mbs=100"),
        ("pretrain", "method_kwargs.qeue_size=64"),
        ("pretrain", "augmentations.0.degrad.jpeg=[95,15]"),
        ("linear", "data.pairs.file=a.csv"),
        ("linear", "data.online.birds.train_path=a"),
    ],
)
def test_a_key_that_the_command_does_not_read_needs_a_plus(kind, override):
    with pytest.raises(UserError, match="Could not override"):
        load_config("imagenet/leoclr", kind, [override])


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("augmentations.7.crop_size=3", "augmentations.7.crop_size=3: list index out of range"),
        ("augmentations.first.crop_size=3", "'first' .* is not an int"),
    ],
)
def test_a_pipeline_that_is_not_there_is_one_line(override, reason):
    with pytest.raises(UserError, match=reason):
        load_config("imagenet/leoclr", "pretrain", [override])


def test_a_number_as_the_name_of_a_kind_of_pairs_is_a_text():
    kinds = "data.pairs.kinds={1: {weight: 0.5}}"
    changes = ["data.train_path=x", "data.pairs.file=p.csv", kinds]
    cfg = load_config("custom/leoclr", "pretrain", changes)
    assert list(cfg.data.pairs.kinds) == ["1"]
