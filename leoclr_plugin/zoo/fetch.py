"""A model's file, from the checkout or from the network; never one with another hash."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pooch
import requests
from filelock import FileLock
from platformdirs import user_cache_path
from tqdm import tqdm

from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.files import whole_file
from leoclr_plugin.zoo.manifest import Entry, zoo_folder

SOURCE = "LEOCLR_ZOO_URL"
_REMOTE = ("https://", "hf://")
_CHUNK = 1 << 20
_TIMEOUT = 30  # seconds without a byte


def fetch(entry: Entry, to: Path | None = None) -> Path:
    """Return the path of a model's file, whose hash is the manifest's.

    ``LEOCLR_ZOO_URL`` names the source: ``https://...``, ``hf://OWNER/NAME[@REVISION]`` of the
    Hugging Face hub, or a folder; by default the manifest's, which has the files in a checkout.
    A file of a folder is taken where it is. Others are fetched into the cache, once: further
    processes of the machine wait for the one that fetches. What an interrupted download brought
    stays under another name, and the next goes on from there.

    Args:
        entry: of the manifest.
        to: a folder for the file, in place of the cache.

    Raises:
        UserError: where there is no source, it does not answer, or sends another file.
    """
    source = os.environ.get(SOURCE, "")
    local = local_folder() / entry.file
    if not source.startswith(_REMOTE) and local.is_file():
        check(local, entry)
        if to is None:
            return local
    path = (to or cache_folder()) / entry.file
    try:
        for folder in (path.parent, cache_folder()):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_folder() / f".{entry.file}.lock"):
            if path.is_file() and sha256(path) == entry.sha256:
                return path
            if source.startswith("https://"):
                _from_https(f"{source.rstrip('/')}/{entry.file}", entry, path)
            elif source.startswith("hf://"):
                _from_hub(source.removeprefix("hf://"), entry, path)
            elif local.is_file():
                _copy(local, path)
            else:
                raise UserError(
                    f"{local} is not there; set {SOURCE} to a place that has the zoo's files: "
                    "https://..., hf://OWNER/NAME[@REVISION], or the folder zoo of a checkout"
                )
    # The hub's own errors are ValueErrors where it does not take a name.
    except (OSError, ValueError) as error:
        reason = one_line(error)
        raise UserError(f"{entry.file} cannot be fetched: {reason}") from error
    return path


def local_folder() -> Path:
    """The folder that ``LEOCLR_ZOO_URL`` names, or else that of the manifest."""
    source = os.environ.get(SOURCE, "")
    return zoo_folder() if source.startswith(_REMOTE) else Path(source or zoo_folder())


def cache_folder() -> Path:
    """The folder of fetched files, by the platform's rules."""
    return user_cache_path("leoclr") / "zoo"


def sha256(path: Path) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits."""
    return pooch.file_hash(str(path), alg="sha256")


def check(path: Path, entry: Entry) -> None:
    """Compare a file with the manifest.

    Raises:
        UserError: where it is another file.
    """
    if sha256(path) != entry.sha256:
        raise UserError(
            f"{path} is damaged or another file: its SHA-256 is not that of {entry.name}; remove "
            "it and download it again"
        )


def _copy(local: Path, path: Path) -> None:
    with whole_file(path) as part:
        shutil.copyfile(local, part)


def _from_https(url: str, entry: Entry, path: Path) -> None:
    # pooch starts anew each time; its downloaders are open to others.
    def resume(url: str, output_file: str, _: object) -> None:
        part = _part_of(path)
        done = part.stat().st_size if part.exists() else 0
        if done >= entry.bytes:
            done = 0
        headers = {"Range": f"bytes={done}-"} if done else {}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            # urllib3 before its version 2 takes a download that broke off for the whole.
            response.raw.enforce_content_length = True
            if response.status_code != requests.codes.partial_content:
                done = 0
            progress = tqdm(
                total=entry.bytes, initial=done, unit="B", unit_scale=True, desc=entry.file
            )
            with part.open("ab" if done else "wb") as file, progress:
                for chunk in response.iter_content(_CHUNK):
                    progress.update(file.write(chunk))
                    if file.tell() > entry.bytes:
                        # Another file, which the hash will tell.
                        break
        part.replace(output_file)

    pooch.get_logger().setLevel("WARNING")
    known_hash = f"sha256:{entry.sha256}"
    pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=resume)


def _from_hub(repository: str, entry: Entry, path: Path) -> None:
    from huggingface_hub import hf_hub_download

    name, _, revision = repository.partition("@")
    # The hub keeps there what it needs to go on after an interruption.
    incoming = path.with_name(f".{path.name}.hub")
    file = Path(hf_hub_download(name, entry.file, revision=revision or None, local_dir=incoming))
    try:
        check(file, entry)
        file.replace(path)
    finally:
        shutil.rmtree(incoming)


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
