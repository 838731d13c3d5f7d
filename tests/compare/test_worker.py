"""Step times over an interruption."""

import pytest

from leoclr_plugin.compare import worker
from leoclr_plugin.compare.worker import StepTimes


@pytest.fixture
def clock(monkeypatch):
    now = [5000.0]
    monkeypatch.setattr(worker.time, "perf_counter", lambda: now[0])
    return now


def steps(times, clock, batches, seconds):
    for batch_idx in batches:
        clock[0] += seconds
        times.on_train_batch_end(None, None, None, None, batch_idx)


def test_a_resumed_run_has_the_times_before_and_none_of_the_break(clock):
    first = StepTimes()
    first.on_train_epoch_start(None, None)
    steps(first, clock, range(5), 2.0)
    assert first.seconds == [2.0, 2.0, 2.0]
    clock[0] += 1000

    resumed = StepTimes()
    resumed.load_state_dict(first.state_dict())
    steps(resumed, clock, range(5, 8), 3.0)
    assert resumed.seconds == [2.0, 2.0, 2.0, 3.0]
    clock[0] += 1000
    resumed.on_train_epoch_start(None, None)
    steps(resumed, clock, range(4), 4.0)
    assert resumed.seconds == [2.0, 2.0, 2.0, 3.0, 4.0, 4.0]
