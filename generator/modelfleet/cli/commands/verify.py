"""The command `verify`."""

from __future__ import annotations

from dataclasses import replace

import click

from modelfleet.cli.output import show_findings
from modelfleet.cli.proof import prove
from modelfleet.cli.sharing import FleetChoice, FleetRun, fleet_options, run_options


@click.command(short_help="Verify the overlays with kustomize and kubeconform.")
@fleet_options
@run_options
def verify(choice: FleetChoice, run: FleetRun) -> None:
    """Build every overlay with the real kustomize and check it with kubeconform and the clusters' schemas."""
    whole = run.fleet()
    scope = run.scope(choice.scope(whole))
    found = run.narrowed(whole, scope)
    shown = run.untold(found.warnings)
    if choice.form == "text":  # in a workflow `check` has put them on their lines
        show_findings(shown, choice.form)
    prove(run, replace(found, warnings=tuple(shown)), choice.form, scope)
    choice.refuse(shown if run.is_shard else found.warnings)
