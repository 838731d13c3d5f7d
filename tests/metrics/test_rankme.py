import numpy as np
import pytest
import torch
from scipy.stats import entropy

from leoclr_plugin.metrics.rankme import rankme, singular_values


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)])
def test_equals_the_entropy_of_numpys_singular_values(shape):
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = np.linalg.svd(features.double().numpy(), compute_uv=False)
    assert singular_values(features).numpy() == pytest.approx(values)
    assert rankme(features) == pytest.approx(np.exp(entropy(values)), rel=1e-4)


def test_counts_equal_directions_and_does_not_depend_on_the_scale():
    features = torch.eye(7).repeat(3, 1)
    assert rankme(features) == pytest.approx(7, rel=1e-4)
    assert rankme(1e-3 * features) == pytest.approx(rankme(features))


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_is_one_for_equal_features(value):
    assert rankme(torch.full((20, 9), value)) == pytest.approx(1, abs=1e-3)


def test_agrees_with_stable_pretraining():
    module = pytest.importorskip("stable_pretraining.callbacks.rankme")
    features = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    logged = {}

    class Model:
        def log(self, name, value):
            logged[name] = value

    callback = module.RankMe("rankme", "features", 64, 16)
    callback._target_queue = type("Queue", (), {"data": features})
    trainer = type("Trainer", (), {"global_rank": 0})
    callback.on_validation_batch_end(trainer, Model(), {}, {}, 0)
    # It adds 1e-5 where the paper adds 1e-7.
    assert rankme(features) == pytest.approx(logged["rankme"], rel=1e-3)
