"""Measure how each source of images opens at the number of ImageNet's images, and its memory.

usage: python benchmarks/data_sources.py [--folder FOLDER] [--entries 1280000]
       [--out benchmarks/data-sources.json]

A temporary folder gets each source with 1,280,000 entries, all of one small JPEG of 1,000 classes.
Entries are links to one image or to one shard, which take no room, but for Arrow, whose files are
mapped into memory: pages of one file would be counted once. Each row is two processes of their own.
The first opens the source with labels for the first time, makes its index, and loads batches with
one worker. The second opens it again, also without labels, and loads with four workers. Seconds are
those of the processor, because other programs may use it as well; the file has those of the clock
too. torchvision's ImageFolder in a DataLoader does the same for comparison. A worker is a thread of
the default loader, and a process of the DataLoader.

Memory is the "proportional set size" of a process and its workers without the pages of files: what
they have for themselves and what they share, which the system cannot take back. Pages of files that
are mapped into memory are counted apart. The system keeps them as long as nothing else needs the
memory, as it does with files that are read without a mapping.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from data_memory import BATCH_SIZE, CLASSES, SIZE, make_folder, memory
from PIL import Image
from tqdm import tqdm

from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json

ENTRIES, SHARD = 1_280_000, 10_000
BATCHES, WORKERS = 30, (1, 4)
IMAGE_FOLDER = "ImageFolder"


def main() -> None:
    """Make each source, measure it, remove it, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder")
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data-sources.json")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        kind, workers = args.measure.split(":")
        print(json.dumps(measure(args.path, kind, int(workers))))
        return
    settings = {"batches": BATCHES, "batch_size": BATCH_SIZE, "size": SIZE, "workers": WORKERS}
    content = {"rows": {}, "settings": settings, "environment": environment()}
    rows = content["rows"]
    for kind, make in MAKERS.items():
        with TemporaryDirectory(dir=args.folder) as temporary:
            path = make(Path(temporary), args.entries)
            kinds = [kind, IMAGE_FOLDER] if kind == "folder" else [kind]
            for measured in kinds:
                rows[measured] = {"entries": args.entries}
                for workers in WORKERS:
                    rows[measured] |= in_a_process(path, measured, workers, temporary)
                write_json(args.out, content)
    header = (
        "source",
        "entries",
        "first open, s",
        "open, s",
        "unlabelled, s",
        "opened, MiB",
        "loading, MiB",
        "a further worker, MiB",
        "mapped files, MiB",
    )
    print(text_table(header, [(kind, *cells(row)) for kind, row in rows.items()]))


def cells(row: dict[str, float]) -> list[str]:
    """Return the columns of the table."""
    further = (row["loading_mib:4"] - row["loading_mib:1"]) / (WORKERS[1] - WORKERS[0])
    unlabelled = row["unlabelled_seconds:4"]
    return [
        f"{row['entries']:,}",
        f"{row['seconds:1']:.1f}",
        f"{row['seconds:4']:.1f}",
        "" if unlabelled is None else f"{unlabelled:.1f}",
        f"{row['opened_mib:4'] - row['empty_mib:4']:.0f}",
        f"{row['loading_mib:1'] - row['empty_mib:1']:.0f}",
        f"{further:.0f}",
        f"{row['loading_file_mib:1'] - row['empty_file_mib:1']:.0f}",
    ]


def in_a_process(path: str, kind: str, workers: int, temporary: str) -> dict[str, float]:
    """Measure in a new process."""
    command = [sys.executable, __file__, "--path", path, "--measure", f"{kind}:{workers}"]
    env = {**os.environ, "HF_DATASETS_CACHE": f"{temporary}/cache"}
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=env)
    return {f"{name}:{workers}": value for name, value in json.loads(run.stdout).items()}


def measure(path: str, kind: str, workers: int) -> dict[str, float | None]:
    """Open a source, load some batches and return the seconds and MiB."""
    # Everything is imported before the memory is first read.
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    from leoclr_plugin.bench.data import three_views_config
    from leoclr_plugin.data.datasets import build_pretrain_dataset
    from leoclr_plugin.data.loaders import pretrain_loader
    from leoclr_plugin.training.pretrain import prepare

    if kind in ("parquet", "arrow"):
        import datasets  # noqa: F401
    if kind == "h5":
        import h5py  # noqa: F401
    cfg = three_views_config(Path(path), "image_folder", SIZE, BATCH_SIZE, workers, "cpu")
    cfg.data.no_labels = True
    cfg = prepare(cfg)
    cfg.data.no_labels = False
    cfg.data.num_classes = CLASSES
    unlabelled = None
    empty, empty_files = own_memory(), memory("Pss_File")
    start, clock = time.process_time(), time.perf_counter()
    if kind == IMAGE_FOLDER:
        crop = transforms.Compose([transforms.RandomResizedCrop(SIZE), transforms.ToTensor()])
        dataset = ImageFolder(path, lambda image: [crop(image) for _ in range(3)])
        loader = DataLoader(dataset, BATCH_SIZE, shuffle=True, num_workers=workers)
    else:
        loader = pretrain_loader(cfg)
    seconds, clock = time.process_time() - start, time.perf_counter() - clock
    opened = own_memory()
    batches, largest = iter(loader), 0.0
    for number in range(BATCHES):
        next(batches)
        if number % 10 == 9:
            largest = max(largest, own_memory())
    files = memory("Pss_File")
    if kind != IMAGE_FOLDER and workers > 1:
        start = time.process_time()
        cfg.data.no_labels = True
        build_pretrain_dataset(cfg.data)
        unlabelled = time.process_time() - start
    return {
        "seconds": seconds,
        "clock_seconds": clock,
        "unlabelled_seconds": unlabelled,
        "empty_mib": empty,
        "opened_mib": opened,
        "loading_mib": largest,
        "empty_file_mib": empty_files,
        "loading_file_mib": files,
    }


