"""The wheel: everything is in it, and it works away from the checkout."""

import os
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # From a copy, so that no build folder is left in the checkout; with this environment's
    # setuptools where an isolated build would have to download one.
    source = tmp_path_factory.mktemp("source")
    listed = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_has_every_module_and_config(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "leoclr_plugin").rglob("*.py")}
    assert modules <= names
    configs = {
        f"leoclr_plugin/scripts/{p.relative_to(ROOT / 'scripts').as_posix()}"
        for pattern in ("*.yaml", "*.sh")
        for p in (ROOT / "scripts").rglob(pattern)
    }
    assert configs <= names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_command_runs_from_a_wheel_in_another_folder(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", site, wheel]
    subprocess.run(install, capture_output=True, check=True)
    # Beside the package, where Python looks for it.
    assert (site / "leoclr.pth").read_text() == (ROOT / "leoclr.pth").read_text()
    env = {**os.environ, "PYTHONPATH": str(site), "LEOCLR_HOST": "bundled"}

    def run(*args: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "leoclr_plugin", *args]
        return subprocess.run(
            command, cwd=elsewhere, env=env, capture_output=True, text=True, check=False
        )

    doctor = run("doctor")
    assert doctor.returncode == 0, doctor.stderr
    assert f"{site}/leoclr_plugin/host/bundled" in doctor.stdout
    # The config is found; what is missing is the data, and nothing is left behind.
    pretrain = run("pretrain", "imagenette/leoclr")
    assert pretrain.returncode == 2
    assert "the data folder datasets/imagenette2-160/train is not there" in pretrain.stderr
    assert list(elsewhere.iterdir()) == []


def test_metadata_is_in_setup_cfg_alone():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["metadata"]["license"] == "MIT"
    assert config["options"]["python_requires"] == ">=3.10"
    assert "[project]" not in (ROOT / "pyproject.toml").read_text()
    assert (ROOT / "setup.py").read_text().endswith("\nsetup(distclass=DistributionWithData)\n")
