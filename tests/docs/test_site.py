"""The site builds without a warning, and a browser shows its pages."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from leoclr_plugin.report.environment import version_of
from tests.conftest import ROOT

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, _BROWSERS)), None)
pytestmark = pytest.mark.skipif(
    version_of("mkdocs-material") is None or version_of("mkdocstrings") is None,
    reason='the packages of the extra "docs" are not installed',
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return folder


@pytest.fixture
def address(site) -> Iterator[str]:
    """Serve the site on this machine and give its address."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_site_has_the_pages_the_notes_and_the_raw_data(site):
    for page in ("", "method", "config", "api", "results", "CONTRIBUTING", "benchmarks/notes/zoo"):
        assert (site / page / "index.html").is_file(), page
    assert (site / "benchmarks/zoo-training.json").is_file()
    assert not (site / "hooks.py").exists()


def test_pages_load_nothing_from_other_servers(site):
    for page in site.rglob("*.html"):
        assert 'src="http' not in page.read_text(), page


def test_reference_of_the_api_has_the_method_and_its_loss(site):
    text = (site / "api/index.html").read_text()
    for name in ("methods.leoclr.LeOCLR", "losses.leoclr.leoclr_loss_func", "zoo.model.load"):
        assert f'id="leoclr_plugin.{name}"' in text


def test_equations_are_mathml(site):
    text = (site / "method/index.html").read_text()
    assert text.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') == 3
    assert "arithmatex" not in text


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_browser_shows_a_page(address, tmp_path):
    # The script of the theme marks the page when it has run. The title of the tab is the page's.
    run = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={tmp_path / 'page.png'}",
            "--virtual-time-budget=10000",
            "--dump-dom",
            f"{address}/method/",
        ],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "<title>The method - LeOCLR for solo-learn</title>" in run.stdout
    assert 'class="js' in run.stdout
    assert "<math" in run.stdout
    assert 'href="../results/"' in run.stdout
