"""Test the units of work of methods whose forward passes are known."""

import pytest
import torch

from leoclr_plugin.compare.work import WorkPerStep
from leoclr_plugin.methods import METHODS
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg, pipeline


def work_of(method: str, sizes: list[int], **changes) -> float:
    cfg = method_cfg(method, **changes)
    model = METHODS[method](prepare(cfg)).train()
    model.log = model.log_dict = lambda *args, **kwargs: None
    views = [torch.randn(4, 3, size, size) for size in sizes]
    batch = [torch.arange(4), views, torch.zeros(4, dtype=torch.long)]
    counted = WorkPerStep()
    for step in range(2):
        counted.on_train_batch_start(None, model, batch, step)
        model.training_step(batch, step)
        counted.on_train_batch_end(None, model, None, batch, step)
    return counted.units


@pytest.mark.parametrize(
    ("method", "changes", "units"),
    [
        ("leoclr", {}, 5),
        ("leoclr", {"method_kwargs__query": "both"}, 12),
        ("mocov2plus", {}, 8),
        ("simclr", {}, 6),
    ],
)
def test_a_forward_is_one_and_with_its_backward_three(method, changes, units):
    assert work_of(method, [32] * (3 if method == "leoclr" else 2), **changes) == units


def test_a_smaller_view_costs_less():
    nodes = [pipeline(16, 2), pipeline([32, 32], crop=False)]
    # The original is learned from at full size; each crop has a quarter of its pixels.
    assert work_of("leoclr", [16, 16, 32], augmentations=nodes) == 3 + 2 / 4


def test_a_resumed_run_keeps_what_was_counted():
    counted = WorkPerStep()
    counted.load_state_dict({"units": 5.0})
    counted.on_train_batch_start(None, None, None, 0)
    counted.on_train_batch_end(None, None, None, None, 0)
    assert counted.state_dict() == {"units": 5.0}
