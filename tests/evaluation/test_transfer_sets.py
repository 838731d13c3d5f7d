"""Test the splits of the data sets that features are transferred to."""

import inspect

import numpy as np
import pytest
from PIL import Image

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation import transfer_sets
from leoclr_plugin.evaluation.transfer_sets import (
    MAP,
    MEAN_PER_CLASS,
    TOP1,
    TRANSFER_SETS,
    open_transfer_set,
    split_by_class,
)
from tests.conftest import make_image

AIRCRAFT = {"train": [0, 1, 2], "val": [1, 0], "test": [2, 2, 0, 1]}


def opened(name, root, download=False):
    return open_transfer_set(str(name), root, download, 0)


def targets_of(split) -> list[int]:
    """Read all images of a split, after which their classes are known."""
    for index in range(len(split)):
        assert split.source.image(index).shape[2] == 3
    return split.source.targets.tolist()


def make_aircraft(root):
    folder = root / "fgvc-aircraft-2013b/data"
    (folder / "images").mkdir(parents=True)
    (folder / "variants.txt").write_text("A\nB\nC\n")
    for split, labels in AIRCRAFT.items():
        lines = []
        for i, label in enumerate(labels):
            make_image(i, label).save(folder / f"images/{split}{i}.jpg")
            lines.append(f"{split}{i} {'ABC'[label]}\n")
        (folder / f"images_variant_{split}.txt").write_text("".join(lines))
    return folder


def make_caltech(root):
    for name in ("BACKGROUND_Google", "crab", "owl"):
        folder = root / "caltech101/101_ObjectCategories" / name
        folder.mkdir(parents=True)
        for i in range(1, 33):
            # Caltech-101 has grey images too.
            Image.new("L" if i % 2 else "RGB", (8, 6), i).save(folder / f"image_{i:04}.jpg")


def test_official_validation_part_is_used_and_then_trained_on(tmp_path):
    make_aircraft(tmp_path)
    data = opened("aircraft", tmp_path)
    assert data.metric == MEAN_PER_CLASS
    assert targets_of(data.train) == AIRCRAFT["train"] + AIRCRAFT["val"]
    assert data.validation.tolist() == [3, 4]
    assert targets_of(data.test) == AIRCRAFT["test"]


def test_caltech_is_split_into_thirty_images_of_a_class_and_the_others(tmp_path):
    make_caltech(tmp_path)
    data = opened("caltech101", tmp_path)
    assert data.metric == MEAN_PER_CLASS
    assert targets_of(data.train) == [0] * 30 + [1] * 30
    assert targets_of(data.test) == [0] * 2 + [1] * 2
    assert data.validation is None
    train, test = (set(part.dataset.indices) for part in (data.train, data.test))
    assert not train & test
    again = opened("caltech101", tmp_path)
    assert again.train.dataset.indices == data.train.dataset.indices
    # The first 30 images of a class may be photographs of one day.
    assert data.train.dataset.indices[:30] != list(range(30))


def test_eurosat_is_split_into_eighty_and_twenty_percent_of_a_class(tmp_path):
    for name, count in (("Forest", 10), ("River", 5)):
        (tmp_path / "eurosat/2750" / name).mkdir(parents=True)
        for i in range(count):
            make_image(i, 0).save(tmp_path / "eurosat/2750" / name / f"{i}.jpg")
    data = opened("eurosat", tmp_path)
    assert data.metric == TOP1
    assert targets_of(data.train) == [0] * 8 + [1] * 4
    assert targets_of(data.test) == [0] * 2 + [1]


def test_split_has_each_index_once():
    targets = np.array([1, 0, 1, 1, 0, 1])
    first, second = split_by_class(targets, lambda n: n // 2)
    assert sorted([*first, *second]) == list(range(6))
    assert targets[first].tolist().count(1) == 2
    assert targets[first].tolist().count(0) == 1


@pytest.mark.parametrize("name", TRANSFER_SETS)
def test_missing_data_set_is_one_line_and_leaves_nothing(name, tmp_path):
    root = tmp_path / "data"
    for _ in range(2):
        with pytest.raises(UserError) as error:
            opened(name, root)
        assert str(error.value) == (
            f"{name} is missing in {root}, or incomplete; --download fetches it, and --data names "
            "another folder"
        )
        if root.exists():
            assert not list(root.iterdir())
        root.mkdir(exist_ok=True)


@pytest.mark.parametrize("name", TRANSFER_SETS)
def test_torchvision_knows_the_arguments(name, tmp_path):
    known = transfer_sets._SETS[name]
    drawn = isinstance(known, transfer_sets._Drawn)
    every = [{}] if drawn else [known.train, known.test, known.validation or known.train]
    for arguments in every:
        inspect.signature(known.make).bind(tmp_path, download=True, **arguments)


def test_metrics_are_those_of_the_data_sets():
    by_class = {name for name, known in transfer_sets._SETS.items() if known.metric != TOP1}
    assert by_class == {"caltech101", "flowers102", "pets", "aircraft"}


def test_download_that_fails_is_one_line(tmp_path, monkeypatch):
    def fail(root, download):
        assert download
        raise OSError("no route\nto host")

    monkeypatch.setitem(
        transfer_sets._SETS, "eurosat", transfer_sets._Drawn(fail, TOP1, "targets", len)
    )
    with pytest.raises(UserError, match=r"^eurosat cannot be fetched to .*: no route to host; "):
        opened("eurosat", tmp_path, download=True)


def test_unreadable_image_is_named(tmp_path):
    folder = make_aircraft(tmp_path)
    (folder / "images/val1.jpg").write_text("no image")
    source = opened("aircraft", tmp_path).train.source
    with pytest.raises(UserError, match="image 4 of aircraft cannot be read: "):
        source.image(4)


def test_folder_with_class_folders(image_folder, tmp_path):
    data = opened(image_folder, tmp_path)
    assert (data.metric, data.classes, data.kind) == (TOP1, None, "custom")
    assert data.train.source.targets.tolist() == [i for i in range(5) for _ in range(8)]
    assert data.test.source.targets.tolist() == [i for i in range(5) for _ in range(4)]


def test_folder_with_labels(tmp_path):
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
        make_image(0, 0).save(tmp_path / part / "a.png")
        (tmp_path / part / "labels.csv").write_text("image,dog,cat\na.png,1,0\n")
    data = opened(tmp_path, tmp_path)
    assert (data.metric, data.classes) == (MAP, ("dog", "cat"))
    assert data.train.source.targets.tolist() == [[1, 0]]
    (tmp_path / "val/labels.csv").unlink()
    with pytest.raises(UserError) as error:
        opened(tmp_path, tmp_path)
    assert str(error.value) == (
        f"{tmp_path}/train/labels.csv is there and {tmp_path}/val/labels.csv is not; give both "
        "folders a labels file, or neither"
    )


def test_unknown_names_and_incomplete_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="food110 is neither a data set nor a folder; did you mean"):
        opened("food110", tmp_path)
    with pytest.raises(UserError, match="train is not there; --datasets needs a folder that holds"):
        opened(tmp_path, tmp_path)
