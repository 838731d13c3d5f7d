"""Print the JSON schema of the configurations, or the reference page of their keys."""

from __future__ import annotations

import argparse

EXAMPLE = "leoclr config schema > leoclr.schema.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    schema = what.add_parser("schema", help="the JSON schema, by which an editor checks a config")
    schema.set_defaults(act=_schema)
    reference = what.add_parser("reference", help="all keys with their values, in Markdown")
    reference.set_defaults(act=_reference)


def run(args: argparse.Namespace) -> None:
    """Print what is asked for."""
    args.act()


def _schema() -> None:
    import json

    from leoclr_plugin.config.json_schema import json_schema

    print(json.dumps(json_schema(), indent=2))


def _reference() -> None:
    from leoclr_plugin.config.reference import reference

    print(reference(), end="")
