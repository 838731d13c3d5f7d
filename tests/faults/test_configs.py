"""Values of any kind for every key: refused in one line that names the key, or accepted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter, ValidationError

from leoclr_plugin.commands.main import main
from leoclr_plugin.config import load_config
from leoclr_plugin.config.check import check_config
from leoclr_plugin.config.keys import about, leaves
from leoclr_plugin.config.leoclr import LeOCLRSettings
from leoclr_plugin.config.schema import Config
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.configs import small_config
from tests.faults.record import Case, scaled

KEYS = [
    *leaves(Config),
    *((f"method_kwargs.{name}", node, key) for name, node, key in leaves(LeOCLRSettings)),
]
COMMANDS = {
    "pretrain": ("custom/leoclr", ["data.train_path=x", "data.val_path=x"]),
    "linear": ("custom/leoclr", ["data.train_path=x", "data.val_path=x"]),
    "finetune": ("custom/leoclr", ["data.train_path=x", "data.val_path=x"]),
}
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([-1e30, 1e30, -(2**70), 2**70, math.inf, -math.inf, math.nan, 0.5, 1e-300]),
)
TEXTS = st.one_of(
    st.text(max_size=12).filter(lambda text: "$" not in text and text != "???"),
    st.sampled_from(["", " ", "null", "../..", "a\nb", "0,1", "\u202e", "\x00", "x" * 5000]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "0"]), inner)
    ),
    max_leaves=4,
)


def examples(number: int):
    """Return a decorator that tries a number of seeded examples and shrinks the first failure."""
    few = settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seed(0)(few(test))


@pytest.fixture(scope="module")
def configs() -> dict[str, DictConfig]:
    return {kind: load_config(name, kind, more) for kind, (name, more) in COMMANDS.items()}


def changed(cfg: DictConfig, changes: dict[str, object]) -> DictConfig:
    cfg = deepcopy(cfg)
    for key, value in changes.items():
        OmegaConf.update(cfg, key.replace("[]", "[0]"), value, merge=False, force_add=True)
    return cfg


@contextmanager
def one_line(*keys: str) -> Iterator[None]:
    """Allow a refusal in one line that names one of the keys."""
    try:
        yield
    except UserError as error:
        line = str(error)
        assert "\n" not in line, f"several lines: {line!r}"
        # A rule about several keys names the one that is to be changed, which is in the same node.
        assert any(key.replace("[]", "[0]").rpartition(".")[0] in line for key in keys), line


def readers_of(key: str, node, name: str) -> set[str]:
    """Return the commands that read a key: those that read it and the top key that it is under."""
    top = about(Config.model_fields[key.partition(".")[0].removesuffix("[]")])
    return set(top.commands) & set(about(node.model_fields[name]).commands)


def fits(node, name: str, value: object) -> bool:
    field = node.model_fields[name]
    kind = TypeAdapter(field.rebuild_annotation())
    try:
        kind.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def try_values(row: Case, cfg: DictConfig, command: str, key: str, node, name: str) -> None:
    @examples(scaled(40, 8))
    @given(value=VALUES)
    def refused_or_accepted(value):
        with row.trial(f"{key}={value!r}"), one_line(key):
            check_config(changed(cfg, {key: value}), command)
            if command in about(node.model_fields[name]).needed:
                assert value not in (None, ""), "a required key without a value is accepted"
            assert value is None or fits(node, name, value), "a wrong value is accepted"

    refused_or_accepted()


@pytest.mark.parametrize("command", COMMANDS)
def test_any_value_of_any_key(command, configs, case, capsys):
    row = case("configs", f"any value for each key, leoclr {command}")
    for key, node, name in KEYS:
        if command in readers_of(key, node, name):
            try_values(row, configs[command], command, key, node, name)
        capsys.readouterr()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_key_left_out(command, configs, case, capsys):
    row = case("configs", f"each key left out, leoclr {command}")
    for key, node, name in KEYS:
        cfg = deepcopy(configs[command])
        owner, _, last = key.replace("[]", "[0]").rpartition(".")
        holder = OmegaConf.select(cfg, owner) if owner else cfg
        if holder is None or last not in holder:
            continue
        del holder[last]
        with row.trial(key), one_line(key, last):
            check_config(cfg, command)
            assert command not in about(node.model_fields[name]).needed, "it is required"
    capsys.readouterr()


def test_several_wrong_values_at_once(configs, case, capsys):
    row = case("configs", "2 to 6 keys with any value at once")
    keys = [key for key, _, _ in KEYS]
    few = st.dictionaries(st.sampled_from(keys), VALUES, min_size=2, max_size=6)

    @examples(scaled(1000))
    @given(changes=few)
    def refused_or_accepted(changes):
        with row.trial(changes), one_line(*changes):
            check_config(changed(configs["pretrain"], changes), "pretrain")

    refused_or_accepted()
    capsys.readouterr()


def test_an_unknown_key_is_told_and_ends_nothing(configs, case, capsys):
    row = case("configs", "unknown keys at the top and in nodes")

    @examples(scaled(200))
    @given(name=st.from_regex(r"[a-z_]{1,12}", fullmatch=True), value=VALUES)
    def told(name, value):
        for key in (f"{name}x_q", f"data.{name}x_q", f"optimizer.{name}x_q"):
            capsys.readouterr()
            with row.trial(key):
                check_config(changed(configs["pretrain"], {key: value}), "pretrain")
                assert f"{key} is ignored" in capsys.readouterr().err

    told()


def test_what_the_check_accepts_the_preparation_takes_or_refuses(image_folder, case, capsys):
    """The host and Lightning read the values next, still before any data."""
    row = case("configs", "accepted values, prepared for the training")
    name, *more = small_config(image_folder)
    cfg = load_config(name, "pretrain", [*more, "accelerator=cpu"])
    for key, _, _ in KEYS:
        _prepare_values(row, cfg, key)
        capsys.readouterr()


def _prepare_values(row: Case, cfg: DictConfig, key: str) -> None:
    @examples(scaled(12, 3))
    @given(value=VALUES)
    def prepared(value):
        config = changed(cfg, {key: value})
        with row.trial(f"{key}={value!r}"), one_line(key):
            try:
                check_config(deepcopy(config), "pretrain")
            except UserError:
                return
            prepare(config)

    prepared()


def test_commands_refuse_with_code_2_and_write_nothing(image_folder, tmp_path, case, monkeypatch):
    """The data is taken away: a command that read it before its check would name it."""
    row = case("configs", "wrong values on the command line: code 2, nothing written")
    monkeypatch.chdir(tmp_path)
    name, *more = small_config(tmp_path / "nowhere")
    tried = 0
    for key, node, leaf in KEYS:
        if tried == scaled(60, 10) or "[" in key or fits(node, leaf, {"a": {"b": 1}}):
            continue
        if "pretrain" not in readers_of(key, node, leaf):
            continue
        tried += 1
        with row.trial(key):
            assert main(["pretrain", name, *more, f"++{key}={{a:{{b:1}}}}"]) == 2
            assert not list(tmp_path.iterdir())
