"""The commands of the pages that no test runs are at least commands, and name keys that exist."""

from __future__ import annotations

import re
import shlex

import pytest

from leoclr_plugin.commands.main import parse
from leoclr_plugin.config import load_config
from leoclr_plugin.config.check import check_config
from tests.docs.pages import README, all_pages

# A block with a name before it is run by tests/test_readme.py.
_BLOCK = re.compile(r"(<!-- [\w-]+ -->\n)?```bash\n(.*?)```", re.DOTALL)
COMMANDS = [
    line
    for page in all_pages()
    for name, block in _BLOCK.findall(page.read_text())
    if not name
    for line in block.replace("\\\n", " ").splitlines()
]


def test_there_are_such_commands():
    assert len(COMMANDS) > 10
    assert "```sh" not in README.read_text()


@pytest.mark.parametrize("line", COMMANDS)
def test_command_is_one_that_the_package_has(line):
    program, *arguments = shlex.split(line, comments=True)
    assert program == "leoclr"
    args = parse(arguments)
    if args.command in ("pretrain", "compare"):
        cfg = load_config(args.config, "pretrain", args.overrides)
        check_config(cfg, "pretrain", {})
