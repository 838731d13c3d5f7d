"""Measure how the way in which OpenMP's threads wait for one another changes a training on a CPU.

usage: python benchmarks/waiting.py FOLDER --out FILE.json [--rounds 5]

LeOCLR makes its first steps with each policy of waiting, in turns. The images are decoded between
the steps, by two workers of torchvision, or by DALI. One case runs beside another process that
keeps one core busy.
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

from leoclr_plugin.bench.spread import ratio_spread
from leoclr_plugin.config import load_config
from leoclr_plugin.config.overrides import quote
from leoclr_plugin.data.images import list_images
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import read_json, write_json

# libgomp's threads spin for so many turns before they sleep. The default is 300,000, which takes
# some milliseconds.
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
    """Return the seconds of each of the first steps, without those that wait for the loader."""
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
    policy_keys = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environ = {key: value for key, value in os.environ.items() if key not in policy_keys}
    with tempfile.TemporaryDirectory() as temporary:
        # leoclr compare times such a trial to turn minutes into epochs.
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
def busy_core(enabled: bool) -> Iterator[None]:
    """Keep one core busy with another process while the context lasts."""
    if not enabled:
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
    parser.add_argument("folder", type=Path, help="has a folder of images for each class")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    raw: dict[str, dict[str, list[float]]] = {case: {p: [] for p in POLICIES} for case in CASES}
    with tqdm(total=args.rounds * len(CASES) * len(POLICIES), desc="Trainings") as bar:
        for number in range(args.rounds):
            # The order is reversed in every second round, because the machine may become slower
            # during the measurement.
            order = list(POLICIES)[:: -1 if number % 2 else 1]
            for case, (changes, beside_busy_core) in CASES.items():
                for name in order:
                    with busy_core(beside_busy_core):
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
    for case, case_ratios in ratios.items():
        for name, ratio in case_ratios.items():
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
