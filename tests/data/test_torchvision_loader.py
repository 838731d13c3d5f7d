"""The loader of the torchvision path: the seed and the epoch determine its batches."""

import pytest
import torch
from torch.utils.data import Dataset

from leoclr_plugin.data.sampler import ShardSampler, sampler_of
from leoclr_plugin.data.torchvision_loader import TorchvisionLoader


class Drawing(Dataset):
    """Each item is its index and a random number, drawn as a transform would draw it."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        return index, torch.rand(())


def make_loader(workers=0, seed=5, training=True):
    return TorchvisionLoader(Drawing(), ShardSampler(23, 4, seed, training), workers)


def epoch(loader, number):
    sampler_of(loader).set_epoch(number)
    return [(indexes.tolist(), draws.tolist()) for indexes, draws in loader]


@pytest.fixture(scope="module")
def expected_epochs():
    loader = make_loader()
    return [epoch(loader, number) for number in range(3)]


def test_an_epoch_has_each_sample_at_most_once_and_its_own_order(expected_epochs):
    indexes = [[i for batch, _ in batches for i in batch] for batches in expected_epochs]
    assert all(len(set(epoch)) == len(epoch) == 20 for epoch in indexes)
    assert indexes[0] != indexes[1] != indexes[2]
    draws = [number for batches in expected_epochs for _, batch in batches for number in batch]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_neither_workers_nor_earlier_epochs_change_an_epoch(expected_epochs, workers):
    loader = make_loader(workers)
    assert [epoch(loader, number) for number in (2, 0)] == [expected_epochs[2], expected_epochs[0]]


def test_another_seed_gives_another_order_and_other_draws(expected_epochs):
    other = epoch(make_loader(seed=6), 0)
    assert [batch for batch, _ in other] != [batch for batch, _ in expected_epochs[0]]
    draws = [dict(zip(*batch, strict=True)) for batch in (other[0], expected_epochs[0][0])]
    assert not set(draws[0].values()) & set(draws[1].values())


def test_skipped_batches_are_left_out_once(expected_epochs):
    loader = make_loader(workers=1)
    sampler_of(loader).skipped = 3
    assert epoch(loader, 1) == expected_epochs[1][3:]
    assert epoch(loader, 1) == expected_epochs[1]


def test_the_epoch_can_be_set_after_the_iterator_was_created(expected_epochs):
    loader = make_loader(workers=1)
    batches = iter(loader)
    sampler_of(loader).set_epoch(2)
    assert next(batches)[0].tolist() == expected_epochs[2][0][0]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_trainings_own_generator_is_left_as_it_was(workers):
    before = torch.get_rng_state()
    epoch(make_loader(workers), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_has_all_samples_in_order():
    batches = epoch(make_loader(training=False), 0)
    assert [i for batch, _ in batches for i in batch] == list(range(23))