def own_memory() -> float:
    """Return the memory of this process and its children without pages of files, in MiB."""
    return memory("Pss_Anon", "Pss_Shmem", "SwapPss")


def picture() -> bytes:
    """Return one small JPEG."""
    content = io.BytesIO()
    levels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(levels).save(content, "JPEG")
    return content.getvalue()


def folder(root: Path, entries: int) -> str:
    """Make 1,000 class folders."""
    (root / "a.jpg").write_bytes(picture())
    (root / "images").mkdir()
    make_folder(root / "a.jpg", root / "images", entries)
    return str(root / "images")


def list_file(root: Path, entries: int) -> str:
    """List one image again and again; the paths have the length of ImageNet's."""
    (root / "a.jpg").write_bytes(picture())
    with (root / "list.txt").open("w") as file:
        for number in range(entries):
            label = f"n{number % CLASSES:08}"
            file.write(f"{label}/../a.jpg\t{label}\n" if number else f"a.jpg\t{label}\n")
    for number in range(CLASSES):
        (root / f"n{number:08}").mkdir()
    return str(root / "list.txt")


def h5(root: Path, entries: int) -> str:
    """Make links to one image in 1,000 groups."""
    import h5py

    content = np.frombuffer(picture(), np.uint8)
    with h5py.File(root / "images.h5", "w") as file:
        for label in tqdm(range(CLASSES), desc="HDF5", leave=False):
            group = file.create_group(f"n{label:08}")
            for number in range(entries // CLASSES):
                if number == 0:
                    first = group.create_dataset("0.JPEG", data=content)
                else:
                    group[f"n{label:08}_{number}.JPEG"] = first
    return str(root / "images.h5")


def rows_of_a_shard() -> dict[str, list]:
    """Return the columns of a table."""
    content = picture()
    return {
        "image": [{"bytes": content, "path": None}] * SHARD,
        "label": [number % CLASSES for number in range(SHARD)],
    }


def parquet(root: Path, entries: int) -> str:
    """Make links to one Parquet file."""
    from datasets import ClassLabel, Dataset, Features, Image

    names = [f"n{label:08}" for label in range(CLASSES)]
    features = Features({"image": Image(), "label": ClassLabel(names=names)})
    Dataset.from_dict(rows_of_a_shard(), features).to_parquet(root / "0000.parquet")
    return links(root, "parquet", entries)


def arrow(root: Path, entries: int) -> str:
    """Make copies of one Arrow file."""
    from datasets import ClassLabel, Dataset, Features, Image

    names = [f"n{label:08}" for label in range(CLASSES)]
    features = Features({"image": Image(), "label": ClassLabel(names=names)})
    Dataset.from_dict(rows_of_a_shard(), features).save_to_disk(root / "saved")
    (file,) = (root / "saved").glob("*.arrow")
    shutil.move(file, root / "0000.arrow")
    return links(root, "arrow", entries, shutil.copyfile)


def tar(root: Path, entries: int) -> str:
    """Make links to one shard."""
    content = picture()
    with tarfile.open(root / "0000.tar", "w") as archive:
        for number in range(SHARD):
            label = str(number % CLASSES).encode()
            for ending, part in (("jpg", content), ("cls", label)):
                member = tarfile.TarInfo(f"{number:09}.{ending}")
                member.size = len(part)
                archive.addfile(member, io.BytesIO(part))
    return links(root, "tar", entries)


def links(root: Path, ending: str, entries: int, link: Callable[..., Any] = os.link) -> str:
    """Link or copy the first shard so often that there are ``entries``."""
    for number in range(1, entries // SHARD):
        link(root / f"0000.{ending}", root / f"{number:04}.{ending}")
    return str(root / f"*.{ending}")


MAKERS: dict[str, Callable[[Path, int], str]] = {
    "tar": tar,
    "arrow": arrow,
    "parquet": parquet,
    "list": list_file,
    "h5": h5,
    "folder": folder,
}


if __name__ == "__main__":
    main()
