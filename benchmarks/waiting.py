"""How OpenMP's threads wait for one another, and what a training on a CPU makes of it.

usage: python benchmarks/waiting.py FOLDER --out FILE.json [--rounds 5]

LeOCLR's first steps with each policy, in turns: images decoded between the steps, by torchvision's
two workers and by DALI; alone, and beside a process that keeps one core busy.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from omegaconf import OmegaConf
from tqdm import tqdm

from leoclr_plugin.benchmarks.spread import ratio_spread
from leoclr_plugin.config import load_config
from leoclr_plugin.data.images import list_images
from leoclr_plugin.environment import environment
from leoclr_plugin.files import read_json, write_json
from leoclr_plugin.overrides import quote

# Turns for which libgomp's threads spin until they sleep; by default 300,000, some milliseconds.
POLICIES = {
    "default": {},
    "10,000": {"GOMP_SPINCOUNT": "10000"},
    "1,000": {"GOMP_SPINCOUNT": "1000"},
}
CASES = {
    "no workers": (["data.num_workers=0"], False),
    "two workers": (["data.num_workers=2"], False),
    "dali": (["data.num_workers=2", "data.format=dali"], False),
    "two workers, bf16": (["data.num_workers=2", "precision=bf16-mixed"], False),
    "two workers, beside another process": (["data.num_workers=2"], True),
}
SIZE, BATCH_SIZE = 64, 64


def seconds(folder: Path, changes: list[str], policy: dict[str, str]) -> list[float]:
    """Seconds of each of a training's first steps, but those that wait for the loader to start."""
    cfg = load_config(
        "imagenette/leoclr",
        "pretrain",
        [
            f"data.train_path={quote(str(folder))}",
            f"augmentations.0.crop_size={SIZE}",
            f"augmentations.1.crop_size=[{SIZE},{SIZE}]",
            f"optimizer.batch_size={BATCH_SIZE}",
            *changes,
        ],
    )
    cfg.images = len(list_images(folder))
    environ = {
        k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    with tempfile.TemporaryDirectory() as temporary:
        # The trial by which leoclr compare turns minutes into epochs.
        OmegaConf.save(cfg, Path(temporary) / "config.yaml")
        write_json(Path(temporary) / "budget.json", {"minutes": 1})
        subprocess.run(
            [sys.executable, "-m", "leoclr_plugin.compare.worker", "trial", temporary],
            env={**environ, **policy},
            check=True,
            capture_output=True,
        )
        return read_json(Path(temporary) / "trial.json")["seconds"]


@contextmanager
def busy_core(wanted: bool) -> Iterator[None]:
    """Another process that computes all the while."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def main() -> None:
    """Measure, write the file and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="with a folder of images for each class")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    raw: dict[str, dict[str, list[float]]] = {case: {p: [] for p in POLICIES} for case in CASES}
    with tqdm(total=args.rounds * len(CASES) * len(POLICIES), desc="Trainings") as bar:
        for number in range(args.rounds):
            # Turned round each time, since a machine may become slower all the while.
            order = list(POLICIES)[:: -1 if number % 2 else 1]
            for case, (changes, beside) in CASES.items():
                for name in order:
                    with busy_core(beside):
                        steps = seconds(args.folder, changes, POLICIES[name])
                    raw[case][name].append(BATCH_SIZE * len(steps) / sum(steps))
                    bar.update()
    ratios = {
        case: {
            name: ratio_spread(values, speeds["default"])
            for name, values in speeds.items()
            if name != "default"
        }
        for case, speeds in raw.items()
    }
    for case, others in ratios.items():
        for name, ratio in others.items():
            print(f"{case}, {name}:", "{median:.2f} ({min:.2f} to {max:.2f})".format(**ratio))
    content = {
        "ratios_to_default": ratios,
        "images_per_second": {
            case: {name: median(values) for name, values in speeds.items()}
            for case, speeds in raw.items()
        },
        "raw": raw,
        "settings": {"size": SIZE, "batch_size": BATCH_SIZE, "rounds": args.rounds},
        "environment": environment(),
    }
    write_json(args.out, content)


if __name__ == "__main__":
    main()
