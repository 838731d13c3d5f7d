"""Every loader gives the same batches; the tests here hold all of them."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from leoclr_plugin.data.loaders import linear_train_loader, pretrain_loader, val_loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg, pipeline

FORMATS = {
    "threads": {},
    "augment-on-gpu": {"data__augment_on": "gpu", "accelerator": "gpu"},
    "dali": {"data__format": "dali", "dali__device": "cpu"},
    "dali-gpu": {"data__format": "dali", "dali__device": "gpu"},
}


@pytest.fixture(params=[name for name in FORMATS if "gpu" not in name or torch.cuda.is_available()])
def loading(request):
    """The settings of one way to load; a test that takes them runs once for each."""
    if request.param.startswith("dali"):
        pytest.importorskip("nvidia.dali")
    return FORMATS[request.param]


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Make 21 images of mixed sizes, each of one colour that tells which image it is."""
    return make_colours(tmp_path_factory.mktemp("colours"))


def make_colours(root: Path) -> Path:
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
            "data__num_workers": 2,
            "optimizer__batch_size": 4,
            "augmentations": [
                {**pipeline(32, 2), "mean": [0, 0, 0], "std": [1, 1, 1]},
                {**pipeline([32, 32], crop=False), "mean": [0, 0, 0], "std": [1, 1, 1]},
            ],
            **changes,
        }
    )


@pytest.fixture
def make_loader(loading):
    """Return a function that makes a pretraining loader of a folder."""
    return lambda root, **changes: pretrain_loader(prepare(config(root, **loading, **changes)))


def epoch(loader, number: int = 0) -> list:
    sampler_of(loader).set_epoch(number)
    return list(loader)


def numbers(view: torch.Tensor) -> list[int]:
    """Return the number of each image of a view, which its colour tells."""
    return (view.mean(dim=(2, 3))[:, 0] * 25.5).round().int().tolist()


def record_requests(loader) -> list[int]:
    """Return a list that gets the index of each sample when the loader asks for it."""
    requested, original = [], sampler_of(loader).batches_from

    def recorded(epoch, first):
        for batch in original(epoch, first):
            requested.extend(batch[2].tolist())
            yield batch

    sampler_of(loader).batches_from = recorded
    return requested


def names_of(loader, indexes: torch.Tensor) -> list[int]:
    """Return the number of each image, which its file's name tells."""
    samples = loader.dataset.samples
    return [int(samples[i][0][-6:-4]) for i in indexes]


def same(first: list, second: list) -> bool:
    """Compare two lists of batches."""
    tensors = [[batch[0], *batch[1], batch[2]] for batch in (*first, *second)]
    half = len(first)
    return len(first) == len(second) and all(
        torch.equal(a, b)
        for one, two in zip(tensors[:half], tensors[half:], strict=True)
        for a, b in zip(one, two, strict=True)
    )


def alike(first: list, second: list) -> bool:
    """Compare two lists of batches; the levels of their views may differ by two of 255."""
    return all(
        torch.equal(a[0], b[0])
        and torch.equal(a[2], b[2])
        and all((x - y).abs().max() <= 2 / 255 for x, y in zip(a[1], b[1], strict=True))
        for a, b in zip(first, second, strict=True)
    )


def test_views_index_and_target_belong_to_one_image(make_loader, colours):
    loader = make_loader(colours)
    seen = []
    for indexes, views, targets in epoch(loader):
        expected = names_of(loader, indexes)
        assert [tuple(view.shape) for view in views] == [(4, 3, 32, 32)] * 3
        assert all(numbers(view) == expected for view in views)
        assert targets.tolist() == [number % 3 for number in expected]
        seen += indexes.tolist()
    assert len(seen) == len(set(seen)) == 20


def test_views_are_channels_last_float32(make_loader, colours):
    _, views, _ = epoch(make_loader(colours))[0]
    assert all(view.is_contiguous(memory_format=torch.channels_last) for view in views)
    assert {view.dtype for view in views} == {torch.float32}


