"""The command `endpoints`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from modelfleet.cli.options import env_option, project_option, scope_of
from modelfleet.cli.output import DRIFT, Exit, print_json, say, tell
from modelfleet.endpoints import report as told
from modelfleet.endpoints.clients import CLIENTS, client_configuration
from modelfleet.endpoints.contract import contract_path, contract_text
from modelfleet.endpoints.endpoints import endpoints as endpoints_of
from modelfleet.layout import EVERYTHING, Scope
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import DeployedProject, Fleet
from modelfleet.tree.compare import current, stale_reason
from modelfleet.tree.write import recover, write
from modelfleet.wording import plural

_FORMATS = ["table", "json", "markdown", *CLIENTS]


@click.command(short_help="Show where each model answers.")
@env_option
@project_option
@click.option("--format", "form", type=click.Choice(_FORMATS), default="table", help="Output format.")
@click.option("--inside", is_flag=True, help="In a client's configuration, use the addresses inside the cluster.")
@click.option(
    "--lock", is_flag=True, help="Write what callers can rely on to endpoints.lock.yaml next to each overlay."
)
@click.option("--check", "only_check", is_flag=True, help="With --lock: write nothing; exit 3 if a contract differs.")
@click.pass_obj
def endpoints(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path,
    /,
    environments: tuple[str, ...],
    projects: tuple[str, ...],
    form: str,
    *,
    inside: bool,
    lock: bool,
    only_check: bool,
) -> None:
    """Show where each model answers: its addresses, its tokens, and a command to try it.

    The formats open-webui, litellm, llama-stack and backstage print configuration for these programs, for one environment.
    """
    if only_check and not lock:
        message = "--check requires --lock"
        raise click.UsageError(message)
    if lock and not only_check:
        recover(root)
    found = fleet(root)
    scope = scope_of(found, environments, projects)
    chosen = [one for one in found.deployed if scope.owns((one.project.environment.name, one.project.name))]
    chosen.sort(key=lambda one: (one.project.environment.name, one.project.name))
    if lock:
        _lock(root, found, chosen, only_check)
        return
    listed = [each for one in chosen for each in endpoints_of(one.project, one.objects)]
    if form in CLIENTS:
        if len({one.project.environment.name for one in chosen}) > 1:
            message = f"--format {form} is for one environment, since models have the same names in others: select it with --env"
            raise click.UsageError(message)
        click.echo(client_configuration(form, listed, inside), nl=False)
        return
    if form == "json":
        print_json(told.endpoint_data(listed))
        return
    for line in told.endpoint_markdown(listed) if form == "markdown" else told.endpoint_lines(listed):
        say(line)


def _lock(root: Path, found: Fleet, chosen: Sequence[DeployedProject], only_check: bool) -> None:
    """Writes the contracts of these projects; those of others stay as they are."""
    contracts = {contract_path(one.project): contract_text(one.project, one.objects) for one in chosen}
    differing = [path for path, text in contracts.items() if current(root, path) != text]
    if only_check:
        for path in differing:
            say(f"{path} is out of date; run `modelfleet endpoints --lock`")
        if differing:
            raise Exit(DRIFT)
        say(f"up to date: {plural(len(contracts), 'contract')}")
        return
    if reason := stale_reason(root, found.files, EVERYTHING):
        tell(f"modelfleet: {reason}")
        raise Exit(DRIFT)
    known = {path for path in contracts if current(root, path)}
    write(root, {**found.files, **contracts}, Scope())
    for path in differing:
        say(f"{'changed' if path in known else 'new'}: {path}")
    say(f"{plural(len(contracts), 'contract')}, {len(differing)} written")
