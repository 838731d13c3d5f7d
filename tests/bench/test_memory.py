import torch

from leoclr_plugin.bench.memory import peak_mib

CPU = torch.device("cpu")


def test_peak_is_the_most_memory_held_at_any_time():
    held = []

    def work():
        for _ in range(3):
            torch.ones(2**20)  # These 4 MiB are freed at once.
        held.append(torch.ones(2**20))
        held.append(torch.ones(2**19))

    assert 6 <= peak_mib(work, CPU) < 6.1
    # Memory that was held before does not count.
    assert 4 <= peak_mib(lambda: torch.ones(2**20), CPU) < 4.1
