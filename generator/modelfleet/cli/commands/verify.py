"""The command `verify`."""

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
from modelfleet.cli.output import show_findings
from modelfleet.cli.proof import prove
from modelfleet.cli.sharing import FleetRun, run_options


@click.command(short_help="Verify the overlays with kustomize and kubeconform.")
@env_option
@project_option
@strict_option
@run_options
@format_option
@click.pass_obj
def verify(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path,
    environments: tuple[str, ...],
    projects: tuple[str, ...],
    strict: bool,
    run: FleetRun,
    form: str,
) -> None:
    """Build every overlay with the real kustomize and check it with kubeconform and the clusters' schemas."""
    whole = run.fleet()
    scope = run.scope(scope_of(whole, environments, projects))
    found = run.narrowed(whole, scope)
    shown = run.untold(found.warnings)
    if form == "text":  # in a workflow `check` has put them on their lines
        show_findings(shown, form)
    prove(run, replace(found, warnings=tuple(shown)), form, scope)
    refuse_warnings(shown if run.is_shard else found.warnings, strict)
