"""The command `rules`."""

from __future__ import annotations

import click

from modelfleet.cli.options import text_or_json
from modelfleet.cli.output import print_json, print_table
from modelfleet.reference import reference


@click.command(short_help="List every rule.")
@text_or_json
def rules(form: str) -> None:
    """List every rule with its code, who would refuse what breaks it, and the releases that it applies to."""

    if form == "json":
        print_json(reference.rule_data())
    else:
        print_table(reference.rule_rows())
