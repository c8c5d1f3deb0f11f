"""The command `endpoints`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.options import env_option, project_option, scope_of
from modelfleet.cli.output import print_json, say
from modelfleet.endpoints import report as told
from modelfleet.endpoints.endpoints import endpoints as endpoints_of
from modelfleet.pipeline.fleet import fleet


@click.command(short_help="Show where each model answers.")
@env_option
@project_option
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "markdown"]), default="table", help="How it is printed."
)
@click.pass_obj
def endpoints(root: Path, environments: tuple[str, ...], projects: tuple[str, ...], form: str) -> None:
    """Show where each model answers: addresses, tokens, and a line to try it."""

    found = fleet(root)
    scope = scope_of(found, environments, projects)
    chosen = [one for one in found.deployed if scope.owns((one.project.environment.name, one.project.name))]
    chosen.sort(key=lambda one: (one.project.environment.name, one.project.name))
    listed = [each for one in chosen for each in endpoints_of(one.project, one.objects)]
    if form == "json":
        print_json(told.endpoint_data(listed))
        return
    for line in told.endpoint_markdown(listed) if form == "markdown" else told.endpoint_lines(listed):
        say(line)
