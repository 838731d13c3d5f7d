"""The wheel is complete and works without the checkout."""

import os
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from leoclr_plugin.zoo.manifest import read_manifest
from tests.conftest import ROOT


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel without its dependencies and return its folder, ``folder / "site"``."""
    site = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", site, wheel]
    subprocess.run(command, capture_output=True, check=True)
    return site


def test_wheel_has_every_module_and_config(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "leoclr_plugin").rglob("*.py")}
    assert modules <= names
    configs = {
        f"leoclr_plugin/scripts/{p.relative_to(ROOT / 'scripts').as_posix()}"
        for pattern in ("*.json", "*.yaml", "*.sh")
        for p in (ROOT / "scripts").rglob(pattern)
    }
    assert configs <= names
    # The zoo's manifest is in the wheel, and its weights are not.
    assert "leoclr_plugin/zoo_files/manifest.json" in names
    assert not any(name.endswith(".safetensors") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)
    # Python runs a file that ends in .pth whenever it starts.
    assert not any(name.endswith(".pth") for name in names)


# The manifest is read here, before the fixtures replace it with that of the tests.
@pytest.mark.parametrize("entry", read_manifest().values(), ids=lambda entry: entry.name)
def test_zoo_of_an_installed_wheel_downloads_its_models(entry, wheel, https, tmp_path):
    site = install(wheel, tmp_path)
    https.content = (ROOT / "zoo" / entry.file).read_bytes()
    program = (
        f"from leoclr_plugin import zoo; model = zoo.load({entry.name!r}); "
        "print(zoo.__file__, len(model.classes))"
    )
    env = {**os.environ, "PYTHONPATH": str(site)}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [f"{site}/leoclr_plugin/zoo/__init__.py", str(len(entry.classes))]
    assert https.requests[0][0] == f"/models/{entry.file}"


def test_commands_of_an_installed_wheel_run_in_another_folder(wheel, tmp_path):
    site, work_folder = install(wheel, tmp_path), tmp_path / "work"
    work_folder.mkdir()
    env = {**os.environ, "PYTHONPATH": str(site), "LEOCLR_HOST": "bundled"}

    def run(*args: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "leoclr_plugin", *args]
        return subprocess.run(
            command, cwd=work_folder, env=env, capture_output=True, text=True, check=False
        )

    doctor = run("doctor")
    assert doctor.returncode == 0, doctor.stderr
    assert f"{site}/leoclr_plugin/host/bundled" in doctor.stdout
    # The config is found, so the missing data is the first error. Nothing is left behind.
    pretrain = run("pretrain", "imagenette/leoclr")
    assert pretrain.returncode == 2
    assert "the data folder datasets/imagenette2-160/train is not there" in pretrain.stderr
    assert list(work_folder.iterdir()) == []


def test_metadata_is_only_in_setup_cfg():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["metadata"]["license"] == "MIT"
    assert config["options"]["python_requires"] == ">=3.10"
    assert "[project]" not in (ROOT / "pyproject.toml").read_text()
    assert not (ROOT / "setup.py").exists()
