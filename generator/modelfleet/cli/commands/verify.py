"""The command `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelfleet.cli.options import (
    cache_option,
    env_option,
    format_option,
    project_option,
    refuse_warnings,
    scope_of,
    strict_option,
)
from modelfleet.cli.output import show_findings
from modelfleet.cli.proof import prove
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import narrowed

if TYPE_CHECKING:
    from modelfleet.tools.store import Memory


@click.command(short_help="Prove the overlays with kustomize and kubeconform.")
@env_option
@project_option
@strict_option
@cache_option
@format_option
@click.pass_obj
def verify(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path,
    environments: tuple[str, ...],
    projects: tuple[str, ...],
    strict: bool,
    memory: Memory | None,
    form: str,
) -> None:
    """Build every overlay with the real kustomize and check it with kubeconform and the clusters' schemas."""
    whole = fleet(root, memory=memory)
    scope = scope_of(whole, environments, projects)
    found = narrowed(whole, scope)
    if form == "text":  # in a workflow `check` has put them on their lines
        show_findings(found.warnings, form)
    prove(root, found, form, scope)
    refuse_warnings(found.warnings, strict)
