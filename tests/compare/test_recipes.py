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
    """A host whose recipe of a method is in a file of another name, as barlow_twins' is."""
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


def test_data_backbone_views_and_batch_are_the_comparisons(host_with_recipes):
    base = load_config(CONFIG, "pretrain")
    for method in ("mocov2plus", "barlow_twins"):
        cfg, _ = configured(method, "optimizer.batch_size=64", "backbone.name=resnet50")
        assert cfg.method == method
        assert cfg.backbone.name == "resnet50"
        assert cfg.data == base.data
        assert cfg.optimizer.batch_size == 64
        # The crops' pipeline alone: what is two views for all others.
        assert list(cfg.augmentations) == [base.augmentations[0]]


def test_the_rest_is_the_methods_own_recipe(host_with_recipes):
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


def test_a_folder_with_an_equals_sign_is_taken_unquoted(host_with_recipes):
    cfg, _ = configured("mocov2plus", "data.train_path=images/size=64/train")
    assert cfg.data.train_path == "images/size=64/train"


def test_the_users_overrides_go_before_every_recipe(host_with_recipes):
    overrides = ("optimizer.name=adamw", "optimizer.lr=0.002", "scheduler.warmup_epochs=7")
    cfg, changes = configured("barlow_twins", *overrides, epochs=20)
    assert (cfg.optimizer.name, cfg.optimizer.lr) == ("adamw", 0.002)
    # LARS's, which AdamW does not take.
    assert "kwargs" not in cfg.optimizer
    assert cfg.scheduler.warmup_epochs == 7
    assert not any("warmup_epochs" in change for change in changes if "teacher" not in change)
    # A key that the recipe lacks.
    cfg, _ = configured("barlow_twins", "optimizer.name=lars", "momentum.base_tau=0.9")
    assert cfg.optimizer.kwargs == {"eta": 0.02}
    assert cfg.momentum.base_tau == 0.9


def test_what_does_not_fit_the_budget_is_cut_and_said(host_with_recipes):
    cfg, changes = configured("leoclr", "optimizer.batch_size=64", epochs=20, images=1000)
    assert cfg.scheduler.warmup_epochs == 2
    assert cfg.method_kwargs.queue_size == 960
    assert "scheduler.warmup_epochs 2.0 instead of 10" in changes
    assert "method_kwargs.queue_size 960 instead of 4096" in changes
    cfg, changes = configured("barlow_twins", epochs=20)
    assert cfg.method_kwargs.warmup_teacher_temperature_epochs == 5
    assert cfg.method_kwargs.epoch_queue_starts == 5
    # The host's default, which the recipe does not name.
    assert cfg.scheduler.warmup_epochs == 2
    assert "scheduler.warmup_epochs 2.0 instead of 10" in changes


def test_what_fits_the_budget_is_left(host_with_recipes):
    cfg, changes = configured("barlow_twins", epochs=200)
    assert "warmup_epochs" not in cfg.scheduler
    assert cfg.method_kwargs.warmup_teacher_temperature_epochs == 50
    assert cfg.method_kwargs.epoch_queue_starts == 15
    assert changes == ["recipe of solo-learn's imagenet-100/short.yaml"]


def test_no_recipe(host_with_recipes):
    with pytest.raises(UserError, match="no recipe for dino beside imagenette/leoclr and none in"):
        configured("dino")
    # The clone is there already.
    with pytest.raises(UserError, match=r"a dino\.yaml beside a config file of your own is one"):
        configured("dino")


@pytest.fixture
def clone(monkeypatch):
    """The recipes of the real solo-learn."""
    if not os.environ.get("SOLO_LEARN_HOME"):
        pytest.skip("no clone of solo-learn")
    folder = Path(os.environ["SOLO_LEARN_HOME"]) / "scripts" / "pretrain"
    fake = type("Host", (), {"configs": folder, "name": "solo-learn"})
    monkeypatch.setattr(recipes, "host", lambda: fake)


def test_the_clone_has_a_recipe_for_each_method_of_the_issue(clone):
    for method in (
        *("simclr", "byol", "barlow_twins", "vicreg", "dino"),
        *("swav", "nnclr", "simsiam", "ressl", "mocov3"),
    ):
        recipe, source = find_recipe(CONFIG, method)
        assert recipe.method == method
        assert source.startswith("solo-learn's imagenet-100/")


def test_a_recipe_that_ends_in_yml(clone):
    assert find_recipe(CONFIG, "all4one")[1] == "solo-learn's imagenet-100/all4one.yml"
