"""The index of a tar shard: where each image lies, its name and its label."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from leoclr_plugin.data.images import EXTENSIONS
from leoclr_plugin.data.raw import NPY
from leoclr_plugin.data.stores.names import Names
from leoclr_plugin.data.stores.tar_members import Member, members
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import whole_file
from leoclr_plugin.terminal import tell

ENDING = ".leoclr-index"
_VERSION = 1
_LABEL = "cls"


@dataclass(frozen=True)
class ShardIndex:
    """The images of one shard in its order.

    Attributes:
        places: where each image begins in the shard, ``[N]`` int64.
        sizes: its number of bytes, ``[N]`` int64.
        names: its name in the shard.
        codes: the index of its label in ``texts``, ``[N]`` int64; -1 without a label.
        texts: the different labels.
        left_out: the number of entries without an image, and the first of them.
    """

    places: np.ndarray
    sizes: np.ndarray
    names: Names
    codes: np.ndarray
    texts: tuple[str, ...]
    left_out: tuple[int, str]


def index_of(shard: Path, image_key: str | None, label_key: str | None) -> ShardIndex:
    """Return the index of a shard, which is kept beside it and made at the first use.

    Where the folder cannot be written, the index is kept in the user's cache folder. An index is
    made again if the shard has another size or time of change than the indexed one.

    Args:
        shard: an uncompressed tar archive in WebDataset's layout: the files of an entry follow one
            another and have one name up to the first dot.
        image_key: what follows this dot in the images' names; None for an image's ending.
        label_key: the same of the file with the label; None for ``cls``.

    Raises:
        UserError: if the shard is missing or damaged, or an entry has several images.
    """
    if not shard.is_file():
        raise UserError(f"the shard {shard} is not there; check the path")
    status = shard.stat()
    label_key = label_key or _LABEL
    stamp = f"{_VERSION} {status.st_size} {status.st_mtime_ns} {image_key} {label_key}"
    beside = shard.with_name(shard.name + ENDING)
    digest = hashlib.sha256(str(shard.resolve()).encode(errors="surrogateescape")).hexdigest()
    cached = user_cache_path("leoclr") / "tar-index" / f"{digest}{ENDING}"
    for path in (beside, cached):
        index = _read(path, stamp)
        if index is not None:
            return index
    index = _make(shard, image_key, label_key)
    try:
        _write(beside, index, stamp)
    except UserError:
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            _write(cached, index, stamp)
        except (OSError, UserError) as error:
            tell(f"The index of {shard} is not kept: {error}")
    return index


def _make(shard: Path, image_key: str | None, label_key: str) -> ShardIndex:
    places, sizes, codes = array("q"), array("q"), array("q")
    names: list[bytes] = []
    known: dict[bytes, int] = {}
    without, first = 0, b""
    # Shards often have vectors or labels as .npy beside the images; image_key=npy takes them.
    image_ends = tuple(ending[1:].encode() for ending in EXTENSIONS if ending != NPY)
    wanted, label_end = image_key and image_key.encode(), label_key.encode()
    # Hidden files, such as those that macOS adds, have no name up to the first dot.
    shown = (one for one in map(_split, members(shard)) if one[0][-1:] not in (b"", b"/"))
    with shard.open("rb") as file:
        for entry, files in groupby(shown, itemgetter(0)):
            images, code = [], -1
            for _, ending, member in files:
                if ending == label_end:
                    _, place, size = member
                    file.seek(place)
                    code = known.setdefault(file.read(size).strip(), len(known))
                elif ending == wanted if wanted else ending.lower().split(b".")[-1] in image_ends:
                    images.append(member)
            if len(images) > 1:
                raise UserError(
                    f"{shard}/{entry.decode(errors='replace')} has several images; name one of "
                    "their endings with data.image_key"
                )
            if not images:
                without, first = without + 1, first or entry
                continue
            for column, value in zip((names, places, sizes), images[0], strict=True):
                column.append(value)
            codes.append(code)
    return ShardIndex(
        np.array(places, np.int64),
        np.array(sizes, np.int64),
        Names.of(name.decode(errors="surrogateescape") for name in names),
        np.array(codes, np.int64),
        tuple(text.decode(errors="replace") for text in known),
        (without, first.decode(errors="replace")),
    )


def _split(member: Member) -> tuple[bytes, bytes, Member]:
    """Return the name of a member's entry, its ending behind the first dot, and the member."""
    folder, slash, base = member[0].rpartition(b"/")
    stem, _, ending = base.partition(b".")
    return folder + slash + stem, ending, member


def _write(path: Path, index: ShardIndex, stamp: str) -> None:
    texts = Names.of(index.texts)
    with whole_file(path) as part, part.open("wb") as file:
        np.savez(
            file,
            stamp=np.array(stamp),
            places=index.places,
            sizes=index.sizes,
            letters=index.names.letters,
            ends=index.names.ends,
            codes=index.codes,
            text_letters=texts.letters,
            text_ends=texts.ends,
            left_out=np.array([str(value) for value in index.left_out]),
        )


def _is_whole(index: ShardIndex, size: int) -> bool:
    """Whether all images of an index lie within a shard of so many bytes, and have a name each."""
    count, ends = len(index.names), index.places + index.sizes
    if not count == len(index.places) == len(index.sizes) == len(index.codes):
        return False
    within = (index.places >= 0) & (index.sizes >= 0) & (ends <= size)
    known = (index.codes >= -1) & (index.codes < len(index.texts))
    return bool(within.all() and known.all())


def _read(path: Path, stamp: str) -> ShardIndex | None:
    """Return an index that was kept; None if there is none or it is of another shard."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["stamp"]) != stamp:
                return None
            count, first = kept["left_out"]
            index = ShardIndex(
                kept["places"],
                kept["sizes"],
                Names(kept["letters"], kept["ends"]),
                kept["codes"],
                tuple(Names(kept["text_letters"], kept["text_ends"])),
                (int(count), str(first)),
            )
        return index if _is_whole(index, int(stamp.split()[1])) else None
    # A damaged index is made again, whatever is wrong with it.
    except Exception:
        return None
