"""``leoclr host`` is tested with a local git repository instead of the public one."""

import subprocess

import pytest

from leoclr_plugin.host.install import REPOSITORY
from tests.conftest import run_leoclr


def git(*args, cwd):
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", *author, *args]
    run = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    return run.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """Make a repository with two commits and the files by which solo-learn is recognised."""
    root = tmp_path / "repository"
    for name in ("args/pretrain.py", "methods/mocov2plus.py"):
        (root / "solo" / name).parent.mkdir(parents=True)
        (root / "solo" / name).touch()
    git("init", "--quiet", cwd=root)
    commits = []
    for text in ("first", "second"):
        (root / "README").write_text(text)
        git("add", "-A", cwd=root)
        git("commit", "--quiet", "-m", text, cwd=root)
        commits.append(git("rev-parse", "HEAD", cwd=root))
    return root, commits


@pytest.fixture
def leoclr_host(tmp_path, monkeypatch):
    """Run ``leoclr host`` with its own home folder; git clones ``source`` instead of solo-learn."""
    monkeypatch.delenv("SOLO_LEARN_HOME", raising=False)

    def run(*args, source):
        home = tmp_path / "home"
        return run_leoclr(
            "host",
            *args,
            host="auto",
            HOME=str(home),
            XDG_CACHE_HOME=str(home / "cache"),
            XDG_CONFIG_HOME=str(home / "config"),
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0=f"url.{source}.insteadOf",
            GIT_CONFIG_VALUE_0=REPOSITORY,
        )

    return run


def test_an_installed_commit_is_the_host_of_later_commands(leoclr_host, repository, tmp_path):
    source, (first, _) = repository
    assert "bundled" in leoclr_host("show", source=source).stdout

    for _ in range(2):  # The second time the clone exists already.
        run = leoclr_host("install", "--ref", first, source=source)
        assert run.returncode == 0, run.stderr
    shown = leoclr_host("show", source=source).stdout
    folder = tmp_path / "home" / "cache" / "leoclr" / f"solo-learn-{first}"
    assert "solo-learn: leoclr host use or install chose it" in shown
    assert str(folder) in shown
    assert (folder / "README").read_text() == "first"

    assert "bundled: leoclr host use bundled" in leoclr_host("use", "bundled", source=source).stdout
    run = leoclr_host("use", folder, source=source)
    assert "solo-learn: leoclr host use or install chose it" in run.stdout
    assert "bundled: no solo-learn" in leoclr_host("use", "auto", source=source).stdout


def test_a_folder_and_a_branch_can_be_named(leoclr_host, repository, tmp_path):
    source, _ = repository
    destination = tmp_path / "clones" / "solo-learn"
    run = leoclr_host("install", "--ref", "HEAD", "--dest", destination, source=source)
    assert run.returncode == 0, run.stderr
    assert (destination / "README").read_text() == "second"
    assert str(destination) in leoclr_host("show", source=source).stdout
    again = leoclr_host("install", "--dest", destination, source=source)
    assert again.returncode == 2
    assert "exists already; name a new folder" in again.stderr


@pytest.mark.parametrize("problem", ["no network", "no such ref"])
def test_a_failed_clone_is_reported_in_one_line_and_leaves_nothing(
    leoclr_host, repository, tmp_path, problem
):
    source, _ = repository
    if problem == "no network":
        run = leoclr_host("install", source=tmp_path / "unreachable")
    else:
        run = leoclr_host("install", "--ref", "f" * 40, source=source)
    assert run.returncode == 2
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith(f"leoclr host: {REPOSITORY} cannot be cloned: fatal: ")
    assert not list((tmp_path / "home" / "cache" / "leoclr").iterdir())
    assert "bundled" in leoclr_host("show", source=source).stdout


def test_a_folder_that_is_no_clone_is_refused(leoclr_host, repository, tmp_path):
    run = leoclr_host("use", tmp_path, source=repository[0])
    assert run.returncode == 2
    assert "is not a source tree of solo-learn" in run.stderr
