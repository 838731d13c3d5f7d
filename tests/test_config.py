import pytest
from omegaconf import OmegaConf

from leoclr_plugin.config import config_names, load_config
from leoclr_plugin.data.views import check_leoclr_views, check_views
from leoclr_plugin.errors import UserError

FOLDERS = ("cifar", "custom", "imagenet", "imagenet-100", "imagenette", "stl10")
NEEDED = {"custom": ["data.train_path=a"]}
NEEDED_LINEAR = {"custom": ["data.train_path=a", "data.val_path=b"]}


@pytest.mark.parametrize("folder", FOLDERS)
def test_leoclr_and_mocov2plus_share_one_recipe(folder):
    ours = load_config(f"{folder}/leoclr", "pretrain", NEEDED.get(folder, []))
    theirs = load_config(f"{folder}/mocov2plus", "pretrain", NEEDED.get(folder, []))
    check_leoclr_views(ours.augmentations, ours.data.dataset)
    check_views(ours.augmentations)
    *crops, original = ours.augmentations
    assert crops == list(theirs.augmentations)
    assert original.crop_size == [crops[0].crop_size] * 2
    for cfg in (ours, theirs):
        del cfg.augmentations
        assert cfg.pop("name").startswith(cfg.pop("method"))
    del ours.method_kwargs.loss_reduction, ours.method_kwargs.queue_keys
    assert ours == theirs


@pytest.mark.parametrize("folder", [*FOLDERS, "textures"])
@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
@pytest.mark.parametrize("kind", ["pretrain", "linear"])
def test_every_data_set_has_both_configs_of_both_kinds(kind, folder, method):
    assert f"{folder}/{method}" in config_names(kind)
    needed = NEEDED if kind == "pretrain" else NEEDED_LINEAR
    cfg = load_config(f"{folder}/{method}", kind, needed.get(folder, []))
    assert not OmegaConf.missing_keys(cfg)
    assert cfg.backbone.name in ("resnet18", "resnet50", "small_convnet")


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


def test_a_yaml_path_is_taken_as_it_is(tmp_path):
    (tmp_path / "mine.yaml").write_text("method: leoclr\nmax_epochs: 3\n")
    cfg = load_config(str(tmp_path / "mine.yaml"), "pretrain", ["max_epochs=5", "+new.key=1"])
    assert cfg == {"method": "leoclr", "max_epochs": 5, "new": {"key": 1}}
    cfg.anything = "may be added, as the host does"


def test_the_home_in_a_path_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    words = ["data.train_path=~/images/train", "data.val_path=./val", "checkpoint.dir=~"]
    cfg = load_config("imagenette/leoclr", "pretrain", words)
    assert cfg.data.train_path == "/home/me/images/train"
    assert (cfg.data.val_path, cfg.checkpoint.dir) == ("./val", "/home/me")
    assert (
        load_config("imagenette/leoclr", "pretrain", ["data.val_path=null"]).data.val_path is None
    )


def test_a_checkpoint_named_as_the_host_names_it_can_be_given_unquoted():
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
        ("custom/leoclr", [], "no value for data.train_path; add data.train_path=..."),
    ],
)
def test_mistakes_are_told_in_one_line(config, overrides, message):
    with pytest.raises(UserError) as caught:
        load_config(config, "pretrain", overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_to_be_added_is_not_taken_for_another():
    with pytest.raises(UserError, match=r"use \+performance\.compile=True$"):
        load_config("imagenette/leoclr", "pretrain", ["performance.compile=True"])


def test_what_hydra_does_not_read(tmp_path):
    (tmp_path / "mine.yml").write_text("method: leoclr\n")
    with pytest.raises(UserError, match=r"mine\.yml ends in \.yml, which Hydra does not read"):
        load_config(f"{tmp_path}/mine.yml", "pretrain")


def test_broken_yaml_is_told_in_one_line(tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [1,\nb: 2")
    with pytest.raises(UserError) as caught:
        load_config(str(tmp_path / "broken.yaml"), "pretrain")
    assert "broken.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_interpolation_of_what_is_not_there_is_refused_at_once(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: ${nothing}")
    with pytest.raises(UserError, match=r"mine\.yaml: Interpolation key 'nothing' not found"):
        load_config(str(tmp_path / "mine.yaml"), "pretrain")
