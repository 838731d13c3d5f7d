import gc
import os
import shutil
import subprocess
import sys
import threading
import weakref
from concurrent.futures import wait
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

pytest.importorskip("nvidia.dali")

from leoclr_plugin.data.dali.graph import Graph
from leoclr_plugin.data.loaders import linear_train_loader, pretrain_loader, val_loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg, pipeline
from tests.data.dali.conftest import DEVICE


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Make 21 images of mixed sizes, each of one colour that tells which image it is."""
    root = tmp_path_factory.mktemp("colours")
    for number in range(21):
        folder = root / "train" / f"class{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        size = (20 + 13 * number, 90 - 3 * number)
        Image.new("RGB", size, (10 * number, 255 - 10 * number, 5)).save(
            folder / f"{number:02}.png"
        )
    return root


def config(root, **changes):
    return method_cfg(
        **{
            "data__dataset": "custom",
            "data__train_path": str(root / "train"),
            "data__val_path": str(root / "train"),
            "data__format": "dali",
            "dali__device": DEVICE.get(),
            "optimizer__batch_size": 4,
            "augmentations": [
                {**pipeline(32, 2), "mean": [0, 0, 0], "std": [1, 1, 1]},
                {**pipeline([32, 32], crop=False), "mean": [0, 0, 0], "std": [1, 1, 1]},
            ],
            **changes,
        }
    )


def make_loader(root, **changes):
    return pretrain_loader(prepare(config(root, **changes)))


def epoch(loader, number: int = 0) -> list:
    sampler_of(loader).set_epoch(number)
    return list(loader)


def numbers(view: torch.Tensor) -> list[int]:
    """Return the number of each image of a view, which its colour tells."""
    return (view.mean(dim=(2, 3))[:, 0] * 25.5).round().int().tolist()


def same(first: list, second: list) -> bool:
    """Compare two lists of batches."""
    tensors = [[batch[0], *batch[1], batch[2]] for batch in (*first, *second)]
    half = len(first)
    return len(first) == len(second) and all(
        torch.equal(a, b)
        for one, two in zip(tensors[:half], tensors[half:], strict=True)
        for a, b in zip(one, two, strict=True)
    )


def test_views_index_and_target_belong_to_one_image(colours):
    loader = make_loader(colours)
    seen = []
    for indexes, views, targets in epoch(loader):
        names = [loader.samples[i][0] for i in indexes]
        expected = [int(name[-6:-4]) for name in names]
        assert [tuple(view.shape) for view in views] == [(4, 3, 32, 32)] * 3
        assert all(numbers(view) == expected for view in views)
        assert targets.tolist() == [number % 3 for number in expected]
        seen += indexes.tolist()
    assert len(seen) == len(set(seen)) == 20


def test_views_are_channels_last_float32(colours):
    _, views, _ = epoch(make_loader(colours))[0]
    assert all(view.is_contiguous(memory_format=torch.channels_last) for view in views)
    assert {view.dtype for view in views} == {torch.float32}


@pytest.mark.parametrize(("precision", "half"), [("16-mixed", True), ("bf16", True), (64, False)])
def test_views_have_half_precision_if_the_training_has(colours, precision, half):
    cfg = prepare(config(colours))
    cfg.precision = precision
    _, views, _ = epoch(pretrain_loader(cfg))[0]
    assert {view.dtype for view in views} == {torch.float16 if half else torch.float32}


def test_every_epoch_runs_all_of_its_steps(colours):
    # solo-learn's DALI loader gave no batch in every second epoch (its issue 265).
    loader = make_loader(colours)
    assert [len(epoch(loader, number)) for number in range(5)] == [5] * 5
    assert len(loader) == 5


def test_an_epoch_left_early_changes_no_other(colours):
    loader, uninterrupted = make_loader(colours), make_loader(colours)
    for _ in range(2):
        next(iter(loader))
    assert same(epoch(loader, 1), epoch(uninterrupted, 1))


def test_the_next_epoch_is_under_way_when_one_ends(colours, monkeypatch):
    loader, fresh = make_loader(colours), make_loader(colours)
    requested = []
    paths = loader._images_or_paths
    monkeypatch.setattr(
        loader, "_images_or_paths", lambda indexes: requested.extend(indexes) or paths(indexes)
    )

    def number_requested() -> int:
        # The number only rests when the batch under way is complete.
        wait([loader._pipeline._next])
        return len(requested)

    first = epoch(loader, 0)
    after_one_epoch = number_requested()
    assert after_one_epoch > 20
    assert same(epoch(loader, 1), epoch(fresh, 1))
    # No batch was thrown away and requested again.
    assert requested[20:40] == torch.cat([batch[0] for batch in epoch(fresh, 1)]).tolist()
    assert number_requested() == 20 + after_one_epoch
    # What was read ahead does not change an epoch that is not the next one.
    assert same(epoch(loader, 0), first)


def test_seed_and_epoch_determine_the_batches_so_a_resumed_run_has_the_same(colours):
    run, resumed = make_loader(colours), make_loader(colours)
    epochs = [epoch(run, number) for number in range(3)]
    assert same(epoch(resumed, 2), epochs[2])
    assert not same(epochs[0], epochs[1])
    assert not same(epochs[0], epoch(make_loader(colours, seed=6), 0))


def test_a_held_batch_is_never_overwritten(colours):
    loader = make_loader(colours)
    sampler_of(loader).set_epoch(0)
    held, copies = [], []
    for batch in loader:
        held.append(batch)
        copies.append([batch[0].clone(), [view.clone() for view in batch[1]], batch[2].clone()])
    epoch(loader, 1)
    assert same(held, copies)


def test_fraction_and_folders_without_labels(colours):
    half = make_loader(colours, data__fraction=0.5)
    assert len(half.samples) == 10
    (indexes, views, _), *_ = epoch(half)
    assert numbers(views[2]) == [int(half.samples[i][0][-6:-4]) for i in indexes]
    without_labels = make_loader(colours, data__no_labels=True)
    assert all((targets == -1).all() for _, _, targets in epoch(without_labels))


def test_validation_has_all_images_in_order_every_time(colours):
    loader = val_loader(prepare(config(colours)), (32, 32))
    for _ in range(2):
        batches = list(loader)
        assert [len(images) for images, _ in batches] == [4] * 5 + [1]
        targets = torch.cat([targets for _, targets in batches]).tolist()
        assert targets == [0] * 7 + [1] * 7 + [2] * 7


def test_linear_training_is_shuffled_and_drops_the_last(colours):
    batches = list(linear_train_loader(prepare(config(colours)), (32, 32)))
    assert [tuple(images.shape) for images, _ in batches] == [(4, 3, 32, 32)] * 5
    assert torch.cat([targets for _, targets in batches]).tolist() != sorted([0, 1, 2] * 7)[:20]


def test_linear_training_on_a_fraction_of_the_images(colours):
    loader = linear_train_loader(prepare(config(colours, data__fraction=0.5)), (32, 32))
    assert len(loader.samples) == 10
    assert sum(len(targets) for _, targets in loader) == 8


def test_a_corrupt_file_is_named(colours, tmp_path):
    folder = tmp_path / "train" / "class0"
    folder.mkdir(parents=True)
    for number in range(6):
        Image.fromarray(np.full((9, 9, 3), number, np.uint8)).save(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(UserError, match=r"class0/3\.png"):
        epoch(make_loader(tmp_path, optimizer__batch_size=2))


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
        lambda paths, _: ((path, "bad") for path in paths),
    )
    with pytest.raises(RuntimeError, match="Can't allocate"):
        epoch(make_loader(colours))


def test_a_data_set_that_fits_is_read_once(colours, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(colours, root)
    cached = make_loader(root, dali__cache_mb=1)
    validation = val_loader(prepare(config(root, dali__cache_mb=1)), (32, 32))
    shutil.rmtree(root)
    reading = make_loader(colours)
    for number in range(2):
        assert same(epoch(cached, number), epoch(reading, number))
    expected = val_loader(prepare(config(colours)), (32, 32))
    for batch, expected_batch in zip(validation, expected, strict=True):
        for tensor, expected_tensor in zip(batch, expected_batch, strict=True):
            assert torch.equal(tensor, expected_tensor)


def test_a_corrupt_file_is_named_before_the_training(colours, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(colours, root)
    (root / "train" / "class1" / "04.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"class1/04\.png"):
        make_loader(root, dali__cache_mb=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            # Image i has (20 + 13 i) x (90 - 3 i) pixels; together they take 0.477 MB.
            {"dali__cache_mb": 0.47},
            r"cache_mb=0\.47 is too small for the 21 images, which take about 0\.5 MB when decoded",
        ),
        ({"data__dataset": "cifar10"}, "cifar10 is an archive: use data.format=image_folder"),
        ({"dali__prefetch": 0}, "dali.prefetch=0 must be a whole number of at least 1"),
        ({"dali__cache_mb": "lots"}, "dali.cache_mb=lots must be a number"),
        ({"dali__hw_decoder_load": 7}, "dali.hw_decoder_load=7 must be a number from 0 to 1"),
        ({"dali__device": "tpu"}, "dali.device=tpu must be one of cpu, gpu"),
        (
            {"augmentations": [pipeline(32, 2, equalization=0.1), pipeline([32, 32], crop=False)]},
            r"augmentations\[0\].equalization: DALI cannot equalise",
        ),
        (
            {"method": "simclr", "augmentations": [pipeline(32, 2, crop=False)]},
            r"augmentations\[0\].crop_size=32: an int keeps the aspect ratio",
        ),
        ({"optimizer__batch_size": 64}, "batch_size=64 is larger than the data set of 21"),
    ],
)
def test_settings_that_dali_cannot_follow_are_refused(colours, changes, message):
    with pytest.raises(UserError, match=message):
        make_loader(colours, **changes)


def test_a_missing_gpu_is_refused(colours, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=r"no GPU; use dali\.device=cpu"):
        prepare(config(colours, dali__device="gpu"))


def test_methods_with_two_views_get_two_views(colours):
    augmentations = OmegaConf.create([pipeline(32, 2, color_jitter=1.0)])
    (_, views, _), *_ = epoch(make_loader(colours, method="simclr", augmentations=augmentations))
    assert len(views) == 2
    assert not torch.equal(views[0], views[1])


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


_LOADER_FREED_BY_ITS_OWN_THREAD = """
import gc, sys, threading, weakref
from pathlib import Path
from leoclr_plugin.data.dali.threads import Threads
from tests.data.dali.test_loader import make_loader

