import math

import pytest
import torch.distributed as dist

from leoclr_plugin.data.sampler import ShardSampler


def epoch_of(monkeypatch, rank: int, world: int, epoch: int = 0, **kwargs) -> list[list[int]]:
    """Return the batches of one epoch in process ``rank`` of ``world``."""
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: rank)
    monkeypatch.setattr(dist, "get_world_size", lambda: world)
    sampler = ShardSampler(**{"samples": 23, "batch_size": 4, "seed": 7, **kwargs})
    sampler.set_epoch(epoch)
    batches = [batch.tolist() for batch in sampler]
    assert len(batches) == sampler.batches
    return batches


@pytest.mark.parametrize("world", [1, 2, 3])
def test_validation_sees_every_sample_once_and_all_processes_have_as_many_batches(
    monkeypatch, world
):
    for samples in range(world, 30):
        shards = [
            epoch_of(monkeypatch, rank, world, training=False, samples=samples)
            for rank in range(world)
        ]
        # Metrics are gathered batch by batch, so a process with one batch more would wait for ever.
        assert {len(shard) for shard in shards} == {math.ceil(samples / (4 * world))}
        assert all(0 < len(batch) <= 4 for shard in shards for batch in shard)
        for rank, shard in enumerate(shards):
            seen = [index for batch in shard for index in batch]
            assert seen == list(range(rank, samples, world))


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("samples", [23, 24])
def test_training_repeats_no_sample_and_drops_few(monkeypatch, world, samples):
    shards = [
        epoch_of(monkeypatch, rank, world, training=True, samples=samples) for rank in range(world)
    ]
    assert len({len(shard) for shard in shards}) == 1
    assert all(len(batch) == 4 for shard in shards for batch in shard)
    seen = [index for shard in shards for batch in shard for index in batch]
    assert len(seen) == len(set(seen))
    # Less than a batch in each process, and less than one sample of each for unequal shards.
    assert samples - len(seen) < 4 * world + world


def test_training_drops_nothing_if_the_shards_fill_whole_batches(monkeypatch):
    for world in (1, 2, 3):
        seen = [
            index
            for rank in range(world)
            for batch in epoch_of(monkeypatch, rank, world, training=True, samples=24)
            for index in batch
        ]
        assert sorted(seen) == list(range(24))


def test_seed_and_epoch_determine_the_shuffle(monkeypatch):
    first = epoch_of(monkeypatch, 0, 1, epoch=0, training=True)
    assert first != epoch_of(monkeypatch, 0, 1, epoch=1, training=True)
    assert first == epoch_of(monkeypatch, 0, 1, epoch=0, training=True)
    assert first != epoch_of(monkeypatch, 0, 1, epoch=0, training=True, seed=8)


def test_with_one_order_all_epochs_have_the_first_shuffle(monkeypatch):
    first, later = (
        epoch_of(monkeypatch, 0, 1, epoch=epoch, training=True, one_order=True) for epoch in (0, 3)
    )
    assert first == later == epoch_of(monkeypatch, 0, 1, epoch=0, training=True)
