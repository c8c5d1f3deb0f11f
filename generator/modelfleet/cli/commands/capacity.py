"""The command `capacity`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from modelfleet.capacity.capacity import environment_capacity
from modelfleet.capacity.report import capacity_json, capacity_lines
from modelfleet.cli.options import env_option, project_option, scope_of, text_or_json
from modelfleet.cli.output import print_json, say
from modelfleet.pipeline.fleet import fleet


@click.command(short_help="Show what fits: GPU memory, quotas, nodes.")
@env_option
@project_option
@text_or_json
@click.pass_obj
def capacity(root: Path, environments: tuple[str, ...], projects: tuple[str, ...], form: str) -> None:
    """Show what fits: GPU memory and how it is calculated, what is left of quotas, and room on nodes."""
    found = fleet(root, though_crowded=True)
    scope = scope_of(found, environments, projects)
    shown = []
    for name in sorted(name for name in found.environments if scope.owns((name,))):
        here = [one for one in found.deployed if one.project.environment.name == name]
        whole = environment_capacity(found.environments[name], here)
        shown.append(replace(whole, projects=tuple(one for one in whole.projects if scope.owns((name, one.name)))))
    if form == "json":
        print_json(capacity_json(shown))
        return
    for line in capacity_lines(shown):
        say(line)
