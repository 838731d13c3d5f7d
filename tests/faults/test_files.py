"""Damaged and hostile files: refused in one line, no code run, nothing else touched."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.checkpoints.reading import CheckpointFolder, load_safely, read_checkpoint
from leoclr_plugin.checkpoints.weights import read_weights, write_weights
from leoclr_plugin.data.labels import read_labels
from leoclr_plugin.data.lists import keep_listed
from leoclr_plugin.data.pairs.table import read_pairs, write_pairs
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.data.stores.opening import open_store
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from leoclr_plugin.training.resume import _find
from leoclr_plugin.zoo.manifest import read_manifest
from tests.configs import method_cfg
from tests.conftest import make_folder, make_image
from tests.faults.mutate import mutated
from tests.faults.record import Case, scaled
from tests.sources import write_tar

NUMBER = 5000
_DATA = {"data__dataset": "cifar10", "data__val_path": None}


@contextmanager
def refused_or_read():
    """Allow a UserError of one line."""
    try:
        yield
    except UserError as error:
        assert "\n" not in str(error), "several lines"


def fuzz(row: Case, path: Path, read: Callable[[], object], number: int = NUMBER) -> None:
    """Damage a file again and again; reading it must leave all other files as they are."""
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    before = sorted(path.parent.rglob("*"))
    for i in range(scaled(number, 100)):
        content = mutated(whole, rng)
        path.write_bytes(content)
        with row.trial(f"{path.name}, number {i}"), refused_or_read():
            read()
    path.write_bytes(whole)
    # The index of a tar shard is written beside it.
    after = [other for other in path.parent.rglob("*") if other.suffix != ".leoclr-index"]
    assert sorted(after) == before


def test_checkpoints(tmp_path, case):
    """Weights that are read are those that were written: torch's files have checksums."""
    row = case("files", "bytes of a checkpoint")
    path = tmp_path / "a.ckpt"
    state = {"x": torch.arange(12.0).view(3, 4), "y": torch.ones(5, dtype=torch.int64)}
    torch.save({"state_dict": state, "epoch": 3, "loops": {}}, path)

    def read():
        found = read_checkpoint(path)["state_dict"]
        for name, value in found.items():
            assert name not in state or torch.equal(value, state[name]), "other weights, silently"

    fuzz(row, path, read)


def test_configurations_of_runs(tmp_path, case):
    row = case("files", "bytes of a run's args.json")
    (tmp_path / "a-ep=0.ckpt").touch()
    path = tmp_path / "args.json"
    path.write_text(json.dumps(OmegaConf.to_container(method_cfg())))
    fuzz(row, path, lambda: CheckpointFolder.open(tmp_path))


def test_weights(tmp_path, case):
    row = case("files", "bytes of weights in safetensors")
    path = tmp_path / "a.safetensors"
    write_weights({"x": torch.randn(3, 4), "n": torch.tensor(7)}, path, {"name": "a"})
    fuzz(row, path, lambda: read_weights(path))


def test_the_manifest_of_a_zoo(zoo, case):
    row = case("files", "bytes of a zoo's manifest")
    path = zoo / "manifest.json"

    def read():
        for entry in read_manifest(zoo).values():
            assert Path(entry.file).name == entry.file
            assert Path(entry.config).name == entry.config

    fuzz(row, path, read)


def test_lists(tmp_path, case):
    row = case("files", "bytes of a list of images")
    images = Images(FileStore.of_paths([f"{tmp_path}/{i}.png" for i in range(9)]))
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{i}.png\n" for i in range(0, 9, 2)))
    fuzz(row, path, lambda: keep_listed(images, tmp_path, path, "data.train_list"))


def test_lists_as_a_source(tmp_path, case):
    row = case("files", "bytes of a list with labels as data.train_path")
    for i in range(4):
        make_image(i, 0).save(tmp_path / f"{i}.png")
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{i}.png\tclass {i % 2}\n" for i in range(4)))
    fuzz(row, path, lambda: open_store({"train_path": str(path)}, "train", labelled=True))


