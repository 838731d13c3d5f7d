"""Find a model's file in the checkout or download it, and check its SHA-256."""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import pooch
import requests
from filelock import FileLock
from platformdirs import user_cache_path
from tqdm import tqdm

from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.system.files import whole_file
from leoclr_plugin.terminal import printable
from leoclr_plugin.zoo.manifest import Entry, zoo_folder

SOURCE = "LEOCLR_ZOO_URL"
_REMOTE = ("https://", "hf://")
_CHUNK = 1 << 20  # bytes
_TIMEOUT = 30  # seconds to wait for the next byte


def fetch(entry: Entry, to: Path | None = None) -> Path:
    """Return the path of a model's file after checking its SHA-256 against the manifest.

    ``LEOCLR_ZOO_URL`` names the source: ``https://...``, ``hf://OWNER/NAME[@REVISION]`` on the
    Hugging Face hub, or a folder. The default is the folder of the manifest, which also holds the
    files in a checkout. A file in a folder is used in place. Any other file is downloaded into
    the cache once, while other processes wait, which they do not for ``to``. An interrupted
    download keeps its part under another name, and the next one continues from there.

    Args:
        entry: the model's entry in the manifest.
        to: folder to write the file to, instead of the cache.

    Raises:
        UserError: when there is no source, or it does not answer or sends a different file.
    """
    source = os.environ.get(SOURCE, "")
    local = local_folder() / entry.file
    if not source.startswith(_REMOTE) and local.is_file():
        check(local, entry)
        if to is None:
            return local
    path = (to or cache_folder()) / entry.file
    # A cache that many machines share may be for reading only, and then has no place for a lock.
    if _is_there(path, entry):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")) if to is None else nullcontext():
            if _is_there(path, entry):
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
    # The hub's client raises a ValueError for an invalid repository name.
    except (OSError, ValueError) as error:
        reason = one_line(error)
        raise UserError(f"{entry.file} cannot be fetched: {reason}") from error
    return path


def local_folder() -> Path:
    """Return the folder that ``LEOCLR_ZOO_URL`` names, or the manifest's if it names none."""
    source = os.environ.get(SOURCE, "")
    return zoo_folder() if source.startswith(_REMOTE) else Path(source or zoo_folder())


def cache_folder() -> Path:
    """Return the folder of downloaded files, in the user's cache on this platform."""
    return user_cache_path("leoclr") / "zoo"


def _is_there(path: Path, entry: Entry) -> bool:
    return path.is_file() and sha256(path) == entry.sha256


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    return pooch.file_hash(str(path), alg="sha256")


def check(path: Path, entry: Entry) -> None:
    """Compare a file's SHA-256 with the manifest.

    Raises:
        UserError: when they differ.
    """
    if sha256(path) != entry.sha256:
        raise UserError(
            f"{path} is damaged or a different file: its SHA-256 is not that of {entry.name}; "
            "remove it and download it again"
        )


def _copy(local: Path, path: Path) -> None:
    with whole_file(path) as part:
        shutil.copyfile(local, part)


def _from_https(url: str, entry: Entry, path: Path) -> None:
    # pooch's own downloader starts from the beginning each time, so give it one that resumes.
    def resume(url: str, output_file: str, _: object) -> None:
        part = _partial_path(path)
        done = part.stat().st_size if part.exists() else 0
        if done >= entry.bytes:
            done = 0
        headers = {"Range": f"bytes={done}-"} if done else {}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            # Before version 2, urllib3 does not report a download that broke off.
            response.raw.enforce_content_length = True
            if response.status_code != requests.codes.partial_content:
                done = 0
            progress = tqdm(
                total=entry.bytes,
                initial=done,
                unit="B",
                unit_scale=True,
                desc=printable(entry.file),
            )
            with part.open("ab" if done else "wb") as file, progress:
                for chunk in response.iter_content(_CHUNK):
                    progress.update(file.write(chunk))
                    if file.tell() > entry.bytes:
                        # The server sends a different file, which the hash check will report.
                        break
        part.replace(output_file)

    pooch.get_logger().setLevel("WARNING")
    known_hash = f"sha256:{entry.sha256}"
    pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=resume)


def _from_hub(repository: str, entry: Entry, path: Path) -> None:
    from huggingface_hub import hf_hub_download

    name, _, revision = repository.partition("@")
    # The hub's client keeps partial downloads in this folder and continues them after an
    # interruption.
    download_folder = path.with_name(f".{path.name}.hub")
    file = Path(
        hf_hub_download(name, entry.file, revision=revision or None, local_dir=download_folder)
    )
    try:
        check(file, entry)
        file.replace(path)
    finally:
        shutil.rmtree(download_folder)


def _partial_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
