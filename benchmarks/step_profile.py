"""Measure how much of a training step's time each operator takes.

usage: python benchmarks/step_profile.py [--size 64] [--batch-size 64]

It writes ``step-profile.json``: the share of the processor time of each operator that takes a
hundredth or more. The share leaves out the operators that an operator calls. Forward and backward
operators count separately.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from leoclr_plugin.bench.step import StepRunner
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json

_WARMUP_STEPS = 2
_STEPS = 3
_SMALLEST_PERCENT = 1.0


def shares(runner: StepRunner) -> dict[str, float]:
    """Return each operator's percent of the processor time of some steps, largest first."""
    for _ in range(_WARMUP_STEPS):
        runner.step()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(_STEPS):
            runner.step()
    times = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    total = sum(times.values())
    ordered = sorted(times, key=times.__getitem__, reverse=True)
    percent = {name: round(100 * times[name] / total, 1) for name in ordered}
    return {name: share for name, share in percent.items() if share >= _SMALLEST_PERCENT}


def main() -> None:
    """Profile, write the file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args()
    runner = StepRunner("leoclr", "resnet18", args.batch_size, args.size, "32")
    percent = shares(runner)
    content = {
        "percent_of_processor_time": percent,
        "settings": {"backbone": "resnet18", "steps": _STEPS, **vars(args)},
        "environment": environment(),
    }
    write_json(Path(__file__).parent / "step-profile.json", content)
    print(text_table(("operator", "%"), [(name, f"{v:.1f}") for name, v in percent.items()]))


if __name__ == "__main__":
    main()
