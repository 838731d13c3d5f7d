"""Fetching: from each source, whole or not at all, once for all processes."""

import multiprocessing
from dataclasses import replace

import pytest

from leoclr_plugin.errors import UserError
from leoclr_plugin.zoo.fetch import cache_folder, fetch


def files(folder) -> list[str]:
    """What is in a folder, the lock but."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


def test_checkout_is_taken_as_it_is(zoo, entry):
    assert fetch(entry) == zoo / entry.file
    assert not cache_folder().exists()


def test_folder_of_another_checkout(empty_zoo, entry, weights, monkeypatch):
    monkeypatch.setenv("LEOCLR_ZOO_URL", str(weights.parent))
    assert fetch(entry) == weights


def test_what_was_fetched_is_there_without_its_source(https, entry, monkeypatch):
    path = fetch(entry)
    monkeypatch.delenv("LEOCLR_ZOO_URL")
    assert fetch(entry) == path


def test_to_a_folder(zoo, entry, tmp_path):
    path = fetch(entry, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / entry.file
    assert path.read_bytes() == (zoo / entry.file).read_bytes()
    assert files(path.parent) == [entry.file]


def test_damaged_file_of_the_checkout(zoo, entry, tmp_path):
    (zoo / entry.file).write_bytes(b"damaged")
    for to in (None, tmp_path / "to"):
        with pytest.raises(UserError, match="is damaged or another file"):
            fetch(entry, to)
    assert not (tmp_path / "to").exists()


def test_https_once_and_again_where_the_cache_is_damaged(https, entry):
    path = fetch(entry)
    assert path == cache_folder() / entry.file
    assert path.read_bytes() == https.content
    assert https.requests == [(f"/models/{entry.file}", None)]
    fetch(entry)
    assert len(https.requests) == 1
    path.write_bytes(b"damaged")
    assert fetch(entry).read_bytes() == https.content
    assert files(cache_folder()) == [entry.file]


def test_https_goes_on_where_it_stopped(https, entry):
    https.breaks_after = 3_000_000
    with pytest.raises(UserError, match="cannot be fetched"):
        fetch(entry)
    assert not (cache_folder() / entry.file).exists()
    assert fetch(entry).read_bytes() == https.content
    asked = https.requests[1][1]
    assert 0 < int(asked.removeprefix("bytes=").removesuffix("-")) <= 3_000_000
    assert files(cache_folder()) == [entry.file]


@pytest.mark.parametrize("harm", ["other", "truncated", "longer"])
def test_another_file_is_refused_and_leaves_nothing(https, entry, harm):
    content = https.content
    https.content = {
        "other": bytes([content[0] ^ 1]) + content[1:],
        "truncated": content[:-1000],
        "longer": content + content,
    }[harm]
    with pytest.raises(UserError, match="cannot be fetched") as error:
        fetch(entry)
    assert "\n" not in str(error.value)
    assert files(cache_folder()) == []


def test_no_answer_and_no_source(https, entry, monkeypatch):
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


def test_hub(hub, entry):
    path = fetch(entry)
    assert path.read_bytes() == hub.content
    assert f"/someone/leoclr/resolve/v1/{entry.file}" in {path for path, _ in hub.requests}
    assert files(cache_folder()) == [entry.file]


def test_another_file_of_the_hub_is_refused_and_leaves_nothing(hub, entry):
    hub.content = hub.content[:-1000]
    with pytest.raises(UserError, match="is damaged or another file"):
        fetch(entry)
    assert files(cache_folder()) == []


def test_hub_without_an_answer(hub, entry):
    hub.shutdown()
    hub.server_close()
    with pytest.raises(UserError, match="cannot be fetched") as error:
        fetch(entry)
    assert "\n" not in str(error.value)


def test_eight_processes_fetch_once(https, entry):
    with multiprocessing.get_context("fork").Pool(8) as pool:
        paths = pool.map(fetch, [entry] * 8)
    assert set(paths) == {cache_folder() / entry.file}
    assert len(https.requests) == 1


@pytest.mark.parametrize("name", ["../up.safetensors", "/etc/passwd", "..", ".hidden", "a/b"])
def test_name_that_climbs_out_of_the_cache(entry, name):
    with pytest.raises(UserError, match="it must be a name"):
        replace(entry, file=name)
