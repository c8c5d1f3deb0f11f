"""The command `plan`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from modelfleet.cli.options import env_option, no_such, refuse_warnings, scope_of, strict_option
from modelfleet.cli.output import Exit, exit_code, print_json, put, screen_in_use, show_findings, tell, wants_colour
from modelfleet.cli.sharing import FleetRun, run_options
from modelfleet.finding import MachineFailed
from modelfleet.plan.machine import plan_data
from modelfleet.plan.markdown import plan_markdown
from modelfleet.plan.plan import plan as make
from modelfleet.plan.report import plan_text
from modelfleet.plan.result import NoSuchEnvironment
from modelfleet.resolve.fleet import narrowed
from modelfleet.tree import write
from modelfleet.wording import plural, printable

PLAN_STYLES: Mapping[str, Mapping[str, Any]] = {
    "head": {"bold": True},
    "good": {"fg": "green"},
    "mild": {"fg": "cyan"},
    "warn": {"fg": "yellow"},
    "bad": {"fg": "red", "bold": True},
    "added": {"fg": "green"},
    "removed": {"fg": "red"},
    "faint": {"dim": True},
}
"""How the lines of a plan look on a terminal; elsewhere they have no colours."""


@click.command(short_help="Show what merging does to running models.")
@click.option(
    "--against",
    metavar="REV",
    help="The revision to compare with, instead of where the branch forked from argocd.revision.",
)
@env_option
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", help="Output format."
)
@strict_option
@run_options
@click.option("--no-diff", is_flag=True, help="Leave the diffs of the objects out of text output.")
@click.pass_obj
def plan(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path,
    against: str | None,
    environments: tuple[str, ...],
    form: str,
    strict: bool,
    run: FleetRun,
    no_diff: bool,
) -> None:
    """Show what merging does to running models. The exit code is 4 if it destroys what nobody has acknowledged."""

    if against is not None and (not against or against.startswith("-")):
        raise click.UsageError(printable(f"--against {against}: there is no such revision"))
    found = run.fleet()
    if run.is_shard:
        tell(
            f"{run.said_before}{plural(len({one.brief.name for one in found.deployed}), 'project')} prepared for the plan"
        )
        return
    try:
        made_plan = make(root, found, against, environments)
    except NoSuchEnvironment as wrong:
        raise click.UsageError(no_such("--env", wrong.name, wrong.known)) from None
    if reason := write.unfinished(root):
        raise MachineFailed(reason)
    if form == "json":
        print_json(plan_data(made_plan))
    elif form == "markdown":
        put(plan_markdown(made_plan), end="")
    else:
        coloured = wants_colour(screen_in_use().color, sys.stdout)
        for line in plan_text(made_plan, with_differences=not no_diff):
            click.secho(printable(line.text), color=coloured, **PLAN_STYLES.get(line.tone, {}))
    if form != "json":
        show_findings(made_plan.findings, "text")
    warnings = narrowed(found, scope_of(found, environments, ())).warnings if strict else ()
    show_findings(warnings, "text")
    if code := exit_code(made_plan.findings):
        raise Exit(code)
    refuse_warnings([*made_plan.findings, *warnings], strict)
