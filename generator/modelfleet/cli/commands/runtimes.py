"""The command `runtimes`."""

from __future__ import annotations

import click

from modelfleet.cli.options import complete_releases, release_named, text_or_json
from modelfleet.cli.output import print_json, print_table
from modelfleet.reference import reference


@click.command(short_help="Show the serving runtimes of each release.")
@click.option(
    "--release",
    "name",
    metavar="RELEASE",
    shell_complete=complete_releases,
    help="Only what this release ships, such as rhoai-2.25.",
)
@text_or_json
def runtimes(name: str | None, form: str) -> None:
    """Show the serving runtimes that each release ships, and what they serve."""

    found = reference.runtimes(None if name is None else release_named(name))
    if form == "json":
        print_json(found)
    else:
        print_table(reference.runtime_rows(found, releases=name is None))
