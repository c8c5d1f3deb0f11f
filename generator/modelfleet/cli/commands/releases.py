"""The command `releases`."""

from __future__ import annotations

import click

from modelfleet.cli.options import text_or_json
from modelfleet.cli.output import print_json, print_table, say
from modelfleet.reference import reference


@click.command(short_help="Show what each release can do.")
@text_or_json
def releases(form: str) -> None:
    """Show what each release of OpenShift AI can do, and how long it is supported."""

    if form == "json":
        print_json(reference.release_data())
        return
    print_table(reference.release_rows())
    say()
    for line in reference.release_notes():
        say(line)
