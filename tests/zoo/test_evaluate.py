"""Evaluation of a model's file: kNN, and the probe over several seeds."""

from leoclr_plugin.zoo import evaluate as module
from leoclr_plugin.zoo.model import load
from tests.zoo_fixtures import NAME


def test_probes_are_of_one_rate_and_have_a_spread(zoo, entry, image_folder, monkeypatch):
    seen = []

    def probe(data, train, val, lr, seed):
        seen.append((seed, lr))
        return {"top1": 40.0 + 10 * seed, "top5": 90.0}

    monkeypatch.setattr(module, "linear_probe", probe)
    data = module.zoo_data(entry, image_folder, 0)
    figures = module.evaluate(entry, load(NAME).backbone, data)
    assert seen == [(seed, module.ZOO_RATE) for seed in (0, 1, 2)]
    assert figures["linear"] == {"top1": 50.0, "top5": 90.0, "spread": 10.0}