def test_every_epoch_runs_all_of_its_steps(make_loader, colours):
    # solo-learn's DALI loader gave no batch in every second epoch (its issue 265).
    loader = make_loader(colours)
    assert [len(epoch(loader, number)) for number in range(5)] == [5] * 5
    assert len(loader) == 5


def test_an_epoch_left_early_changes_no_other(make_loader, colours):
    loader, uninterrupted = make_loader(colours), make_loader(colours)
    for _ in range(2):
        next(iter(loader))
    assert same(epoch(loader, 1), epoch(uninterrupted, 1))


def test_what_is_read_ahead_is_used_by_the_next_epoch_and_changes_no_other(make_loader, colours):
    loader, fresh = make_loader(colours), make_loader(colours)
    requested = record_requests(loader)
    first = epoch(loader, 0)
    second = epoch(loader, 1)
    assert same(second, epoch(fresh, 1))
    # No batch was thrown away and requested again.
    assert requested[:40] == torch.cat([batch[0] for batch in first + second]).tolist()
    assert same(epoch(loader, 0), first)


def test_skipped_batches_are_left_out_once(make_loader, colours):
    loader, whole = make_loader(colours), epoch(make_loader(colours), 1)
    sampler_of(loader).skipped = 3
    assert same(epoch(loader, 1), whole[3:])
    assert same(epoch(loader, 1), whole)


def test_the_epoch_can_be_set_after_the_iterator_was_created(make_loader, colours):
    loader = make_loader(colours)
    batches = iter(loader)
    sampler_of(loader).set_epoch(2)
    assert same([next(batches)], epoch(make_loader(colours), 2)[:1])


def test_the_trainings_own_generator_is_left_as_it_was(make_loader, colours):
    before = torch.get_rng_state()
    epoch(make_loader(colours))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("threads", [0, 1, 5])
def test_the_number_of_threads_changes_nothing(make_loader, colours, threads):
    one = epoch(make_loader(colours, data__num_workers=threads), 1)
    assert same(one, epoch(make_loader(colours), 1))


def test_seed_and_epoch_determine_the_batches_so_a_resumed_run_has_the_same(make_loader, colours):
    run, resumed = make_loader(colours), make_loader(colours)
    epochs = [epoch(run, number) for number in range(3)]
    assert same(epoch(resumed, 2), epochs[2])
    assert not same(epochs[0], epochs[1])
    assert not same(epochs[0], epoch(make_loader(colours, seed=6), 0))


def test_a_held_batch_is_never_overwritten(make_loader, colours):
    loader = make_loader(colours)
    sampler_of(loader).set_epoch(0)
    held, copies = [], []
    for batch in loader:
        held.append(batch)
        copies.append([batch[0].clone(), [view.clone() for view in batch[1]], batch[2].clone()])
    epoch(loader, 1)
    assert same(held, copies)


def test_fraction_and_folders_without_labels(make_loader, colours):
    half = make_loader(colours, data__fraction=0.5)
    assert len(half.dataset) == 10
    (indexes, views, _), *_ = epoch(half)
    assert numbers(views[2]) == names_of(half, indexes)
    without_labels = make_loader(colours, data__no_labels=True)
    assert all((targets == -1).all() for _, _, targets in epoch(without_labels))


def test_validation_has_all_images_in_order_every_time(loading, colours):
    loader = val_loader(prepare(config(colours, **loading)), (32, 32))
    for _ in range(2):
        batches = list(loader)
        assert [len(images) for images, _ in batches] == [4] * 5 + [1]
        targets = torch.cat([targets for _, targets in batches]).tolist()
        assert targets == [0] * 7 + [1] * 7 + [2] * 7


