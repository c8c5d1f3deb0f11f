"""The command `fleet`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.options import env_option, scope_of
from modelfleet.cli.output import print_json, say
from modelfleet.overview.facts import fleet_overview
from modelfleet.overview.page import fleet_page
from modelfleet.overview.report import overview_data, overview_lines
from modelfleet.pipeline.fleet import fleet as whole_fleet


@click.command(short_help="Show the whole fleet: models, accelerators, who can reach what.")
@env_option
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", help="Output format.")
@click.pass_obj
def fleet(root: Path, /, environments: tuple[str, ...], form: str) -> None:
    """Show every model in every environment: what serves it, what it uses, and who can reach it.

    The html format is one self-contained page: modelfleet fleet --format html > fleet.html
    """
    everything = whole_fleet(root)
    scope_of(everything, environments, ())
    found = fleet_overview(everything, environments)
    if form == "json":
        print_json(overview_data(found))
    elif form == "html":
        click.echo(fleet_page(found), nl=False)
    else:
        for line in overview_lines(found):
            say(line)
