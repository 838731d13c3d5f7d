import json

from leoclr_plugin.commands.main import main
from leoclr_plugin.config import scripts_folder
from tests.conftest import ROOT


def test_the_schema_and_the_reference_are_printed_as_they_are_kept(capsys):
    assert main(["config", "schema"]) == 0
    kept = json.loads((scripts_folder() / "leoclr.schema.json").read_text())
    assert json.loads(capsys.readouterr().out) == kept
    assert main(["config", "reference"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "config.md").read_text()
