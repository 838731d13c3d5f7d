"""A clone of solo-learn in the user's cache, and the user's saved choice of a host."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from platformdirs import user_cache_path, user_config_path

from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.system.files import read_text, write_text

REPOSITORY = "https://github.com/vturrisi/solo-learn"
# The contract tests run with this commit.
TESTED_REF = "9187ea39c2c3f43c455ab06664d2b019a9802954"


def choice_file() -> Path:
    """Return the file that holds the choice: ``bundled`` or the path of a source tree."""
    return user_config_path("leoclr") / "host"


def chosen() -> str | None:
    """Return what ``leoclr host use`` saved, or None if it saved nothing."""
    path = choice_file()
    return read_text(path).strip() or None if path.is_file() else None


def choose(what: str | None) -> None:
    """Save ``"bundled"`` or a source tree for later commands; None deletes the saved choice."""
    path = choice_file()
    if what is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, f"{what}\n")


def install(ref: str = TESTED_REF, destination: Path | None = None) -> Path:
    """Clone solo-learn at ``ref`` and return the folder.

    A failed clone leaves nothing behind.

    Args:
        ref: a commit, tag or branch.
        destination: a folder that does not exist yet. The default is a folder in the user's cache;
            if that exists, it holds an earlier clone of the same ref and is returned as it is.

    Raises:
        UserError: if git or the network is missing, the ref is unknown, or the folder exists.
    """
    folder = destination or user_cache_path("leoclr") / f"solo-learn-{ref.replace('/', '-')}"
    if folder.exists():
        if destination is None:
            return folder
        raise UserError(f"--dest {folder} exists already; name a new folder")
    if shutil.which("git") is None:
        raise UserError(
            "git is not installed; install it, or unpack solo-learn and name its folder: leoclr "
            "host use PATH"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".solo-learn-") as temporary:
        clone = Path(temporary) / "clone"
        _git("clone", "--quiet", "--no-checkout", REPOSITORY, str(clone))
        _git("-C", str(clone), "checkout", "--quiet", "--detach", ref)
        clone.rename(folder)
    return folder


def _git(*arguments: str) -> None:
    command = ["git", *arguments]
    # The user asked for a clone by the git on the PATH; no shell reads the arguments.
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # nosec B603
    if run.returncode:
        reason = one_line(run.stderr)
        raise UserError(
            f"{REPOSITORY} cannot be cloned: {reason}; check the network and the ref, or clone it "
            "by hand and name the clone: leoclr host use PATH"
        )
