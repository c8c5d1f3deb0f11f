"""The command `check`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.options import env_option, format_option, project_option, refuse_warnings, scope_of, strict_option
from modelfleet.cli.output import DOCUMENT_FORMATS, say, show_findings
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import Fleet, narrowed
from modelfleet.resolve.unknown_facts import unknown_facts
from modelfleet.wording import listed, plural


@click.command(short_help="Check every file; write nothing.")
@env_option
@project_option
@strict_option
@format_option
@click.pass_obj
def check(root: Path, environments: tuple[str, ...], projects: tuple[str, ...], strict: bool, form: str) -> None:
    """Check every file and render in memory; write nothing.

    An error is shown wherever it is, since nothing is rendered until it is fixed; --env and --project choose the warnings.
    """
    whole = fleet(root)
    found = narrowed(whole, scope_of(whole, environments, projects))
    show_findings(found.warnings, form)
    if form not in DOCUMENT_FORMATS:
        say(_summary(found))
        if sorts := _unknown(found):
            say(
                f"more could be checked with facts that are not written: {listed(sorts)}; `modelfleet doctor` lists them"
            )
    refuse_warnings(found.warnings, strict)


def _summary(found: Fleet) -> str:
    accepted = len(found.warnings) - len(found.open_warnings)
    models = sum(one.project.served for one in found.deployed)
    return (
        f"{plural(len({one.project.name for one in found.deployed}), 'project')} in "
        f"{plural(len(found.environments), 'environment')}: {plural(models, 'model')}, "
        f"{plural(sum(len(one.objects) for one in found.deployed), 'object')}"
        + (f", {plural(len(found.open_warnings), 'warning')}" if found.open_warnings else "; all specs are valid")
        + (f", {accepted} accepted" if accepted else "")
    )


def _unknown(found: Fleet) -> list[str]:
    """The sorts of facts that are missing somewhere and that checks depend on, each once."""
    facts = (
        fact
        for name, environment in found.environments.items()
        for fact in unknown_facts(
            environment, [one.project for one in found.deployed if one.project.environment.name == name]
        )
        if fact.checked
    )
    return list(dict.fromkeys(fact.sort for fact in facts))
