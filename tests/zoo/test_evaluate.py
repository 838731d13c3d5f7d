"""Test the evaluation of a model's file."""

from leoclr_plugin.zoo import evaluate as module
from leoclr_plugin.zoo.model import load
from tests.zoo_fixtures import NAME


def test_three_seeds_are_probed_at_one_rate_and_summarised(zoo, entry, image_folder, monkeypatch):
    calls = []

    def probe(data, train, val, lr, seed):
        calls.append((seed, lr))
        return {"top1": 40.0 + 10 * seed, "top5": 90.0}

    monkeypatch.setattr(module, "linear_probe", probe)
    data = module.zoo_data(entry, image_folder, 0)
    figures = module.evaluate(entry, load(NAME).backbone, data)
    assert calls == [(seed, module.ZOO_RATE) for seed in (0, 1, 2)]
    assert figures["linear"] == {"top1": 50.0, "top5": 90.0, "spread": 10.0}
