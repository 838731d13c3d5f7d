"""Measure the memory of the default loader at the number of ImageNet's files.

usage: python benchmarks/data_memory.py IMAGE.jpg [--files 1281167]
       [--out benchmarks/data-memory.json]

A temporary folder gets 1,000 class folders with so many links to one image. Each row of the table
is a process of its own. It lists the folder and loads batches with some threads; for comparison a
DataLoader with torchvision's ImageFolder does the same with worker processes. The memory of a
process and its workers is counted as "proportional set size": what several processes share is
divided among them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json

CLASSES, BATCHES, BATCH_SIZE, SIZE = 1000, 100, 64, 64
THREADS = (1, 4)
# A file system allows a limited number of links to one file.
_LINKS_A_FILE = 30_000


def main() -> None:
    """Make the folder, measure each row and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("--files", type=int, default=1_281_167)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data-memory.json")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        kind, workers = args.measure.split(":")
        print(json.dumps(measure(args.image, kind, int(workers))))
        return
    rows = {}
    with TemporaryDirectory(dir=args.image.parent) as temporary:
        make_folder(args.image, Path(temporary), args.files)
        for kind in ("threads", "processes"):
            for workers in THREADS:
                command = [sys.executable, __file__, temporary, "--measure", f"{kind}:{workers}"]
                run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                rows[f"{kind}:{workers}"] = json.loads(run.stdout)
    settings = {"files": args.files, "batches": BATCHES, "batch_size": BATCH_SIZE, "size": SIZE}
    write_json(args.out, {"rows": rows, "settings": settings, "environment": environment()})
    header = ("", "listing, s", "empty, MiB", "listed, MiB", "loading, MiB")
    keys = ("seconds", "empty_mib", "listed_mib", "loading_mib")
    table = [(name, *(f"{row[key]:.0f}" for key in keys)) for name, row in rows.items()]
    print(text_table(header, table))


def make_folder(image: Path, root: Path, files: int) -> None:
    """Fill ``root`` with class folders of links to copies of the image."""
    content = image.read_bytes()
    source = image
    for number in tqdm(range(files), desc="Links", leave=False, mininterval=1):
        folder = root / f"n{number % CLASSES:08}"
        if number < CLASSES:
            folder.mkdir()
        path = folder / f"n{number % CLASSES:08}_{number // CLASSES}.JPEG"
        if number % _LINKS_A_FILE == 0:
            path.write_bytes(content)
            source = path
        else:
            os.link(source, path)


def measure(folder: Path, kind: str, workers: int) -> dict[str, float]:
    """List the folder, load some batches and return the seconds and MiB."""
    # Everything is imported before the memory is first read.
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    from leoclr_plugin.bench.data import three_views_config
    from leoclr_plugin.data.loaders import pretrain_loader
    from leoclr_plugin.training.pretrain import prepare

    cfg = three_views_config(folder, "image_folder", SIZE, BATCH_SIZE, workers, "cpu")
    cfg.data.no_labels = False
    cfg = prepare(cfg)
    empty, start = memory(), time.perf_counter()
    if kind == "threads":
        loader = pretrain_loader(cfg)
    else:
        crop = transforms.Compose([transforms.RandomResizedCrop(SIZE), transforms.ToTensor()])
        dataset = ImageFolder(folder, lambda image: [crop(image) for _ in range(3)])
        loader = DataLoader(dataset, BATCH_SIZE, shuffle=True, num_workers=workers)
    seconds, listed = time.perf_counter() - start, memory()
    batches, largest = iter(loader), 0.0
    for number in range(BATCHES):
        next(batches)
        if number % 10 == 9:
            largest = max(largest, memory())
    return {
        "seconds": seconds,
        "empty_mib": empty,
        "listed_mib": listed,
        "loading_mib": largest,
    }


def memory(*kinds: str) -> float:
    """Return the proportional set size of this process and its children, in MiB.

    Args:
        kinds: the lines of ``smaps_rollup`` to add up, such as ``Pss_Anon``; all memory by default.
    """
    lines = tuple(f"{kind}:" for kind in kinds or ("Pss",))
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    pids = [os.getpid(), *map(int, own.read_text().split())]
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(lines):
                total += int(line.split()[1])
    return total / 1024


if __name__ == "__main__":
    main()
