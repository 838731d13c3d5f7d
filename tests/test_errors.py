import runpy

import pytest

from leoclr_plugin.errors import UserError, refused_values


def test_an_assertion_without_a_message_is_told_by_its_condition(tmp_path):
    # In a file of its own, since pytest gives the assertions of a test a message.
    path = tmp_path / "host.py"
    path.write_text("size = 8\nassert size <= 4\n")
    with pytest.raises(UserError, match=r"^batch: assert size <= 4$"), refused_values("batch"):
        runpy.run_path(str(path))
