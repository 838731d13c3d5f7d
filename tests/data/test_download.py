"""A data set of torchvision is downloaded whole or not at all."""

import os

import pytest

from leoclr_plugin.data.download import made_whole

IMAGES = ["0.png", "1.png", "2.png"]


def make(folder, download, killed=False):
    """Open a data set as torchvision does, for which any folder is a whole data set."""
    images = folder / "set" / "images"
    if download:
        images.mkdir(parents=True)
        for name in IMAGES:
            (images / name).touch()
            if killed:
                os._exit(0)
    if not images.is_dir():
        raise RuntimeError("not found")
    return sorted(path.name for path in images.iterdir())


def test_a_download_that_was_killed_is_not_taken_for_a_data_set(tmp_path):
    child = os.fork()
    if child == 0:
        made_whole(lambda folder, fetch: make(folder, fetch, killed=True), tmp_path, True)
    os.waitpid(child, 0)
    with pytest.raises(RuntimeError, match="not found"):
        made_whole(make, tmp_path, False)
    assert made_whole(make, tmp_path, True) == IMAGES
    assert not list(tmp_path.glob(".leoclr-download*/*"))


def test_a_move_that_was_killed_is_finished(tmp_path):
    for place, name in (("", "0.png"), (".leoclr-downloaded", "1.png")):
        folder = tmp_path / place / "set" / "images"
        folder.mkdir(parents=True)
        (folder / name).touch()
    assert made_whole(make, tmp_path, False) == ["0.png", "1.png"]
    assert not (tmp_path / ".leoclr-downloaded").exists()


def test_another_data_set_is_not_downloaded_because_of_a_killed_move(tmp_path):
    (tmp_path / ".leoclr-downloaded" / "another").mkdir(parents=True)
    with pytest.raises(RuntimeError, match="not found"):
        made_whole(make, tmp_path, False)
    assert (tmp_path / "another").is_dir()


def test_an_archive_that_lies_there_is_shown_to_the_download(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "images.tgz").write_text("packed")

    def unpack(folder, download):
        if download:
            assert (folder / "set" / "images.tgz").read_text() == "packed"
        return make(folder, download)

    assert made_whole(unpack, tmp_path, True) == IMAGES
    assert (tmp_path / "set" / "images.tgz").read_text() == "packed"


def test_a_failed_download_leaves_nothing_but_its_lock(tmp_path):
    def fail(folder, download):
        (folder / "half").touch()
        raise ConnectionError("no network")

    with pytest.raises(ConnectionError):
        made_whole(lambda folder, fetch: fail(folder, fetch) if fetch else 1 / 0, tmp_path, True)
    assert [path.name for path in tmp_path.iterdir()] == [".leoclr-download.lock"]
