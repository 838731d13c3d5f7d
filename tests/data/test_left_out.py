"""What a folder of images holds besides images is told, and not trained on."""

import os

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.data import left_out
from leoclr_plugin.data.datasets import build_dataset, take_number_of_classes
from leoclr_plugin.data.images import list_images
from tests.conftest import make_image


@pytest.fixture
def littered(tmp_path):
    """Make two classes of two images, and around them what tools and accidents leave."""
    root = tmp_path / "photos"
    for name in ("cat/a.png", "cat/b.png", "dog/a.png", "dog/b.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        make_image(0, 0).save(root / name)
    for name in (".ipynb_checkpoints/a.png", "@eaDir/a.png", "cat/__MACOSX/a.png"):
        (root / name).parent.mkdir()
        make_image(1, 0).save(root / name)
    for name in ("cat/._a.png", "dog/.DS_Store", "dog/c.heic", "dog/d.HEIC", "dog/labels.csv"):
        (root / name).write_bytes(b"nothing")
    (root / "cat" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "cat" / "itself.png").symlink_to(root / "cat" / "itself.png")
    os.mkfifo(root / "dog" / "pipe.png")
    left_out._tell.cache_clear()
    return root


LEFT_OUT = (
    "files that end in .heic: 2 (the first is ",
    "hidden or left by a tool: 5 (the first is ",
    "links that lead nowhere: 1 (the first is ",
    "links to themselves: 1 (the first is ",
    "no regular files: 1 (the first is ",
)


def test_the_rest_is_counted_in_one_line_and_not_listed(littered, capsys):
    assert [f"{path.parent.name}/{path.name}" for path in list_images(littered)] == [
        "cat/a.png",
        "cat/b.png",
        "dog/a.png",
        "dog/b.png",
    ]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Left out of {littered}: ")
    assert all(part in line for part in LEFT_OUT)
    assert "csv" not in line
    list_images(littered)
    assert capsys.readouterr().err == ""


def test_class_folders_are_those_of_the_images(littered):
    data = OmegaConf.create({"dataset": "custom", "train_path": str(littered)})
    dataset = build_dataset(data, "train")
    assert dataset.classes == ("cat", "dog")
    assert dataset.targets.tolist() == [0, 0, 1, 1]
    take_number_of_classes(data)
    assert data.num_classes == 2


def test_a_clean_folder_is_listed_without_a_word(tmp_path, capsys):
    make_image(0, 0).save(tmp_path / "a.png")
    assert list_images(tmp_path) == [tmp_path / "a.png"]
    assert capsys.readouterr().err == ""
