"""Fixtures with a small zoo on the disk and servers that offer its file."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
import torchvision
import trustme
from omegaconf import OmegaConf
from torch import nn

from leoclr_plugin.checkpoints.weights import write_weights
from leoclr_plugin.zoo import fetch, manifest, source
from leoclr_plugin.zoo.fetch import sha256
from tests.configs import method_cfg

NAME = "leoclr-resnet18-stripes"


def fields(path) -> dict:
    """Return the manifest's fields for a file of weights."""
    figures = {"top1": 50.0, "top5": 90.0, "spread": 1.0}
    return {
        "file": path.name,
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
        "method": "leoclr",
        "backbone": "resnet18",
        "dataset": "custom",
        "images": 40,
        "size": [32, 32],
        "classes": [f"class{label}" for label in range(5)],
        "epochs": 1,
        "epochs_trained": 1,
        "seed": 5,
        "command": "leoclr pretrain custom/leoclr",
        "config": f"{NAME}.json",
        "commit": "0123456789ab",
        "hardware": "a machine",
        "hours": 0.1,
        "results": {"knn": figures, "linear": figures},
        "licence": "MIT",
        "limits": "It was trained on stripes.",
    }


@pytest.fixture(scope="session")
def network() -> nn.Module:
    torch.manual_seed(0)
    network = torchvision.models.resnet18()
    network.fc = nn.Identity()
    return network.eval()


@pytest.fixture(scope="session")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / f"{NAME}.safetensors"
    write_weights(network.state_dict(), path, {"name": NAME}, half=True)
    return path


@pytest.fixture
def empty_zoo(weights, tmp_path, monkeypatch):
    """A folder with only the manifest, as in a wheel. The cache is a folder of the test too."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"models": {NAME: fields(weights)}}))
    (folder / f"{NAME}.json").write_text(json.dumps(OmegaConf.to_container(method_cfg())))
    # All are imported before the first is patched, or they would import the patched function.
    for module in (manifest, fetch, source):
        monkeypatch.setattr(module, "zoo_folder", lambda: folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LEOCLR_ZOO_URL", raising=False)
    return folder


@pytest.fixture
def zoo(empty_zoo, weights):
    """A folder with the manifest and the weights, as in a checkout."""
    (empty_zoo / weights.name).write_bytes(weights.read_bytes())
    return empty_zoo


@pytest.fixture
def entry(empty_zoo):
    return manifest.find_entry(NAME)


class Files(BaseHTTPRequestHandler):
    """Serve ``server.content`` and break off once after ``server.breaks_after`` bytes."""

    def do_HEAD(self) -> None:
        self._head(200, len(self.server.content))

    def do_GET(self) -> None:
        content, byte_range = self.server.content, self.headers.get("Range")
        self.server.requests.append((self.path, byte_range))
        first = int(byte_range.removeprefix("bytes=").split("-")[0]) if byte_range else 0
        self._head(206 if byte_range else 200, len(content) - first)
        end, self.server.breaks_after = self.server.breaks_after, None
        self.wfile.write(content[first:end])
        if end is not None:
            self.close_connection = True

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        # The hub's client requires these two headers.
        self.send_header("ETag", '"one"')
        self.send_header("X-Repo-Commit", "0" * 40)
        if status == 206:
            last = len(self.server.content) - 1
            self.send_header("Content-Range", f"bytes {last + 1 - length}-{last}/{last + 1}")
        self.end_headers()

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server(weights, empty_zoo):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.content, server.requests, server.breaks_after = weights.read_bytes(), [], None
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def https(server, tmp_path, monkeypatch):
    """The server over HTTPS, with a certificate that requests trusts."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"https://127.0.0.1:{server.server_port}/models"
    monkeypatch.setenv("LEOCLR_ZOO_URL", address)
    return server


@pytest.fixture
def hub(server, monkeypatch):
    """The server as a replacement for the Hugging Face hub."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    constants = {
        # The environment may say that there is no network.
        "HF_HUB_OFFLINE": False,
        "ENDPOINT": address,
        "HUGGINGFACE_CO_URL_TEMPLATE": address + "/{repo_id}/resolve/{revision}/{filename}",
    }
    for name, value in constants.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        # Before version 0.25, the module that downloads holds copies of these constants.
        monkeypatch.setattr(f"huggingface_hub.file_download.{name}", value, raising=False)
    monkeypatch.setenv("LEOCLR_ZOO_URL", "hf://someone/leoclr@v1")
    return server
