"""Downloads that are killed: nothing half is taken for whole, and the same command goes on."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import huggingface_hub  # noqa: F401
import pytest
from torchvision import datasets as tv

from leoclr_plugin.data.datasets import build_dataset
from leoclr_plugin.errors import UserError
from leoclr_plugin.zoo.fetch import cache_folder, fetch
from tests.conftest import make_folder, make_image
from tests.data.test_datasets import data, read
from tests.faults.killing import killed_before, random_calls
from tests.faults.record import scaled


@pytest.mark.parametrize("source", ["https", "hub"])
def test_the_zoo(source, request, entry, case):
    server = request.getfixturevalue(source)
    row = case("processes", f"kill -9 at random calls of a download from the zoo, {source}")
    whole = server.content
    killed, numbers = 0, random_calls(lambda: fetch(entry), scaled(50, 4))
    for number in numbers:
        shutil.rmtree(cache_folder())
        with row.trial(f"call {number}"):
            killed += killed_before(number, lambda: fetch(entry))
            path = cache_folder() / entry.file
            assert not path.exists() or path.read_bytes() == whole
            assert fetch(entry).read_bytes() == whole
    assert killed > len(numbers) / 2


class Quiet(SimpleHTTPRequestHandler):
    """Serve a folder without a line for each request."""

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path):
    """A folder, and the address under which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def archive(path: Path, content: Path) -> str:
    """Pack a folder, and return the archive's MD5."""
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as tar:
        tar.add(content, content.name)
    return hashlib.md5(path.read_bytes()).hexdigest()


def make_voc(root: Path, images: dict[str, list[str]]) -> Path:
    """Write a VOCdevkit whose sets list the given images, which show cats."""
    year = root / "VOCdevkit/VOC2007"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (year / folder).mkdir(parents=True)
    for part, names in images.items():
        (year / f"ImageSets/Main/{part}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            make_image(int(name), 0).save(year / f"JPEGImages/{name}.jpg")
            shown = "<annotation><object><name>cat</name></object></annotation>"
            (year / f"Annotations/{name}.xml").write_text(shown)
    return year.parent


def imagenette(served, monkeypatch):
    """Serve an Imagenette of ten images."""
    folder, address = served
    for path in make_folder(folder / "imagenette2-160/train", 2).rglob("*.png"):
        path.rename(path.with_suffix(".jpeg"))
    md5 = archive(folder / "imagenette2-160.tgz", folder / "imagenette2-160")
    archives = {"160px": (f"{address}/imagenette2-160.tgz", md5)}
    monkeypatch.setattr(tv.Imagenette, "_ARCHIVES", archives)
    names = {f"class{label}": (f"{label}",) for label in range(5)}
    monkeypatch.setattr(tv.Imagenette, "_WNID_TO_CLASS", names)
    return "train", 10


def voc(served, monkeypatch):
    """Serve the test set of a VOC 2007 of six images. Its trainval set is there already."""
    folder, address = served
    md5 = archive(folder / "test.tar", make_voc(folder, {"test": [f"{i}" for i in range(6)]}))
    year = {"url": f"{address}/test.tar", "filename": "test.tar", "md5": md5}
    year["base_dir"] = "VOCdevkit/VOC2007"
    monkeypatch.setitem(tv.voc.DATASET_YEAR_DICT, "2007-test", year)
    return "val", 6


@pytest.mark.parametrize("serve", [imagenette, voc])
def test_data(serve, served, tmp_path, monkeypatch, case):
    row = case("processes", f"kill -9 at random calls of a download of data, {serve.__name__}")
    split, images = serve(served, monkeypatch)
    root = tmp_path / "data"

    def opened(**changes: object):
        if serve is voc:
            there = {"train_path": str(root), "val_path": str(root)}
            return build_dataset(data("voc2007", root, **there, **changes), split)
        return build_dataset(data("imagenette", root / "imagenette2-160", **changes), split)

    def start() -> None:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        if serve is voc:
            make_voc(root, {"trainval": ["7", "8"]})

    start()
    killed, numbers = 0, random_calls(lambda: opened(download=True), scaled(50, 4))
    for number in numbers:
        start()
        with row.trial(f"call {number}"):
            killed += killed_before(number, lambda: opened(download=True))
            with suppress(UserError):
                assert len(opened()) == images
            dataset = opened(download=True)
            assert len(read(dataset)[1]) == images
            assert not list(root.glob(".leoclr-download*/*"))
    assert killed > len(numbers) / 2
