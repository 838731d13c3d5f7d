"""Install solo-learn, or choose or show the host that is used."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.terminal import say

EXAMPLE = "leoclr host install"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    show = what.add_parser("show", help="show the host, why it is used, and where the configs are")
    show.set_defaults(act=_show)

    install = what.add_parser("install", help="clone the tested commit and use it from then on")
    install.add_argument("--ref", help="clone this commit, tag or branch instead")
    install.add_argument(
        "--dest",
        type=Path,
        metavar="DIR",
        help="clone into this new folder instead of the user's cache",
    )
    install.set_defaults(act=_install)

    use = what.add_parser("use", help="use the bundled host, or a clone of solo-learn")
    use.add_argument("host", metavar="bundled|auto|PATH", help="auto undoes an earlier choice")
    use.set_defaults(act=_use)


def run(args: argparse.Namespace) -> None:
    """Run the subcommand."""
    args.act(args)


def _show(args: argparse.Namespace) -> None:
    from leoclr_plugin.config import scripts_folder
    from leoclr_plugin.host.select import choose_host

    choice = choose_host()
    say(f"host     {choice.name}: {choice.reason}")
    if choice.source_tree is not None:
        say(f"folder   {choice.source_tree}")
    say(f"configs  {scripts_folder()}")


def _install(args: argparse.Namespace) -> None:
    from leoclr_plugin.host.install import TESTED_REF, choose, install

    folder = install(args.ref or TESTED_REF, args.dest)
    choose(str(folder.resolve()))
    say(f"solo-learn is in {folder} and is used from now on; leoclr host use auto undoes this")


def _use(args: argparse.Namespace) -> None:
    from leoclr_plugin.host.install import choose
    from leoclr_plugin.host.select import check_source_tree, choose_host

    if args.host in ("bundled", "auto"):
        choose(None if args.host == "auto" else args.host)
    else:
        folder = Path(args.host).resolve()
        check_source_tree(folder, f"host use {args.host}")
        choose(str(folder))
    choice = choose_host()
    say(f"host     {choice.name}: {choice.reason}")
