"""Test lists of images in the forms that people and other systems write."""

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.config.check import check_part
from leoclr_plugin.data.datasets import build_dataset
from leoclr_plugin.data.lists import write_list
from leoclr_plugin.errors import UserError
from tests.conftest import make_image
from tests.hostile import NAMES


@pytest.fixture
def train(tmp_path):
    for name in ("a/0.png", "a/1.png", "b/0.png", "b/1.png", "b/odd .png"):
        path = tmp_path / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make_image(0, 0, (8, 8)).save(path)
    return tmp_path / "train"


def taken(train, content: bytes, **changes) -> list[str]:
    list_file = train.parent / "list.txt"
    list_file.write_bytes(content)
    cfg = {"dataset": "custom", "train_path": str(train), "train_list": str(list_file), **changes}
    samples = build_dataset(OmegaConf.create(cfg), "train").samples
    return ["/".join(path.split("/")[-2:]) for path, _ in samples]


@pytest.mark.parametrize("no_labels", [False, True])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"b/0.png\na/1.png\n", ["a/1.png", "b/0.png"]),
        (b"a/0.png\r\nb/1.png\r\n", ["a/0.png", "b/1.png"]),
        (b"\n\na/0.png\n  \n\r\n", ["a/0.png"]),
        (b"\xef\xbb\xbfa/0.png\nb/0.png", ["a/0.png", "b/0.png"]),
        (b"./a/0.png\n././b//0.png\nb/../a/1.png", ["a/0.png", "a/1.png", "b/0.png"]),
        (b"a/0.png  \n\tb/0.png", ["a/0.png", "b/0.png"]),
        (b"b/odd .png\n", ["b/odd .png"]),
        # As in ImageNet's published lists, a file's name is enough if only one image has it.
        (b"odd .png\n  a/1.png", ["a/1.png", "b/odd .png"]),
    ],
)
def test_every_spelling_of_a_name_is_found(content, expected, no_labels, train):
    assert taken(train, content, no_labels=no_labels) == expected


def test_absolute_paths_and_other_spellings_of_the_folder_are_found(train, monkeypatch):
    assert taken(train, f"{train}/a/0.png\n".encode()) == ["a/0.png"]
    monkeypatch.chdir(train)
    for no_labels in (False, True):
        for spelling in (".", "../train", str(train)):
            changes = {"train_path": spelling, "no_labels": no_labels}
            assert taken(train, f"{train}/a/0.png\nb/1.png\n".encode(), **changes) == [
                "a/0.png",
                "b/1.png",
            ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a/0.png\na/gone.png\nc/0.png\n", r"2 names of 3 that are not images .*a/gone\.png"),
        (b"../other/0.png\na/0.png\n", r"1 names of 2 that are .*, the first is \.\./other/0\.png"),
        (b"/etc/0.png\n", r"1 names of 1 that are not .*, the first is /etc/0\.png; correct"),
        (b"A/0.png\n", "the first is A/0.png"),
        # Two images have this name.
        (b"0.png\n", r"the first is 0\.png"),
        (b"\r\n\n", "names no image"),
    ],
)
def test_missing_images_are_counted_and_the_first_is_named(content, message, train):
    with pytest.raises(UserError, match=message):
        taken(train, content)


def test_an_image_that_is_listed_twice_is_taken_once_and_reported(train, capsys):
    assert taken(train, b"a/0.png\nb/0.png\n./a/0.png\na/0.png\r\n") == ["a/0.png", "b/0.png"]
    line = capsys.readouterr().err
    assert line.endswith(
        "has 2 names of images that it lists already, the first is ./a/0.png; each image is taken "
        "once\n"
    )
    assert taken(train, b"a/0.png\nb/0.png\n") == ["a/0.png", "b/0.png"]
    assert capsys.readouterr().err == ""


def test_a_list_for_an_archive_is_refused():
    cfg = OmegaConf.create({"dataset": "cifar10", "train_path": ".", "val_list": "list.txt"})
    with pytest.raises(UserError, match=r"data\.val_list=list\.txt .* cifar10 is an archive"):
        check_part("data", cfg)


def test_any_name_survives_a_list_but_those_with_line_breaks(train):
    broken = {name for name in NAMES if "\n" in name or "\r" in name}
    names = [f"b/{name}.png" for name in NAMES if "/" not in name and name not in broken]
    for name in names:
        make_image(0, 0, (8, 8)).save(train / name)
    write_list(train.parent / "list.txt", names)
    assert set(taken(train, (train.parent / "list.txt").read_bytes())) == set(names)
    for name in broken:
        with pytest.raises(UserError, match=r"cannot name the image .* which has a line break"):
            write_list(train.parent / "other.txt", [*names, name])
    assert not (train.parent / "other.txt").exists()
