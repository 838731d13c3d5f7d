"""If DALI is missing, the error says how to install it."""

import sys

import pytest

from leoclr_plugin.data.dali import has_dali, require_dali
from leoclr_plugin.errors import UserError


def test_a_missing_dali_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nvidia", None)
    monkeypatch.delitem(sys.modules, "nvidia.dali", raising=False)
    assert not has_dali()
    with pytest.raises(UserError, match=r"NVIDIA DALI is not installed: pip install .*\[dali\]"):
        require_dali()
