"""Entry point of the console script ``leoclr``."""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from leoclr_plugin.commands import (
    ablation,
    bench,
    check_data,
    compare,
    config,
    demo,
    doctor,
    export,
    host,
    knn,
    linear,
    pretrain,
    umap,
    views,
    zoo,
)
from leoclr_plugin.errors import UserError, of_file
from leoclr_plugin.memory import shortage
from leoclr_plugin.version import __version__

# Of the disk, of the user's share of it, of a file's size: what fails is a write, of any file.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COMMANDS = (
    demo,
    pretrain,
    linear,
    knn,
    umap,
    views,
    check_data,
    compare,
    ablation,
    bench,
    zoo,
    export,
    config,
    host,
    doctor,
)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="leoclr",
        description="LeOCLR: contrastive learning with the whole image as anchor.",
        epilog="leoclr COMMAND --help shows a working example of each command.",
        parents=[_for_all()],
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        name = command.__name__.rsplit(".", 1)[-1].replace("_", "-")
        sub = commands.add_parser(
            name,
            parents=[_for_all()],
            help=command.__doc__.splitlines()[0],
            description=command.__doc__,
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _for_all() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--debug",
        action="store_true",
        # A command's default would undo what was found before.
        default=argparse.SUPPRESS,
        help="show the traceback of an error, not one line alone",
    )
    return parser


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse a command line; ``key=value`` and ``--debug`` may stand anywhere in it."""
    # Found beforehand: a command's own commands, such as zoo's, do not know it.
    args, rest = _for_all().parse_known_args(argv, argparse.Namespace(debug=False))
    parser = build_parser()
    args, rest = parser.parse_known_args(rest, args)
    unknown = [word for word in rest if word.startswith("-") or "overrides" not in args]
    if unknown:
        options = f"leoclr {args.command} --help shows the options"
        parser.error(f"unrecognized arguments: {' '.join(unknown)}; {options}")
    # argparse fills a list of positional arguments from their first unbroken run alone
    if rest:
        args.overrides += rest
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 2 after a user's error, told in one line on stderr.

    A file that cannot be read or written is one, and memory that does not suffice. A shell's codes
    where the reader of stdout has left, as ``head`` does: 141, and after Ctrl-C: 130.
    """
    _print_anything()
    args = parse(argv)
    _let_threads_sleep()
    try:
        args.run(args)
        # Else Python does it after the last moment to say something of it.
        sys.stdout.flush()
    except UserError as error:
        return _refused(args, str(error))
    except BrokenPipeError:
        if not _reader_has_left():
            raise
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        _tell(args, "interrupted")
        return 128 + signal.SIGINT
    except OSError as error:
        if error.filename is not None:
            return _refused(args, of_file(error.filename, error))
        if error.errno not in _NO_ROOM:
            # Not of a file that the user could have named.
            raise
        return _refused(args, of_file("what is to be written", error))
    except (MemoryError, RuntimeError) as error:
        line = shortage(error)
        if line is None:
            raise
        return _refused(args, line)
    return 0


def _print_anything() -> None:
    # A path can have what the terminal's encoding does not, and a table its ±. So does stderr.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _let_threads_sleep() -> None:
    # libgomp's threads spin for milliseconds until the others are there, by default, on cores that
    # the loader or another process could have (benchmarks/RESULTS.md). It reads this when torch
    # is loaded, which no command has done yet.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _reader_has_left() -> bool:
    try:
        print(flush=True)
    except BrokenPipeError:
        # For what is still to be flushed when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _refused(args: argparse.Namespace, line: str) -> int:
    _tell(args, line)
    return 2


def _tell(args: argparse.Namespace, line: str) -> None:
    if args.debug:
        traceback.print_exc()
    print(f"leoclr {args.command}: {line}", file=sys.stderr)
