"""A process that waits for others stops after a while, and says that one of them is lost."""

import pytest
from torch.distributed import DistStoreError

from leoclr_plugin.errors import UserError
from leoclr_plugin.training.fit import _running
from leoclr_plugin.training.lost_processes import WAIT
from leoclr_plugin.training.trainer import _strategy


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            DistStoreError("Timed out after 6 seconds waiting for clients. 1/2 clients joined."),
            "did not start: Timed out after 6 seconds waiting for clients. 1/2 clients joined;",
        ),
        (
            RuntimeError("[pair.cc:561] Connection closed by peer [127.0.0.1]:10152. GLHF!\nframe"),
            r"does not answer: Connection closed by peer \[127.0.0.1\]:10152; see its own error",
        ),
        (
            RuntimeError("[unbound_buffer.cc:78] Timed out waiting 5000ms for recv operation"),
            "does not answer: Timed out waiting 5000ms for recv operation; see",
        ),
    ],
)
def test_a_lost_process_is_one_line(error, line):
    with pytest.raises(UserError, match=line), _running(None):
        raise error


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="Connection of two tensors"), _running(None):
        raise RuntimeError("Connection of two tensors")


def test_processes_wait_for_a_time_that_we_set():
    assert _strategy("ddp")._timeout == WAIT
