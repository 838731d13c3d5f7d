"""The entry point of the console script ``leoclr``."""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from leoclr_plugin.commands import (
    ablation,
    bench,
    check_data,
    compare,
    config,
    demo,
    detect,
    doctor,
    embed,
    export,
    finetune,
    host,
    knn,
    linear,
    measure,
    pairs,
    pictures,
    pretrain,
    robustness,
    solo,
    stats,
    transfer,
    umap,
    views,
    zoo,
)
from leoclr_plugin.commands.zoo_weights import with_zoo_files
from leoclr_plugin.errors import UserError, of_file
from leoclr_plugin.system.memory import shortage
from leoclr_plugin.terminal import printable, say, tell
from leoclr_plugin.version import __version__

# A write fails with one of these when the disk is full, the user's quota is used up or the file
# exceeds the allowed size.
_DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COMMANDS = (
    demo,
    pretrain,
    linear,
    measure,
    finetune,
    detect,
    knn,
    transfer,
    robustness,
    umap,
    pictures,
    embed,
    pairs,
    views,
    check_data,
    stats,
    compare,
    ablation,
    bench,
    zoo,
    export,
    config,
    host,
    solo,
    doctor,
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors may quote any text, also those of the parsers of subcommands."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = _Parser(
        prog="leoclr",
        description="LeOCLR: contrastive learning with the whole image as anchor.",
        epilog="leoclr COMMAND --help shows a working example of each command.",
        parents=[_common_options()],
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        name = command.__name__.rsplit(".", 1)[-1].replace("_", "-")
        sub = commands.add_parser(
            name,
            parents=[_common_options()],
            help=command.__doc__.splitlines()[0],
            description=command.__doc__,
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _common_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--debug",
        action="store_true",
        # With a default, the command's own parser would overwrite a --debug before the command.
        default=argparse.SUPPRESS,
        help="show the traceback of an error as well as its one line",
    )
    return parser


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse a command line. ``key=value`` and ``--debug`` may stand anywhere in it.

    The arguments of a script that ``leoclr solo`` runs are not parsed.
    """
    argv, script_arguments = _split_off_script_arguments(sys.argv[1:] if argv is None else argv)
    # Look for --debug first, because the parsers of subcommands such as "zoo list" lack it.
    args, rest = _common_options().parse_known_args(argv, argparse.Namespace(debug=False))
    parser = build_parser()
    args, rest = parser.parse_known_args(rest, args)
    unknown = [word for word in rest if word.startswith("-") or "overrides" not in args]
    if unknown:
        options = f"leoclr {args.command} --help shows the options"
        parser.error(f"unrecognized arguments: {' '.join(unknown)}; {options}")
    # argparse fills a list of positional arguments only from the first words that stand together,
    # so add the overrides after an option here.
    if rest:
        args.overrides += rest
    if script_arguments:
        args.arguments = script_arguments
    return args


def _split_off_script_arguments(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split ``solo SCRIPT ...`` after the script; any other command line stays whole."""
    words = [place for place, word in enumerate(argv) if not word.startswith("-")]
    end = words[1] + 1 if len(words) > 1 and argv[words[0]] == "solo" else len(argv)
    return list(argv[:end]), list(argv[end:])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    The code is 0 for success and 2 for an error that the user can fix, which is reported in one
    line on stderr. Files that cannot be read or written and a lack of memory count as such errors.
    As in a shell, the code is 141 when the reader of stdout has closed it, as ``head`` does, and
    130 after Ctrl-C.
    """
    _open_closed_streams()
    _escape_unprintable_characters()
    args = parse(argv)
    _limit_spinning_of_threads()
    try:
        if "overrides" in args:
            args.overrides = with_zoo_files(args.overrides)
        args.run(args)
        # Flush here: an error at interpreter exit could not be reported.
        sys.stdout.flush()
    except UserError as error:
        return _report_user_error(args, str(error))
    except BrokenPipeError:
        if not _stdout_is_closed():
            raise
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        _print_error(args, "interrupted")
        return 128 + signal.SIGINT
    except OSError as error:
        if error.filename is not None:
            return _report_user_error(args, of_file(error.filename, error))
        if error.errno not in _DISK_FULL_ERRORS:
            # The error does not concern a file, so the user could not fix it.
            raise
        return _report_user_error(args, of_file("the output", error))
    except (MemoryError, RuntimeError) as error:
        line = shortage(error)
        if line is None:
            raise
        return _report_user_error(args, line)
    return 0


def _open_closed_streams() -> None:
    # Python has None in the place of a stream that the shell has closed, as ``>&-`` does.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def _escape_unprintable_characters() -> None:
    # The terminal's encoding may lack characters of a path or the ± of a table. Python already
    # escapes them on stderr.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _limit_spinning_of_threads() -> None:
    # By default, threads of libgomp that wait for one another spin for milliseconds and occupy
    # cores that the data loader could use (see benchmarks/RESULTS.md). libgomp reads this variable
    # when torch is imported, so set it before a command does that.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _stdout_is_closed() -> bool:
    try:
        say(flush=True)
    except BrokenPipeError:
        # Python flushes stdout once more when it exits, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _report_user_error(args: argparse.Namespace, line: str) -> int:
    _print_error(args, line)
    return 2


def _print_error(args: argparse.Namespace, line: str) -> None:
    if args.debug:
        tell(*traceback.format_exc().splitlines())
    tell(f"leoclr {args.command}: {line}")
