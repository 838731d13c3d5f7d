"""Each test of this folder on the CPU, and once more on the GPU where there is one."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import pytest
import torch

DEVICE = ContextVar("DEVICE", default="cpu")


@pytest.fixture(params=["cpu", "gpu"] if torch.cuda.is_available() else ["cpu"], autouse=True)
def device(request):
    """``dali.device`` of the test."""
    token = DEVICE.set(request.param)
    yield request.param
    DEVICE.reset(token)


def graph_place() -> dict[str, Any]:
    """Where a graph of the test runs, as ``build_graph`` takes it."""
    return {"device": DEVICE.get(), "device_id": 0 if DEVICE.get() == "gpu" else None}
