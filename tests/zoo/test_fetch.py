"""A file is fetched from each kind of source, completely or not at all, once for all processes."""

import multiprocessing
from dataclasses import replace

import pytest

from leoclr_plugin.errors import UserError
from leoclr_plugin.zoo.fetch import cache_folder, fetch


def files(folder) -> list[str]:
    """Return the names of all files under a folder except the lock."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


def test_file_of_the_checkout_is_used_in_place(zoo, entry):
    assert fetch(entry) == zoo / entry.file
    assert not cache_folder().exists()


def test_file_of_a_folder_is_used_in_place(empty_zoo, entry, weights, monkeypatch):
    monkeypatch.setenv("LEOCLR_ZOO_URL", str(weights.parent))
    assert fetch(entry) == weights


def test_cached_file_needs_no_source(https, entry, monkeypatch):
    path = fetch(entry)
    monkeypatch.delenv("LEOCLR_ZOO_URL")
    assert fetch(entry) == path


def test_cached_file_needs_no_place_for_a_lock(https, entry, monkeypatch, tmp_path):
    path = fetch(entry)

    def refuse(name):
        raise OSError(f"{name}: read-only file system")

    monkeypatch.setattr("leoclr_plugin.zoo.fetch.FileLock", refuse)
    assert fetch(entry) == path
    assert fetch(entry, tmp_path / "to").read_bytes() == path.read_bytes()


def test_file_is_copied_to_the_given_folder(zoo, entry, tmp_path):
    path = fetch(entry, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / entry.file
    assert path.read_bytes() == (zoo / entry.file).read_bytes()
    assert files(path.parent) == [entry.file]


def test_damaged_file_of_the_checkout_is_refused(zoo, entry, tmp_path):
    (zoo / entry.file).write_bytes(b"damaged")
    for to in (None, tmp_path / "to"):
        with pytest.raises(UserError, match="is damaged or a different file"):
            fetch(entry, to)
    assert not (tmp_path / "to").exists()


def test_https_downloads_once_and_again_when_the_cache_is_damaged(https, entry):
    path = fetch(entry)
    assert path == cache_folder() / entry.file
    assert path.read_bytes() == https.content
    assert https.requests == [(f"/models/{entry.file}", None)]
    fetch(entry)
    assert len(https.requests) == 1
    path.write_bytes(b"damaged")
    assert fetch(entry).read_bytes() == https.content
    assert files(cache_folder()) == [entry.file]


def test_https_continues_an_interrupted_download(https, entry):
    https.breaks_after = 3_000_000
    with pytest.raises(UserError, match="cannot be fetched"):
        fetch(entry)
    assert not (cache_folder() / entry.file).exists()
    assert fetch(entry).read_bytes() == https.content
    requested_range = https.requests[1][1]
    assert 0 < int(requested_range.removeprefix("bytes=").removesuffix("-")) <= 3_000_000
    assert files(cache_folder()) == [entry.file]


@pytest.mark.parametrize("fault", ["changed", "truncated", "longer"])
def test_different_file_is_refused_and_leaves_nothing(https, entry, fault):
    content = https.content
    https.content = {
        "changed": bytes([content[0] ^ 1]) + content[1:],
        "truncated": content[:-1000],
        "longer": content + content,
    }[fault]
    with pytest.raises(UserError, match="cannot be fetched") as error:
        fetch(entry)
    assert "\n" not in str(error.value)
    assert files(cache_folder()) == []


def test_missing_source_and_silent_source_are_refused(https, entry, monkeypatch):
    https.shutdown()
    https.server_close()
    with pytest.raises(UserError, match="cannot be fetched") as error:
        fetch(entry)
    assert "\n" not in str(error.value)
    for source in ("", "http://127.0.0.1/zoo", "/somewhere"):
        monkeypatch.setenv("LEOCLR_ZOO_URL", source)
        with pytest.raises(UserError, match=r"is not there; set LEOCLR_ZOO_URL to .* https://"):
            fetch(entry)
    assert files(cache_folder()) == []


def test_hub_downloads_the_given_revision(hub, entry):
    path = fetch(entry)
    assert path.read_bytes() == hub.content
    assert f"/someone/leoclr/resolve/v1/{entry.file}" in {path for path, _ in hub.requests}
    assert files(cache_folder()) == [entry.file]


def test_different_file_of_the_hub_is_refused_and_leaves_nothing(hub, entry):
    hub.content = hub.content[:-1000]
    with pytest.raises(UserError, match="is damaged or a different file"):
        fetch(entry)
    assert files(cache_folder()) == []


def test_silent_hub_is_refused(hub, entry, monkeypatch):
    # The hub's client waits longer before each of its attempts.
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.shutdown()
    hub.server_close()
    with pytest.raises(UserError, match="cannot be fetched") as error:
        fetch(entry)
    assert "\n" not in str(error.value)


def test_eight_processes_download_once(https, entry):
    with multiprocessing.get_context("fork").Pool(8) as pool:
        paths = pool.map(fetch, [entry] * 8)
    assert set(paths) == {cache_folder() / entry.file}
    assert len(https.requests) == 1


@pytest.mark.parametrize("name", ["../up.safetensors", "/etc/passwd", "..", ".hidden", "a/b"])
def test_path_that_leads_out_of_the_cache_is_refused(entry, name):
    with pytest.raises(UserError, match="it must be a plain file name"):
        replace(entry, file=name)
