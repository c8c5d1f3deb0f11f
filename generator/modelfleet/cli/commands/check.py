"""The command `check`."""

from __future__ import annotations

from dataclasses import replace

import click

from modelfleet.cli.output import DOCUMENT_FORMATS, say, show_findings
from modelfleet.cli.sharing import FleetChoice, FleetRun, fleet_options, run_options
from modelfleet.resolve.fleet import Fleet, narrowed, unknown_sorts
from modelfleet.wording import listed, plural


@click.command(short_help="Check every file; write nothing.")
@fleet_options
@run_options
def check(choice: FleetChoice, run: FleetRun) -> None:
    """Check every file and render in memory; write nothing.

    Errors are always shown, because nothing is rendered until they are fixed. --env and --project choose which warnings are
    shown.
    """
    whole = run.fleet()
    found = narrowed(whole, choice.scope(whole))
    shown = run.untold(found.warnings)
    show_findings(shown, choice.form)
    if choice.form not in DOCUMENT_FORMATS:
        say(run.said_before + _summary(replace(found, warnings=tuple(shown)) if run.is_shard else found))
        if not run.is_shard and (sorts := unknown_sorts(found)):
            say(f"more could be checked with facts that are missing: {listed(sorts)}; `modelfleet doctor` lists them")
    choice.refuse(shown if run.is_shard else found.warnings)


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
