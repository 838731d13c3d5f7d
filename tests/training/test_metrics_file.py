"""Rows of metrics.csv are written whole or not at all, also on a full disk."""

import csv

import pytest

from leoclr_plugin.errors import UserError
from leoclr_plugin.training.metrics_file import MetricsFile
from tests.conftest import full_disk

FIRST = {"loss": "1.0", "step": "0"}


def rows(logger) -> list[dict]:
    with (logger.path / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def logger(tmp_path):
    logger = MetricsFile(tmp_path, name="run", version="0")
    logger.path = tmp_path / "run" / "0"
    logger.log_metrics({"loss": 1.0}, step=0)
    logger.save()
    return logger


@pytest.mark.parametrize("name", ["loss", "accuracy"])
@pytest.mark.parametrize("room", [20, 40, 400])
def test_a_full_disk_leaves_the_earlier_rows_whole(logger, name, room):
    for step in range(1, 500):
        logger.experiment.log_metrics({name: step / 7}, step)
    with full_disk(room), pytest.raises(UserError, match=r"metrics.csv: File too large; check"):
        logger.save()
    assert [{k: v for k, v in row.items() if v} for row in rows(logger)] == [FIRST]
    logger.save()
    assert [row[name] for row in rows(logger)[-499:]] == [str(step / 7) for step in range(1, 500)]


def test_columns_are_added(logger):
    logger.log_metrics({"accuracy": 2.0}, step=1)
    logger.save()
    assert rows(logger) == [
        {"accuracy": "", **FIRST},
        {"accuracy": "2.0", "loss": "", "step": "1"},
    ]


def test_a_first_write_that_fails_leaves_no_file(tmp_path):
    logger = MetricsFile(tmp_path, name="run", version="0")
    logger.path = tmp_path / "run" / "0"
    logger.log_metrics({"loss": 1.0}, step=0)
    with full_disk(5), pytest.raises(UserError, match=r"metrics.csv: File too large"):
        logger.save()
    assert not (logger.path / "metrics.csv").exists()
    logger.save()
    assert rows(logger) == [FIRST]
