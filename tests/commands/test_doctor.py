"""What is installed, a line for each package."""

import argparse
import re

import pytest

from leoclr_plugin import environment
from leoclr_plugin.commands import doctor


@pytest.mark.parametrize(("version", "told"), [("1.0", r"1\.0"), (None, ".*pip install")])
def test_each_package_has_its_version_or_the_command_that_installs_it(
    capsys, monkeypatch, version, told
):
    monkeypatch.setattr(environment, "version_of", lambda package: version)
    doctor.run(argparse.Namespace())
    lines = capsys.readouterr().out
    for name in (*environment.PACKAGES, *environment.OPTIONAL_PACKAGES):
        assert re.search(rf"^{name} +{told}", lines, re.MULTILINE)
