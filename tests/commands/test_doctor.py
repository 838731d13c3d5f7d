"""Test ``leoclr doctor``."""

import argparse
import re

import pytest

from leoclr_plugin.commands import doctor
from leoclr_plugin.report import environment


@pytest.mark.parametrize(("version", "shown"), [("1.0", r"1\.0"), (None, ".*pip install")])
def test_each_package_is_shown_with_its_version_or_install_command(
    capsys, monkeypatch, version, shown
):
    monkeypatch.setattr(environment, "version_of", lambda package: version)
    doctor.run(argparse.Namespace())
    lines = capsys.readouterr().out
    for name in (*environment.PACKAGES, *environment.OPTIONAL_PACKAGES):
        assert re.search(rf"^{name} +{shown}", lines, re.MULTILINE)
