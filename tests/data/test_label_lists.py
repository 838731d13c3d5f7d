"""Test the lists of labelled images, which must not depend on what is trained."""

from collections import Counter
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.data.datasets import build_dataset
from leoclr_plugin.data.label_lists import take_labels
from leoclr_plugin.errors import UserError


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Empty image files: 40 of one class, 20 of another one and 3 of the last."""
    root = tmp_path_factory.mktemp("train")
    for label, count in (("a", 40), ("b", 20), ("c", 3)):
        (root / label).mkdir()
        for i in range(count):
            (root / label / f"{label}_{i:02}.JPEG").touch()
    return root


def node(train, **changes):
    return OmegaConf.create({"dataset": "custom", "train_path": str(train), **changes})


def listed(train, labels, folder, **changes) -> list[str]:
    """Return the names of the list, which the training has to take."""
    data = node(train, **changes)
    description = take_labels(data, labels, folder)
    assert data.train_list == str(folder / f"labels-{description}.txt")
    names = Path(data.train_list).read_text().splitlines()
    samples = build_dataset(data, "train").samples
    assert sorted(str(Path(path).relative_to(train)) for path, _ in samples) == names
    return names


def per_class(names) -> dict[str, int]:
    return Counter(name[0] for name in names)


@pytest.mark.parametrize(
    ("labels", "expected", "description"),
    [
        ("10%", {"a": 4, "b": 2, "c": 1}, "10-percent"),
        # Each class has at least one image.
        ("1%", {"a": 1, "b": 1, "c": 1}, "1-percent"),
        ("12.5%", {"a": 5, "b": 2, "c": 1}, "12.5-percent"),
        ("100%", {"a": 40, "b": 20, "c": 3}, "100-percent"),
        ("3-per-class", {"a": 3, "b": 3, "c": 3}, "3-per-class"),
    ],
)
def test_each_class_has_its_share(labels, expected, description, train, tmp_path):
    assert per_class(listed(train, labels, tmp_path)) == expected
    assert [path.name for path in tmp_path.iterdir()] == [f"labels-{description}.txt"]


def test_a_smaller_share_is_part_of_a_larger_one_and_not_the_first_images(train, tmp_path):
    ten, fifty = (set(listed(train, labels, tmp_path)) for labels in ("10%", "50%"))
    assert ten < fifty
    assert {name for name in fifty if name[0] == "a"} != {f"a/a_{i:02}.JPEG" for i in range(20)}


def test_imagenets_published_lists_and_own_lists_are_files(train, tmp_path):
    published = tmp_path / "1percent.txt"
    published.write_text("b_03.JPEG\na_17.JPEG\n")
    names = listed(train, str(published), tmp_path)
    assert names == ["a/a_17.JPEG", "b/b_03.JPEG"]
    again = tmp_path / "again"
    again.mkdir()
    assert listed(train, str(tmp_path / "labels-1percent.txt"), again) == names


def test_images_that_the_training_leaves_out_are_not_drawn(train, tmp_path):
    clean = tmp_path / "clean.txt"
    clean.write_text("a/a_01.JPEG\na/a_02.JPEG\nb/b_00.JPEG\nc/c_01.JPEG\n")
    names = listed(train, "1-per-class", tmp_path, train_list=str(clean))
    assert per_class(names) == {"a": 1, "b": 1, "c": 1}
    assert set(names) < set(clean.read_text().splitlines())


def test_a_fraction_applies_once(train, tmp_path):
    names = listed(train, "50%", tmp_path, fraction=0.5)
    assert len(names) in (15, 16, 17)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("0%", "--labels 0% must be above 0% and at most 100%"),
        ("101%", "--labels 101% must be above 0%"),
        ("4-per-class", r"must be from 1 to 3, .* smallest class, which has c/c_00.JPEG"),
        ("0-per-class", "--labels 0-per-class must be from 1 to 3"),
        ("1 %", "--labels 1 % is not a file, a share such as 1% or a number such as"),
        ("nowhere.txt", "--labels nowhere.txt is not a file"),
    ],
)
def test_labels_that_cannot_be_taken_are_refused(labels, message, train, tmp_path):
    with pytest.raises(UserError, match=message):
        take_labels(node(train), labels, tmp_path)
    assert not list(tmp_path.iterdir())


def test_images_of_several_labels_are_drawn_without_classes(train, tmp_path):
    names = sorted(str(path.relative_to(train)) for path in train.glob("*/*"))
    rows = [f"{train / name},{i % 2},1" for i, name in enumerate(names)]
    csv = tmp_path / "labels.csv"
    csv.write_text("\n".join(["image,dog,cat", *rows]) + "\n")
    data = node(train, labels=str(csv))
    with pytest.raises(UserError, match="needs one class for each image; use a share"):
        take_labels(data, "2-per-class", tmp_path)
    assert take_labels(data, "10%", tmp_path) == "10-percent"
    assert len(build_dataset(data, "train")) == 6


def test_an_archive_cannot_be_listed(tmp_path, monkeypatch):
    monkeypatch.setattr("leoclr_plugin.data.datasets.build_dataset", lambda data, split: [])
    data = OmegaConf.create({"dataset": "cifar10", "train_path": "x"})
    with pytest.raises(UserError, match="cifar10 is an archive, whose images cannot be listed"):
        take_labels(data, "1%", tmp_path)
