"""Print the JSON schema of the configurations, or the reference page of their keys."""

from __future__ import annotations

import argparse

from leoclr_plugin.terminal import say_text

EXAMPLE = "leoclr config schema > leoclr.schema.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    schema = what.add_parser("schema", help="the JSON schema, with which an editor checks a config")
    schema.set_defaults(act=_print_schema)
    reference = what.add_parser("reference", help="all keys and their values, in Markdown")
    reference.set_defaults(act=_print_reference)


def run(args: argparse.Namespace) -> None:
    """Print the schema or the reference page."""
    args.act()


def _print_schema() -> None:
    import json

    from leoclr_plugin.config.json_schema import json_schema

    say_text(json.dumps(json_schema(), indent=2))


def _print_reference() -> None:
    from leoclr_plugin.config.reference import reference

    say_text(reference())
