"""Test features that are too large for memory."""

import tempfile

import pytest
import torch

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation import bank as module
from leoclr_plugin.evaluation.bank import FeatureBank, is_on_disk
from leoclr_plugin.evaluation.knn import knn, knn_scores
from leoclr_plugin.evaluation.linear import FeatureRows
from leoclr_plugin.evaluation.probe import tuned_linear_probe
from tests.evaluation.test_knn import clouds
from tests.evaluation.test_probe import data, features  # noqa: F401


def stored(features: torch.Tensor, monkeypatch) -> torch.Tensor:
    """Return features that went through a file, which begins after the first two batches."""
    monkeypatch.setattr(module, "_IN_MEMORY", 4 * 16 * features.shape[1])
    bank = FeatureBank()
    for batch in features.split(8):
        bank.add(batch, "the network")
    return bank.features()


def test_a_large_bank_is_kept_in_float16_in_a_file(monkeypatch):
    given = torch.randn(60, 8)
    small = FeatureBank()
    small.add(given, "the network")
    assert torch.equal(small.features(), given)
    mapped = stored(given, monkeypatch)
    assert is_on_disk((mapped, given)) and not is_on_disk((given, given))
    assert torch.equal(mapped, given.half())


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_evaluators_give_the_figures_of_features_in_memory(distance, monkeypatch):
    (bank, labels), test = clouds(0, 300), clouds(1, 100)
    # These values have no rounding in float16.
    bank = bank.half().float()
    on_disk = stored(bank, monkeypatch), labels
    expected = knn((bank, labels), test, distance=distance)
    assert knn(on_disk, test, distance=distance) == expected
    several = torch.nn.functional.one_hot(labels)
    scores = knn_scores((bank, several), test[0], distance=distance)
    assert torch.equal(knn_scores((on_disk[0], several), test[0], distance=distance), scores)


def test_the_probe_reads_rows_of_the_file(data, monkeypatch):  # noqa: F811
    (bank, targets), val = features(100, 0), features(50, 1)
    bank = bank.half().float()
    on_disk = stored(bank, monkeypatch), targets
    monkeypatch.setattr("leoclr_plugin.evaluation.probe.RATES", (0.1, 3.0))
    expected = tuned_linear_probe(data, (bank, targets), val)
    assert tuned_linear_probe(data, on_disk, val) == expected
    rows = FeatureRows(*on_disk, torch.tensor([5, 90, 7]))
    assert len(rows) == 3
    chosen, classes = rows.__getitems__([2, 0])
    assert torch.equal(chosen, bank[[7, 5]]) and torch.equal(classes, targets[[7, 5]])


def test_values_too_large_for_float16_are_refused(monkeypatch):
    with pytest.raises(UserError, match="run-7 gives features too large for float16"):
        monkeypatch.setattr(module, "_IN_MEMORY", 0)
        FeatureBank().add(torch.full((2, 3), 1e5), "run-7")


def test_a_folder_without_room_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(UserError, match=r"missing.*TMPDIR"):
        FeatureBank().add(torch.ones(2, 3), "run-7")
