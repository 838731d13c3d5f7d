"""Each test of this folder runs on the CPU, and a second time on the GPU if there is one."""

from __future__ import annotations

from contextvars import ContextVar

import pytest
import torch

DEVICE = ContextVar("DEVICE", default="cpu")


@pytest.fixture(params=["cpu", "gpu"] if torch.cuda.is_available() else ["cpu"], autouse=True)
def device(request):
    """The value of ``dali.device`` in this test."""
    token = DEVICE.set(request.param)
    yield request.param
    DEVICE.reset(token)
