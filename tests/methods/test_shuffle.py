import pytest
import torch

import leoclr_plugin.methods.shuffle as module
from leoclr_plugin.methods.shuffle import BatchShuffle


class Processes:
    """Makes the module believe that it runs in process ``rank`` and gathers ``batches``."""

    def __init__(self, monkeypatch, world, rank, batches):
        self.batches = batches
        monkeypatch.setattr(module, "rank_and_world", lambda: (rank, world))
        monkeypatch.setattr(module, "host", lambda: self)

    def gather(self, batch):
        return torch.cat(self.batches)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_sample_goes_to_one_process_and_comes_back(monkeypatch, world):
    batches = [torch.arange(4) + 10 * rank for rank in range(world)]
    shuffles, shuffled = [], []
    for rank in range(world):
        Processes(monkeypatch, world, rank, batches)
        shuffles.append(BatchShuffle(4, step=7))
        shuffled.append(shuffles[-1](batches[rank]))
    assert sorted(torch.cat(shuffled).tolist()) == torch.cat(batches).tolist()
    assert torch.cat(shuffled).tolist() != torch.cat(batches).tolist()
    for rank in range(world):
        Processes(monkeypatch, world, rank, [part * 2 for part in shuffled])
        assert torch.equal(shuffles[rank].undo(shuffled[rank] * 2), batches[rank] * 2)


def test_each_step_has_its_own_shuffle():
    assert torch.equal(BatchShuffle(64, 1).order, BatchShuffle(64, 1).order)
    assert not torch.equal(BatchShuffle(64, 1).order, BatchShuffle(64, 2).order)
