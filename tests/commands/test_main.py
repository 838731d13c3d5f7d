"""The command line as a whole."""

import os
import re
import sys
from pathlib import Path

import pytest

from leoclr_plugin.commands import doctor
from leoclr_plugin.commands.main import main, parse
from leoclr_plugin.version import __version__
from tests.conftest import run_leoclr

_OPTIONS = ["--methods", "leoclr", "--budget", "epochs=1"]


@pytest.mark.parametrize(
    "words",
    [
        ["imagenette/leoclr", "a=1", "+b=2", "~c", *_OPTIONS],
        ["imagenette/leoclr", *_OPTIONS, "a=1", "+b=2", "~c"],
        [*_OPTIONS, "imagenette/leoclr", "a=1", "+b=2", "~c"],
        ["imagenette/leoclr", "a=1", *_OPTIONS[:2], "+b=2", *_OPTIONS[2:], "~c"],
    ],
)
def test_overrides_stand_anywhere(words: list[str]) -> None:
    args = parse(["compare", *words])
    assert args.config == "imagenette/leoclr"
    assert args.overrides == ["a=1", "+b=2", "~c"]
    assert args.methods == "leoclr"


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "imagenette/leoclr", *_OPTIONS, "--sedes", "2"],
        ["zoo", "list", "a=1"],
    ],
)
def test_what_is_no_override_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        parse(words)
    assert leaving.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err


def test_version_and_help_of_the_console_script() -> None:
    run = run_leoclr("--version")
    assert (run.returncode, run.stdout.strip()) == (0, __version__)
    run = run_leoclr("--help")
    assert run.returncode == 0
    assert run.stdout.startswith("usage: leoclr ")
    for command in ("pretrain", "check-data", "zoo", "doctor"):
        assert re.search(rf"^ +{command}\s+\w", run.stdout, re.MULTILINE)


@pytest.mark.parametrize("words", [["--debug", "zoo", "list"], ["zoo", "list", "--debug"]])
def test_debug_stands_before_the_command_or_after_it(words: list[str]) -> None:
    assert parse(words).debug
    assert not parse(["zoo", "list"]).debug


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_has_left_ends_a_command_without_a_word(buffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        run = run_leoclr("zoo", "list", stdout=pipe, PYTHONUNBUFFERED=buffered)
    assert run.stderr == ""
    assert run.returncode == 141


def test_a_full_disk_under_what_is_printed() -> None:
    with Path("/dev/full").open("wb") as full:
        run = run_leoclr("zoo", "list", stdout=full)
    assert run.stderr.splitlines()[0] == (
        "leoclr zoo: what is to be written: No space left on device; check the path, its "
        "permissions and the disk"
    )
    assert run.returncode == 2


def test_ctrl_c_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupted)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "leoclr doctor: interrupted\n"


@pytest.mark.skipif(sys.platform != "linux", reason="torch has another OpenMP there")
@pytest.mark.parametrize(
    ("wish", "turns"),
    [
        ({}, "10000"),
        ({"GOMP_SPINCOUNT": "5"}, "5"),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, "0"),
    ],
)
def test_threads_spin_shortly_where_the_user_wishes_nothing_else(
    wish: dict[str, str], turns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A command that ran in this process has set them.
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    run = run_leoclr("doctor", OMP_DISPLAY_ENV="VERBOSE", **wish)
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", run.stderr)) == {turns}