dropped, waiting, images = threading.Event(), threading.Event(), []
original = Threads.map

def held(threads, function, *batch):
    def work(*image):
        images.append(image)
        if len(images) > 2 * 4 * 3:  # These are all views of the first two batches.
            waiting.set()
            dropped.wait()
            gc.collect()
        return function(*image)

    return original(threads, work, *batch)

Threads.map = held
loader = make_loader(Path(sys.argv[1]))
batches = iter(loader)
next(batches)
loader._pipeline._next.result()
waiting.wait()
freed = threading.Event()
weakref.finalize(loader._pipeline._pipeline, freed.set)
# The loader refers to itself, so only the garbage collector can free it. The first to call the
# collector is a thread that DALI waits for.
gc.disable()
loader.itself = loader
del loader, batches
dropped.set()
freed.wait()
"""


def test_a_loader_is_freed_even_if_its_own_thread_runs_the_garbage_collector(colours):
    # On a CPU DALI waits for threads of ours, so this once was a deadlock. It runs in another
    # process, which can be ended if the deadlock returns.
    run = program(_LOADER_FREED_BY_ITS_OWN_THREAD, colours)
    assert run.returncode == 0, run.stderr


def test_memory_stays_flat_over_epochs_of_mixed_sizes(tmp_path):
    # Users of solo-learn saw the memory of its decoder grow with each epoch (its issues 104, 177).
    folder = tmp_path / "train" / "class0"
    folder.mkdir(parents=True)
    sides = range(200, 1400, 100)
    for side in sides:
        Image.new("RGB", (side, side), (side % 255, 0, 0)).save(folder / f"{side}.jpg")
    decoded = 3 * sum(side * side for side in sides)

    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    loader = make_loader(tmp_path)
    sizes = []
    for number in range(204):
        epoch(loader, number)
        sizes.append(resident())
    # The memory moves up and down by about `decoded` bytes, depending on which images are in the
    # buffers, so means are compared. If each epoch kept a hundredth of its images, the means would
    # differ by more than the bound.
    before, after = np.mean(sizes[4:104]), np.mean(sizes[104:])
    assert after - before < decoded


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