def test_labels(tmp_path, case):
    row = case("files", "bytes of a labels file")
    path = tmp_path / "labels.csv"
    path.write_text("image,cat,dog\n" + "".join(f"{i}.png,{i % 2},\n" for i in range(9)))
    fuzz(row, path, lambda: read_labels(path))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_pairs(ending, tmp_path, case):
    row = case("files", f"bytes of a file of pairs, {ending}")
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"pairs.{ending}"
    write_pairs(path, [(f"{i}.png", f"{i + 1}.png", i / 9) for i in range(9)])
    fuzz(row, path, lambda: read_pairs(path))


def test_tar_shards(tmp_path, case):
    row = case("files", "bytes of tar shards")
    write_tar(make_folder(tmp_path / "images", 1, 2), tmp_path / "shard")
    path = tmp_path / "shard-0.tar"

    def read():
        store = open_store({"train_path": str(path)}, "train", labelled=True)
        for index in range(len(store)):
            store.read(index)

    fuzz(row, path, read)


def test_runs_to_resume(tmp_path, case):
    """A run whose configuration is damaged is named, because it may be the one to go on with."""
    row = case("files", "bytes of args.json of a run that auto_resume looks at")
    run = tmp_path / "leoclr" / "a"
    run.mkdir(parents=True)
    state = {"state_dict": {}, "loops": {}, "global_step": 0}
    torch.save(state, run / "a-ep=0.ckpt")
    cfg = prepare(method_cfg(auto_resume={"enabled": True, "max_hours": 36}, **_DATA))
    cfg.checkpoint.dir = str(tmp_path)
    path = run / "args.json"
    path.write_text(json.dumps(OmegaConf.to_container(cfg, resolve=True)))
    fuzz(row, path, lambda: _find(cfg, "leoclr"), NUMBER // 5)


class Runs:
    """An object that calls a function when it is unpickled."""

    def __init__(self, call, *args):
        self._call = call, args

    def __reduce__(self):
        return self._call


def test_pickles_that_would_run_code(tmp_path, case):
    row = case("files", "pickles that would run code")
    trace, path = tmp_path / "trace", tmp_path / "a.ckpt"
    calls = [
        (os.mkdir, str(trace)),
        (os.system, f"touch {trace}"),
        (eval, f"__import__('os').mkdir({str(trace)!r})"),
        (exec, f"import os; os.mkdir({str(trace)!r})"),
        (open, str(trace), "w"),
        (Path.touch, trace),
        (torch.load, str(trace)),
        (torch.save, {}, str(trace)),
        (np.savetxt, str(trace), [0]),
    ]
    for call in calls:
        evil = Runs(*call)
        weights = {"x": torch.ones(2)}
        contents = [evil, {"state_dict": {"x": evil}}, {"state_dict": weights, "more": [evil]}]
        for content in contents:
            for zipped in (True, False):
                buffer = io.BytesIO()
                torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
                for data in (buffer.getvalue(), pickle.dumps(content, 2)):
                    path.write_bytes(data)
                    with row.trial(call[0]):
                        with pytest.raises(UserError, match=r"cannot be read safely"):
                            load_safely(path)
                        assert not trace.exists(), "the code ran"


def test_names_that_lead_out_of_the_folder(tmp_path, case):
    row = case("files", "names with .., absolute names and links in lists")
    folder, outside = tmp_path / "images", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    make_image(0, 0).save(folder / "a.png")
    make_image(0, 0).save(outside / "b.png")
    (folder / "link.png").symlink_to(outside / "b.png")
    images = Images(FileStore.of_paths([str(folder / "a.png")]))
    listed = tmp_path / "list.txt"
    for name in ("../outside/b.png", str(outside / "b.png"), "link.png", "a/../../outside/b.png"):
        listed.write_text(f"{name}\n")
        with row.trial(name), pytest.raises(UserError, match=r"not images under|names no image"):
            keep_listed(images, folder, listed, "data.train_list")
