"""The command `check`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from modelfleet.cli.options import (
    env_option,
    format_option,
    project_option,
    refuse_warnings,
    scope_of,
    strict_option,
)
from modelfleet.cli.output import DOCUMENT_FORMATS, say, show_findings
from modelfleet.cli.sharing import FleetRun, run_options
from modelfleet.resolve.fleet import Fleet, narrowed, unknown_sorts
from modelfleet.wording import listed, plural


@click.command(short_help="Check every file; write nothing.")
@env_option
@project_option
@strict_option
@run_options
@format_option
@click.pass_obj
def check(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path,
    environments: tuple[str, ...],
    projects: tuple[str, ...],
    strict: bool,
    run: FleetRun,
    form: str,
) -> None:
    """Check every file and render in memory; write nothing.

    An error is shown wherever it is, since nothing is rendered until it is fixed; --env and --project choose the warnings.
    """
    whole = run.fleet()
    found = narrowed(whole, scope_of(whole, environments, projects))
    shown = run.untold(found.warnings)
    show_findings(shown, form)
    if form not in DOCUMENT_FORMATS:
        say(run.said_before + _summary(replace(found, warnings=tuple(shown)) if run.is_shard else found))
        if not run.is_shard and (sorts := unknown_sorts(found)):
            say(f"more could be checked with facts that are missing: {listed(sorts)}; `modelfleet doctor` lists them")
    refuse_warnings(shown if run.is_shard else found.warnings, strict)


def _summary(found: Fleet) -> str:
    accepted = len(found.warnings) - len(found.open_warnings)
    briefs = [one.brief for one in found.deployed]
    return (
        f"{plural(len({brief.name for brief in briefs}), 'project')} in "
        f"{plural(len(found.environments), 'environment')}: {plural(sum(brief.served for brief in briefs), 'model')}, "
        f"{plural(sum(brief.objects for brief in briefs), 'object')}"
        + (f", {plural(len(found.open_warnings), 'warning')}" if found.open_warnings else "; all specs are valid")
        + (f", {accepted} accepted" if accepted else "")
    )
