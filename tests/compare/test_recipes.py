"""Test which settings of a comparison come from the method's recipe."""

import os
from pathlib import Path

import pytest

from leoclr_plugin.compare import recipes
from leoclr_plugin.compare.recipes import find_recipe, method_config
from leoclr_plugin.config import load_config
from leoclr_plugin.errors import UserError

CONFIG = "imagenette/leoclr"


def configured(method: str, *overrides: str, epochs: int = 200, images: int = 9469):
    base = load_config(CONFIG, "pretrain", overrides)
    return method_config(base, CONFIG, method, epochs, images, overrides)


@pytest.fixture
def host_with_recipes(tmp_path, monkeypatch):
    """A host that has the recipe of barlow_twins in a file with another name."""
    folder = tmp_path / "imagenet-100"
    folder.mkdir()
    (folder / "other.yaml").write_text("method: simclr\n")
    (folder / "short.yaml").write_text(
        "method: barlow_twins\n"
        "method_kwargs: {proj_hidden_dim: 2048, warmup_teacher_temperature_epochs: 50, "
        "epoch_queue_starts: 15}\n"
        "data: {dataset: imagenet100}\n"
        "optimizer: {name: lars, batch_size: 128, lr: 0.3, kwargs: {eta: 0.02}}\n"
        "scheduler: {name: warmup_cosine}\n"
    )
    fake = type("Host", (), {"configs": tmp_path, "name": "solo-learn"})
    monkeypatch.setattr(recipes, "host", lambda: fake)


def test_data_backbone_views_and_batch_come_from_the_comparison(host_with_recipes):
    base = load_config(CONFIG, "pretrain")
    for method in ("mocov2plus", "barlow_twins"):
        cfg, _ = configured(method, "optimizer.batch_size=64", "backbone.name=resnet50")
        assert cfg.method == method
        assert cfg.backbone.name == "resnet50"
        assert cfg.data == base.data
        assert cfg.optimizer.batch_size == 64
        # Other methods get only the pipeline of the crops, which makes two views.
        assert list(cfg.augmentations) == [base.augmentations[0]]


def test_other_settings_come_from_the_methods_recipe(host_with_recipes):
    cfg, changes = configured("barlow_twins")
    assert (cfg.optimizer.name, cfg.optimizer.lr) == ("lars", 0.3)
    assert cfg.optimizer.kwargs == {"eta": 0.02}
    assert cfg.optimizer.batch_size == 256
    assert "momentum" not in cfg
    assert "queue_size" not in cfg.method_kwargs
    assert changes == ["recipe of solo-learn's imagenet-100/short.yaml"]
    cfg, changes = configured("mocov2plus")
    assert changes == ["recipe of imagenette/mocov2plus.yaml"]
    assert cfg.method_kwargs.queue_size == 4096


def test_folder_with_an_equals_sign_needs_no_quotes(host_with_recipes):
    cfg, _ = configured("mocov2plus", "data.train_path=images/size=64/train")
    assert cfg.data.train_path == "images/size=64/train"


def test_overrides_take_precedence_over_the_recipe(host_with_recipes):
    overrides = ("optimizer.name=adamw", "optimizer.lr=0.002", "scheduler.warmup_epochs=7")
    cfg, changes = configured("barlow_twins", *overrides, epochs=20)
    assert (cfg.optimizer.name, cfg.optimizer.lr) == ("adamw", 0.002)
    # AdamW does not accept the kwargs of LARS.
    assert "kwargs" not in cfg.optimizer
    assert cfg.scheduler.warmup_epochs == 7
    assert not any("warmup_epochs" in change for change in changes if "teacher" not in change)
    # An override may also set a key that the recipe lacks.
    cfg, _ = configured("barlow_twins", "optimizer.name=lars", "momentum.base_tau=0.9")
    assert cfg.optimizer.kwargs == {"eta": 0.02}
    assert cfg.momentum.base_tau == 0.9


def test_settings_that_exceed_the_budget_are_lowered_and_reported(host_with_recipes):
    cfg, changes = configured("leoclr", "optimizer.batch_size=64", epochs=20, images=1000)
    assert cfg.scheduler.warmup_epochs == 2
    assert cfg.method_kwargs.queue_size == 960
    assert "scheduler.warmup_epochs 2.0 instead of 10" in changes
    assert "method_kwargs.queue_size 960 instead of 4096" in changes
    cfg, changes = configured("barlow_twins", epochs=20)
    assert cfg.method_kwargs.warmup_teacher_temperature_epochs == 5
    assert cfg.method_kwargs.epoch_queue_starts == 5
    # The recipe does not set the warmup, so the host's default of 10 epochs is lowered.
    assert cfg.scheduler.warmup_epochs == 2
    assert "scheduler.warmup_epochs 2.0 instead of 10" in changes


def test_settings_within_the_budget_are_kept(host_with_recipes):
    cfg, changes = configured("barlow_twins", epochs=200)
    assert "warmup_epochs" not in cfg.scheduler
    assert cfg.method_kwargs.warmup_teacher_temperature_epochs == 50
    assert cfg.method_kwargs.epoch_queue_starts == 15
    assert changes == ["recipe of solo-learn's imagenet-100/short.yaml"]


def test_method_without_a_recipe_is_refused(host_with_recipes):
    with pytest.raises(UserError, match="no recipe for dino beside imagenette/leoclr and none in"):
        configured("dino")
    # The host has recipes, so the hint is not to install solo-learn.
    with pytest.raises(UserError, match=r"write a dino\.yaml beside a config file of your own"):
        configured("dino")


@pytest.fixture
def clone(monkeypatch):
    """The recipes of a clone of solo-learn."""
    if not os.environ.get("SOLO_LEARN_HOME"):
        pytest.skip("no clone of solo-learn")
    folder = Path(os.environ["SOLO_LEARN_HOME"]) / "scripts" / "pretrain"
    fake = type("Host", (), {"configs": folder, "name": "solo-learn"})
    monkeypatch.setattr(recipes, "host", lambda: fake)


def test_clone_has_a_recipe_for_each_usual_method(clone):
    for method in (
        *("simclr", "byol", "barlow_twins", "vicreg", "dino"),
        *("swav", "nnclr", "simsiam", "ressl", "mocov3"),
    ):
        recipe, source = find_recipe(CONFIG, method)
        assert recipe.method == method
        assert source.startswith("solo-learn's imagenet-100/")


def test_recipe_that_ends_in_yml_is_found(clone):
    assert find_recipe(CONFIG, "all4one")[1] == "solo-learn's imagenet-100/all4one.yml"
