from leoclr_plugin.config.keys import leaves
from leoclr_plugin.config.leoclr import LeOCLRSettings
from leoclr_plugin.config.nodes import PairKind
from leoclr_plugin.config.online import OnlineSet
from leoclr_plugin.config.reference import reference
from leoclr_plugin.config.schema import Config
from tests.conftest import ROOT


def test_the_page_is_current():
    remedy = "run: leoclr config reference > docs/config.md"
    assert (ROOT / "docs" / "config.md").read_text() == reference(), remedy


def test_every_key_has_a_row():
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    declared = [*leaves(Config), *leaves(LeOCLRSettings)]
    declared += leaves(OnlineSet, "data.online.NAME.")
    declared += leaves(PairKind, "data.pairs.kinds.NAME.")
    assert len(rows) == len(declared)
    assert all(row.count("|") == 7 for row in rows)
    assert len({key for key, _, _ in declared}) == len(declared)


def test_a_row_says_range_default_reader_and_command():
    rows = reference().splitlines()
    assert (
        "| `queue_size` | a whole number of at least 1 | `65536` | number of negatives in the "
        "queue | leoclr | pretrain |"
    ) in rows
    assert "| `hue` |" not in reference()
    assert any(
        row.startswith("| `color_jitter.hue` | a number from 0 to 0.5 | required with `prob` |")
        for row in rows
    )
