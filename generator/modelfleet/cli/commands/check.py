"""The command `check`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.options import format_option
from modelfleet.cli.output import say, show_findings
from modelfleet.pipeline.fleet import fleet
from modelfleet.wording import plural


@click.command(short_help="Check every file; write nothing.")
@format_option
@click.pass_obj
def check(root: Path, form: str) -> None:
    """Check every file and render in memory; write nothing."""

    found = fleet(root)
    show_findings(found.warnings, form)
    if form == "json":
        return
    models = sum(one.project.served for one in found.deployed)
    say(
        f"{plural(len({one.project.name for one in found.deployed}), 'project')} in "
        f"{plural(len(found.environments), 'environment')}: {plural(models, 'model')}, "
        f"{plural(sum(len(one.objects) for one in found.deployed), 'object')}"
        + (f", {plural(len(found.warnings), 'warning')}" if found.warnings else "; all specs are valid")
    )
