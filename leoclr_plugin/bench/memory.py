"""The memory that a piece of work takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile


def peak_mib(work: Callable[[], object], device: torch.device) -> float:
    """Return the largest memory, in MiB, that ``work`` holds at any time.

    Memory that was held before does not count.

    Args:
        work: the work; it is called once.
        device: where the work runs. A GPU's allocator records the peak itself; on the CPU torch's
            profiler records each allocation.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    # Otherwise the profiler writes to stderr when it starts and stops.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = profiler.profiler.kineto_results.events()
    allocations = [event for event in events if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(allocations, key=_start):
        held += event.nbytes()
        peak = max(peak, held)
    return peak / 2**20


def _start(event: Any) -> int:
    # torch 2.1 only has microseconds.
    return event.start_ns() if hasattr(event, "start_ns") else event.start_us()
