"""Test how errors of libraries become errors for the user."""

import runpy

import pytest

from leoclr_plugin.errors import UserError, refused_values


def test_assertion_without_a_message_is_reported_by_its_source_line(tmp_path):
    # The assertion is in a file of its own, because pytest adds messages to those in tests.
    path = tmp_path / "host.py"
    path.write_text("size = 8\nassert size <= 4\n")
    with pytest.raises(UserError, match=r"^batch: assert size <= 4$"), refused_values("batch"):
        runpy.run_path(str(path))
