"""Test the parsing of overrides and of sweeps."""

import itertools

import numpy as np
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from leoclr_plugin.config import load_config
from leoclr_plugin.config.overrides import parse_overrides, quote, sweep
from leoclr_plugin.errors import UserError


def test_sweep_has_every_combination_in_hydras_order():
    words = ["seed=1,2", "~wandb", "+a.b=range(0,3)", "name='x,y'", "sizes=[1,2],[3]"]
    jobs = sweep(words)
    assert jobs == [
        [f"seed={seed}", "~wandb", f"+a.b={b}", "name='x,y'", f"sizes={sizes}"]
        for seed, b, sizes in itertools.product((1, 2), (0, 1, 2), ("[1,2]", "[3]"))
    ]
    # Hydra's own sweeper writes deletions and quoted texts differently, so leave them out here.
    words = [word for word in words if word[0] != "~" and "'" not in word]
    (hydra_jobs,) = BasicSweeper.split_arguments(parse_overrides(words), None)
    assert sweep(words) == hydra_jobs


def test_single_values_make_one_job():
    assert sweep(["seed=1", "crop_size=[1,2]"]) == [["seed=1", "crop_size=[1,2]"]]
    assert sweep([]) == [[]]


@pytest.mark.parametrize("override", ["seed=interval(0,1)", "seed=glob(*)", "seed"])
def test_sweep_without_a_list_of_values_is_refused_in_one_line(override):
    with pytest.raises(UserError) as error:
        sweep(["max_epochs=1", override])
    assert override in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "value",
    [
        "images/size=64/train",
        "~/images",
        "/données/数据",
        "run #3 & more",
        "a~b's",
        "/data/o'neil",
        "images (1)/train",
        "/data/[old]/{a}",
    ],
)
def test_value_with_special_characters_needs_no_quotes(value):
    (override,) = parse_overrides([f"data.train_path={value}"])
    assert override.value() == value
    (override,) = parse_overrides([f'data.train_path="{value}"'])
    assert override.value() == value


def test_quoted_text_is_read_unchanged():
    rng = np.random.default_rng(0)
    for length in rng.integers(0, 8, 400):
        text = "".join(rng.choice(list("ab'\"\\,=()[]{}$# ~"), length))
        (override,) = parse_overrides([f"name={quote(text)}"])
        assert override.value() == text


@pytest.mark.parametrize("override", ["size=[1,2", "seed=range(1,2", "name='x", "a b=1", "(x)"])
def test_invalid_hydra_syntax_is_refused(override):
    with pytest.raises(UserError):
        parse_overrides([override])


def test_texts_that_look_like_numbers_are_swept_as_they_are_written():
    jobs = sweep(["checkpoint.dir=2024_01,2024_02", "seed=1,2"])
    assert jobs[0] == ["checkpoint.dir='2024_01'", "seed=1"]
    cfg = load_config("custom/leoclr", "pretrain", [*jobs[2], "data.train_path=x"])
    assert (cfg.checkpoint.dir, cfg.seed) == ("2024_02", 1)
