import re
import sys

import pytest

from leoclr_plugin.errors import UserError
from leoclr_plugin.host import install, select
from leoclr_plugin.host.select import choose_host
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def no_host(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(install, "user_config_path", lambda name: tmp_path_factory.getbasetemp())
    monkeypatch.delenv("LEOCLR_HOST", raising=False)
    monkeypatch.delenv("SOLO_LEARN_HOME", raising=False)
    monkeypatch.delitem(sys.modules, "solo", raising=False)


def make_solo(root, hydra_generation: bool):
    package = root / "solo"
    for name in ("args", "methods"):
        (package / name).mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('choosing must import nothing')")
    (package / "args" / ("pretrain.py" if hydra_generation else "setup.py")).touch()
    (package / "methods" / "mocov2plus.py").touch()
    return root


@pytest.mark.parametrize("empty", ["LEOCLR_HOST", "SOLO_LEARN_HOME", None])
def test_the_bundled_host_is_chosen_if_there_is_no_solo_learn(monkeypatch, empty):
    if empty:
        monkeypatch.setenv(empty, "")
    monkeypatch.setattr(select.importlib.util, "find_spec", lambda name: None)
    choice = choose_host()
    assert choice.name == "bundled"
    assert "SOLO_LEARN_HOME is not set" in choice.reason


def test_an_importable_solo_of_the_hydra_generation_is_chosen(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(make_solo(tmp_path, hydra_generation=True))
    assert choose_host().name == "solo-learn"


def test_an_importable_solo_of_another_generation_is_ignored(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(make_solo(tmp_path, hydra_generation=False))
    choice = choose_host()
    assert choice.name == "bundled"
    assert "not of the Hydra generation" in choice.reason


def test_solo_learn_home_overrides_everything_but_an_explicit_bundled(monkeypatch, tmp_path):
    tree = make_solo(tmp_path, hydra_generation=True)
    monkeypatch.setenv("SOLO_LEARN_HOME", str(tree))
    choice = choose_host()
    assert (choice.name, choice.source_tree) == ("solo-learn", tree.resolve())
    monkeypatch.setenv("LEOCLR_HOST", "bundled")
    assert choose_host().name == "bundled"


def test_the_saved_choice_overrides_an_importable_solo(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "user_config_path", lambda name: tmp_path)
    monkeypatch.syspath_prepend(make_solo(tmp_path / "importable", hydra_generation=True))
    install.choose("bundled")
    assert choose_host().name == "bundled"
    monkeypatch.setenv("LEOCLR_HOST", "solo-learn")
    assert choose_host().name == "solo-learn"
    monkeypatch.delenv("LEOCLR_HOST")

    tree = make_solo(tmp_path / "chosen", hydra_generation=True)
    install.choose(str(tree))
    assert choose_host().source_tree == tree
    (tree / "solo" / "methods" / "mocov2plus.py").unlink()
    with pytest.raises(UserError, match=r"the host that was chosen, .* is not a source tree"):
        choose_host()
    install.choose(None)
    assert choose_host().reason == "the package solo can be imported"


def test_errors_name_the_wrong_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("SOLO_LEARN_HOME", str(tmp_path))
    with pytest.raises(UserError, match="is not a source tree of solo-learn"):
        choose_host()
    monkeypatch.delenv("SOLO_LEARN_HOME")
    monkeypatch.setenv("LEOCLR_HOST", "bundle")
    with pytest.raises(UserError, match="did you mean 'bundled'"):
        choose_host()
    monkeypatch.setenv("LEOCLR_HOST", "solo-learn")
    monkeypatch.setattr(select.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="set SOLO_LEARN_HOME"):
        choose_host()


def test_nothing_outside_the_host_package_imports_solo_learn():
    importing = re.compile(r"^\s*(from|import) solo\b", re.MULTILINE)
    files = [p for p in (ROOT / "leoclr_plugin").rglob("*.py") if importing.search(p.read_text())]
    assert {p.parent.name for p in files} == {"host"}
