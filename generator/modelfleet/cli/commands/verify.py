"""The command `verify`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.options import format_option
from modelfleet.cli.output import show_findings
from modelfleet.cli.proof import prove
from modelfleet.pipeline.fleet import fleet


@click.command(short_help="Prove the overlays with kustomize and kubeconform.")
@format_option
@click.pass_obj
def verify(root: Path, form: str) -> None:
    """Build every overlay with the real kustomize and check it with kubeconform and the clusters' schemas."""
    found = fleet(root)
    if form == "text":  # in a workflow `check` has put them on their lines
        show_findings(found.warnings, form)
    prove(root, found, form)
