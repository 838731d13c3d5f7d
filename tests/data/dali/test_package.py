"""If a package that the DALI pipeline needs is missing, the error says how to install it."""

import sys

import pytest

from leoclr_plugin.data.dali import has_dali, require_dali
from leoclr_plugin.errors import UserError


@pytest.mark.parametrize(("module", "name"), [("nvidia", "NVIDIA DALI"), ("cv2", "OpenCV")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "nvidia.dali", raising=False)
    assert not has_dali()
    with pytest.raises(UserError, match=rf"{name} is not installed: pip install .*\[dali\]"):
        require_dali()
