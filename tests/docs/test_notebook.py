"""The notebook of the docs runs from its first to its last cell."""

import json
import os
import subprocess
import sys

import pytest

from leoclr_plugin.report.environment import version_of
from tests.conftest import ROOT

NOTEBOOK = ROOT / "docs/demo.ipynb"
pytestmark = [
    pytest.mark.skipif(version_of("nbconvert") is None, reason="nbconvert is not installed"),
    pytest.mark.skipif(version_of("ipykernel") is None, reason="ipykernel is not installed"),
]


def test_notebook_is_committed_without_outputs():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells)


@pytest.mark.skipif(version_of("umap-learn") is None, reason="umap-learn is not installed")
def test_notebook_runs(tmp_path):
    notebook = tmp_path / "demo.ipynb"
    notebook.write_text(NOTEBOOK.read_text())
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LEOCLR_HOST": "bundled"}
    run = subprocess.run(
        [*command, notebook], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert (tmp_path / "leoclr-demo/results.json").is_file()
    outputs = [
        o for cell in json.loads(notebook.read_text())["cells"] for o in cell.get("outputs", ())
    ]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert "top-1" in "".join("".join(output.get("text", "")) for output in outputs)
