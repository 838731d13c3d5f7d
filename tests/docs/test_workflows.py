"""The workflows and issue forms are valid, and the scripts that they call do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest
import yaml

from leoclr_plugin.report.environment import version_of
from tests.conftest import ROOT

GITHUB = ROOT / ".github"
FORMS = [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, GITHUB / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(version_of("check-jsonschema") is None, reason="it is not installed")
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", list((GITHUB / "workflows").glob("*.yml"))),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [GITHUB / "ISSUE_TEMPLATE/config.yml"]),
    ],
)
def test_files_are_valid(schema, files):
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    run = subprocess.run([*command, *files], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_workflow_tests_every_python_that_the_package_names():
    named = re.findall(r"Python :: (3\.\d+)", (ROOT / "setup.cfg").read_text())
    jobs = yaml.safe_load((GITHUB / "workflows/ci.yml").read_text())["jobs"]
    matrix = jobs["tests"]["strategy"]["matrix"]
    assert matrix["python"] == named
    assert {"python": named[0], "versions": "lowest"} in matrix["include"]


def test_links_of_the_readme_are_absolute_on_pypi():
    absolute = script("absolute_links").absolute
    text = absolute((ROOT / "README.md").read_text(), "owner/name", "v1")
    assert "![Each row is one image" in text
    assert "](https://raw.githubusercontent.com/owner/name/v1/docs/views.png)" in text
    assert "](https://github.com/owner/name/blob/v1/docs/results.md)" in text
    assert not re.search(r"\]\((?!https?:)", text)


def test_lowest_versions_are_those_of_setup_cfg():
    lowest = script("lowest_versions").lowest_versions((ROOT / "setup.cfg").read_text())
    assert "torch==2.1" in lowest
    assert "huggingface_hub==0.23" in lowest
    assert not any(line.startswith("pytest") for line in lowest)


@pytest.mark.skipif(version_of("twine") is None, reason="twine is not installed")
def test_description_of_the_package_is_accepted(wheel):
    command = [sys.executable, "-m", "twine", "check", "--strict", wheel]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
