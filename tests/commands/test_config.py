import json

from leoclr_plugin.commands.main import main
from leoclr_plugin.config import scripts_folder
from tests.conftest import ROOT


def test_the_printed_schema_and_reference_are_those_of_the_files(capsys):
    assert main(["config", "schema"]) == 0
    expected = json.loads((scripts_folder() / "leoclr.schema.json").read_text())
    assert json.loads(capsys.readouterr().out) == expected
    assert main(["config", "reference"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "config.md").read_text()
