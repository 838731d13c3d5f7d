"""Names from outside are shown on the terminal and are not obeyed by it."""

import os

import pytest

from leoclr_plugin.commands.main import main
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.terminal import printable, say, say_text, tell
from tests.conftest import make_image, run_leoclr
from tests.hostile import NAMES, is_plain

USUAL = ("dog", "Österreichischer Pinscher", "犬\u3000種", "a b|c", "50 ± 1 %", "C:\\x")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_one_plain_line(name, capsys):
    say(name)
    tell(name)
    say_text(text_table(("a", name), [(name, "1")]))
    out, err = capsys.readouterr()
    assert err == f"{printable(name)}\n"
    lines = out.splitlines()
    assert lines[0] == printable(name)
    assert len(lines) == 4
    assert all(map(is_plain, lines))
    assert len({len(line) for line in lines[1:]}) == 1, "the columns are not aligned"


@pytest.mark.parametrize("name", USUAL)
def test_usual_names_stay_as_they_are(name):
    assert printable(name) == name


def test_escapes_are_those_of_python():
    assert printable("a\n\x1b[1m\u202e\udcff") == r"a\n\x1b[1m\u202e\udcff"


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_errors_are_plain(debug, tmp_path, capsys):
    """The line of an error, its traceback, and the error of the parser of a subcommand."""
    name = "\x1b[2Jgone\u202e\n"
    assert main(["check-data", str(tmp_path / name), *debug]) == 2
    with pytest.raises(SystemExit):
        main(["zoo", "info", "a", f"--{name}"])
    lines = capsys.readouterr().err.splitlines()
    assert any(r"leoclr check-data" in line and r"\x1b[2Jgone\u202e\n" in line for line in lines)
    assert any(r"--\x1b[2Jgone\u202e\n" in line for line in lines)
    assert all(map(is_plain, lines))


def test_a_command_shows_bad_files_with_such_names(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    make_image(0, 0).save(folder / "good.png")
    names = [name for name in NAMES if "/" not in name]
    for name in names:
        (folder / f"{name}.png").write_bytes(b"bad")
    run = run_leoclr("check-data", folder)
    lines = run.stdout.splitlines()
    assert len(lines) == len(names) + 1
    assert all(map(is_plain, lines))
    assert all(map(is_plain, run.stderr.replace("\r", "").splitlines()))
    for name in names:
        assert any(line.startswith(printable(f"{folder}/{name}.png: ")) for line in lines)
    assert os.fsencode(folder) not in run.stderr.encode()
