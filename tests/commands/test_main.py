"""Test what all commands have in common: parsing, exit codes and error lines."""

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
def test_overrides_may_stand_anywhere(words: list[str]) -> None:
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
def test_unknown_words_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse(words)
    assert exit_info.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.parametrize("before", [[], ["--debug"]])
def test_arguments_of_a_script_are_left_alone(before: list[str]) -> None:
    words = ["--debug", "--help", "--", "a=1", "--version", "solo"]
    args = parse([*before, "solo", "main_knn.py", *words])
    assert (args.script, args.arguments, args.debug) == ("main_knn.py", words, bool(before))


def test_version_and_help_of_the_console_script() -> None:
    run = run_leoclr("--version", python=sys.executable)
    assert (run.returncode, run.stdout.strip()) == (0, __version__)
    run = run_leoclr("--help", python=sys.executable)
    assert run.returncode == 0
    assert run.stdout.startswith("usage: leoclr ")
    for command in ("pretrain", "check-data", "zoo", "doctor"):
        assert re.search(rf"^ +{command}\s+\w", run.stdout, re.MULTILINE)


@pytest.mark.parametrize("words", [["--debug", "zoo", "list"], ["zoo", "list", "--debug"]])
def test_debug_may_stand_before_or_after_the_command(words: list[str]) -> None:
    assert parse(words).debug
    assert not parse(["zoo", "list"]).debug


@pytest.mark.parametrize("buffered", ["", "1"])
def test_closed_stdout_ends_a_command_without_a_message(buffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        run = run_leoclr(
            "zoo", "list", stdout=pipe, python=sys.executable, PYTHONUNBUFFERED=buffered
        )
    assert run.stderr == ""
    assert run.returncode == 141


def test_full_disk_under_stdout_is_reported_in_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        run = run_leoclr("zoo", "list", stdout=full, python=sys.executable)
    assert run.stderr.splitlines()[0] == (
        "leoclr zoo: the output: No space left on device; check the path, its permissions and "
        "the disk"
    )
    assert run.returncode == 2


def test_ctrl_c_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "leoclr doctor: interrupted\n"


@pytest.mark.skipif(sys.platform != "linux", reason="torch uses another OpenMP library here")
@pytest.mark.parametrize(
    ("user_setting", "spin_count"),
    [
        ({}, "10000"),
        ({"GOMP_SPINCOUNT": "5"}, "5"),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, "0"),
    ],
)
def test_threads_spin_briefly_unless_the_user_sets_something_else(
    user_setting: dict[str, str], spin_count: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another test may have run a command in this process, which sets the variables.
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    run = run_leoclr("doctor", python=sys.executable, OMP_DISPLAY_ENV="VERBOSE", **user_setting)
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", run.stderr)) == {spin_count}
