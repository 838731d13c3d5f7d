"""The loader of the torchvision path: its batches are a function of seed and epoch."""

import pytest
import torch
from torch.utils.data import Dataset

from leoclr_plugin.data.sampler import ShardSampler, sampler_of
from leoclr_plugin.data.torchvision_loader import TorchvisionLoader


class Drawing(Dataset):
    """Items of an index and a random number, as a transform would draw it."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        return index, torch.rand(())


def loader(workers=0, seed=5, training=True):
    return TorchvisionLoader(Drawing(), ShardSampler(23, 4, seed, training), workers)


def epoch(made, number):
    sampler_of(made).set_epoch(number)
    return [(indexes.tolist(), draws.tolist()) for indexes, draws in made]


@pytest.fixture(scope="module")
def wanted():
    made = loader()
    return [epoch(made, number) for number in range(3)]


def test_an_epoch_has_each_sample_once_in_an_order_of_its_own(wanted):
    indexes = [[i for batch, _ in batches for i in batch] for batches in wanted]
    assert all(len(set(epoch)) == len(epoch) == 20 for epoch in indexes)
    assert indexes[0] != indexes[1] != indexes[2]
    draws = [number for batches in wanted for _, batch in batches for number in batch]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_neither_workers_nor_earlier_epochs_change_it(wanted, workers):
    made = loader(workers)
    assert [epoch(made, number) for number in (2, 0)] == [wanted[2], wanted[0]]


def test_another_seed_gives_another_order_and_other_draws(wanted):
    other = epoch(loader(seed=6), 0)
    assert [batch for batch, _ in other] != [batch for batch, _ in wanted[0]]
    draws = [dict(zip(*batch, strict=True)) for batch in (other[0], wanted[0][0])]
    assert not set(draws[0].values()) & set(draws[1].values())


def test_skipped_batches_are_left_out_once(wanted):
    made = loader(workers=1)
    sampler_of(made).skipped = 3
    assert epoch(made, 1) == wanted[1][3:]
    assert epoch(made, 1) == wanted[1]


def test_the_epoch_may_be_told_after_the_iterator_was_made(wanted):
    made = loader(workers=1)
    batches = iter(made)
    sampler_of(made).set_epoch(2)
    assert next(batches)[0].tolist() == wanted[2][0][0]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_trainings_own_generator_is_left_as_it_was(workers):
    before = torch.get_rng_state()
    epoch(loader(workers), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_is_in_order_and_whole():
    batches = epoch(loader(training=False), 0)
    assert [i for batch, _ in batches for i in batch] == list(range(23))