def test_linear_training_is_shuffled_and_drops_the_last(loading, colours):
    batches = list(linear_train_loader(prepare(config(colours, **loading)), (32, 32)))
    assert [tuple(images.shape) for images, _ in batches] == [(4, 3, 32, 32)] * 5
    assert torch.cat([targets for _, targets in batches]).tolist() != sorted([0, 1, 2] * 7)[:20]


def test_linear_training_on_a_fraction_of_the_images(loading, colours):
    loader = linear_train_loader(prepare(config(colours, **loading, data__fraction=0.5)), (32, 32))
    assert len(loader.dataset) == 10
    assert sum(len(targets) for _, targets in loader) == 8


def test_a_corrupt_file_is_named(make_loader, colours, tmp_path):
    folder = tmp_path / "train" / "class0"
    folder.mkdir(parents=True)
    for number in range(6):
        Image.fromarray(np.full((9, 9, 3), number, np.uint8)).save(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(UserError, match=r"class0/3\.png"):
        epoch(make_loader(tmp_path, optimizer__batch_size=2))


# Configurations from before data.cache_mb have it in the node dali.
@pytest.mark.parametrize("key", ["data__cache_mb", "dali__cache_mb"])
def test_a_data_set_that_fits_is_read_once(make_loader, loading, colours, tmp_path, key):
    root = tmp_path / "copy"
    shutil.copytree(colours, root)
    cached = make_loader(root, **{key: 1})
    validation = val_loader(prepare(config(root, **loading, **{key: 1})), (32, 32))
    shutil.rmtree(root)
    reading = make_loader(colours)
    for number in range(2):
        assert alike(epoch(cached, number), epoch(reading, number))
    expected = val_loader(prepare(config(colours, **loading)), (32, 32))
    for (images, targets), (expected_images, expected_targets) in zip(
        validation, expected, strict=True
    ):
        assert torch.equal(targets, expected_targets)
        assert (images - expected_images).abs().max() < 0.02


def test_a_corrupt_file_is_named_before_the_training(make_loader, colours, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(colours, root)
    (root / "train" / "class1" / "04.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"class1/04\.png"):
        make_loader(root, data__cache_mb=1)


def test_a_cache_that_is_too_small_is_refused(make_loader, colours):
    # Image i has (20 + 13 i) x (90 - 3 i) pixels; together they take 0.477 MB.
    message = (
        r"cache_mb=0\.47 is too small for the 21 images, which take about 0\.5 MB when decoded"
    )
    with pytest.raises(UserError, match=message):
        make_loader(colours, data__cache_mb=0.47)


def test_a_batch_that_is_larger_than_the_data_set_is_refused(make_loader, colours):
    with pytest.raises(UserError, match="batch_size=64 is larger than the data set of 21"):
        make_loader(colours, optimizer__batch_size=64)


def test_methods_with_two_views_get_two_views(make_loader, colours):
    augmentations = OmegaConf.create([pipeline(32, 2, color_jitter=1.0)])
    (_, views, _), *_ = epoch(make_loader(colours, method="simclr", augmentations=augmentations))
    assert len(views) == 2
    assert not torch.equal(views[0], views[1])


def test_memory_stays_flat_over_epochs_of_mixed_sizes(make_loader, tmp_path):
    # Users of solo-learn saw the memory of its decoder grow with each epoch (its issues 104, 177).
    folder = tmp_path / "train" / "class0"
    folder.mkdir(parents=True)
    sides = range(100, 700, 50)
    for side in sides:
        Image.new("RGB", (side, side), (side % 255, 0, 0)).save(folder / f"{side}.jpg")
    decoded = 3 * sum(side * side for side in sides)

    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    loader = make_loader(tmp_path)
    sizes = []
    for number in range(84):
        epoch(loader, number)
        sizes.append(resident())
    # The memory moves up and down by about `decoded` bytes, depending on which images are in the
    # buffers, so means are compared. If each epoch kept a thirtieth of its images, the means would
    # differ by more than the bound.
    before, after = np.mean(sizes[4:44]), np.mean(sizes[44:])
    assert after - before < decoded
