"""Write the images of class folders as each other source that can be trained on."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np


def class_images(folder: Path) -> list[tuple[str, Path]]:
    """Return the class and the path of each image in the order of training."""
    return [(path.parent.name, path) for path in sorted(folder.glob("*/*"))]


def write_list(folder: Path, out: Path) -> str:
    lines = [f"{path.resolve()}\t{label}\n" for label, path in class_images(folder)]
    out.with_suffix(".txt").write_text("".join(lines))
    return str(out.with_suffix(".txt"))


def write_h5(folder: Path, out: Path) -> str:
    """Write what solo-learn's convert_imgfolder_to_h5.py writes."""
    import h5py

    path = out.with_suffix(".h5")
    with h5py.File(path, "w") as file:
        for label, image in class_images(folder):
            content = np.frombuffer(image.read_bytes(), "uint8")
            group = file.require_group(label)
            group.create_dataset(image.name, data=content, compression="gzip", compression_opts=9)
    return str(path)


def hugging_face(folder: Path):
    """Return a ``datasets.Dataset`` of encoded images with labels."""
    import datasets

    images = class_images(folder)
    names = sorted({label for label, _ in images})
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
    )
    columns = {
        "image": [{"bytes": path.read_bytes(), "path": None} for _, path in images],
        "label": [names.index(label) for label, _ in images],
    }
    return datasets.Dataset.from_dict(columns, features)


def write_parquet(folder: Path, out: Path) -> list[str]:
    """Write two files."""
    table = hugging_face(folder)
    paths = [f"{out}-{part}.parquet" for part in range(2)]
    for part, path in enumerate(paths):
        table.shard(2, part, contiguous=True).to_parquet(path)
    return paths


def write_arrow(folder: Path, out: Path) -> str:
    hugging_face(folder).save_to_disk(out)
    return f"{out}/*.arrow"


def write_tar(folder: Path, out: Path) -> str:
    """Write two shards in WebDataset's layout."""
    images = class_images(folder)
    half = len(images) // 2
    for shard, part in enumerate((images[:half], images[half:])):
        with tarfile.open(f"{out}-{shard}.tar", "w") as archive:
            for number, (label, path) in enumerate(part):
                for ending, content in (
                    (path.suffix[1:], path.read_bytes()),
                    ("cls", label.encode()),
                ):
                    add(archive, f"{number:04}.{ending}", content)
    return f"{out}-*.tar"


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def write_folders(folder: Path, out: Path) -> list[str]:
    """Write two folders that share their classes."""
    paths = [f"{out}-{part}" for part in range(2)]
    for number, (label, path) in enumerate(class_images(folder)):
        copy = Path(paths[number % 2], label, path.name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return paths


WRITERS: dict[str, Callable[[Path, Path], str | list[str]]] = {
    "folders": write_folders,
    "list": write_list,
    "h5": write_h5,
    "parquet": write_parquet,
    "arrow": write_arrow,
    "tar": write_tar,
}
# The libraries that reading needs beyond those of the package.
NEEDS = {"h5": "h5py", "parquet": "datasets", "arrow": "datasets"}
