"""What only the DALI loader does; tests/data/test_loaders.py holds what all loaders do."""

import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import wait
from pathlib import Path

import pytest
import torch

pytest.importorskip("nvidia.dali")

from leoclr_plugin.data.dali.graph import Graph
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.configs import pipeline
from tests.data import test_loaders
from tests.data.dali.conftest import DEVICE
from tests.data.test_loaders import epoch, record_requests, same


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Make the images of tests/data/test_loaders.py."""
    return test_loaders.make_colours(tmp_path_factory.mktemp("colours"))


def config(root, **changes):
    settings = {"data__format": "dali", "dali__device": DEVICE.get(), **changes}
    return test_loaders.config(root, **settings)


def make_loader(root, **changes):
    return pretrain_loader(prepare(config(root, **changes)))


@pytest.mark.parametrize(("precision", "half"), [("16-mixed", True), ("bf16", True), (64, False)])
def test_views_have_half_precision_if_the_training_has(colours, precision, half):
    cfg = prepare(config(colours))
    cfg.precision = precision
    _, views, _ = epoch(pretrain_loader(cfg))[0]
    assert {view.dtype for view in views} == {torch.float16 if half else torch.float32}


def test_the_next_epoch_is_under_way_when_one_ends(colours):
    loader, fresh = make_loader(colours), make_loader(colours)
    requested = record_requests(loader)

    def number_requested() -> int:
        # The number only rests when the batch under way is complete.
        wait([loader._pipeline._next])
        return len(requested)

    epoch(loader, 0)
    after_one_epoch = number_requested()
    assert after_one_epoch > 20
    assert same(epoch(loader, 1), epoch(fresh, 1))
    # No batch was thrown away and requested again.
    assert requested[20:40] == torch.cat([batch[0] for batch in epoch(fresh, 1)]).tolist()
    assert number_requested() == 20 + after_one_epoch


def test_no_file_is_blamed_if_memory_runs_out(colours, monkeypatch):
    original_run = Graph.run

    def run_out_of_memory(graph):
        original_run(graph)
        raise RuntimeError(
            "Critical error in pipeline: Can't allocate 129499136 bytes on device 0."
        )

    monkeypatch.setattr(Graph, "run", run_out_of_memory)
    # Without memory no file can be decoded.
    monkeypatch.setattr(
        "leoclr_plugin.data.dali.loader.undecodable",
        lambda _, indexes, __: ((index, "bad") for index in indexes),
    )
    with pytest.raises(RuntimeError, match="Can't allocate"):
        epoch(make_loader(colours))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__dataset": "cifar10"}, "cifar10 is an archive: use data.format=image_folder"),
        ({"dali__prefetch": 0}, "dali.prefetch=0 must be a whole number of at least 1"),
        ({"dali__cache_mb": "lots"}, "dali.cache_mb=lots must be a number"),
        ({"dali__hw_decoder_load": 7}, "dali.hw_decoder_load=7 must be a number from 0 to 1"),
        ({"dali__device": "tpu"}, "dali.device=tpu must be one of cpu, gpu"),
        (
            {"method": "simclr", "augmentations": [pipeline(32, 2, crop=False)]},
            r"augmentations\[0\].crop_size=32: an int keeps the aspect ratio",
        ),
    ],
)
def test_settings_that_dali_cannot_follow_are_refused(colours, changes, message):
    with pytest.raises(UserError, match=message):
        make_loader(colours, **changes)


def test_a_missing_gpu_is_refused(colours, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=r"no GPU; use dali\.device=cpu"):
        prepare(config(colours, dali__device="gpu"))


def test_the_graph_of_a_loader_that_is_dropped_is_freed(colours):
    loader = make_loader(colours)
    epoch(loader)
    freed = threading.Event()
    weakref.finalize(loader._pipeline._pipeline, freed.set)
    del loader
    for _ in range(300):
        gc.collect()
        # The graph is only freed after the batch under way is complete.
        if freed.wait(timeout=0.1):
            return
    pytest.fail("the graph was not freed")


def program(code: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in another process, with the folder of images as its argument."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(root)],
        cwd=Path(__file__).parents[3],
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )


_PROGRAM_THAT_ENDS_WITH_A_BATCH_UNDER_WAY = """
import atexit, sys
from pathlib import Path
from tests.data.dali.test_loader import make_loader

loaders = [make_loader(Path(sys.argv[1]))]
next(iter(loaders[0]))
atexit.register(loaders.clear)
"""


def test_a_program_that_ends_within_an_epoch_prints_no_error(colours):
    # From Python 3.12 on no thread can be started while Python is ending.
    run = program(_PROGRAM_THAT_ENDS_WITH_A_BATCH_UNDER_WAY, colours)
    assert (run.returncode, run.stderr) == (0, "")
