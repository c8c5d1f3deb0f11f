"""The command `labels`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.options import env_option, scope_of
from modelfleet.cli.output import say, tell
from modelfleet.pipeline.fleet import fleet
from modelfleet.report.render import label_commands


@click.command(short_help="Print the labels that namespaces need.")
@env_option
@click.pass_obj
def labels(root: Path, environments: tuple[str, ...]) -> None:
    """Print the `oc label` commands for namespaces that are created elsewhere.

    Without these labels, the dashboard does not show the models, or they never load.
    """

    found = fleet(root)
    scope_of(found, environments, ())
    chosen = [one.project for one in found.deployed if not environments or one.project.environment.name in environments]
    commands = list(label_commands(chosen))
    for command in commands:
        say(command)
    if not commands:
        tell("modelfleet: nothing to label, the namespaces are rendered with their labels (namespaces: managed)")
