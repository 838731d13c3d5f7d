"""Handlers of signals can only be set in the main thread."""

import signal
from concurrent.futures import ThreadPoolExecutor

from leoclr_plugin.system.signals import leaving_signals


def test_other_threads_do_not_change_signal_handlers():
    def enter():
        with leaving_signals(print):
            return signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(enter).result() == signal.getsignal(signal.SIGTERM)
