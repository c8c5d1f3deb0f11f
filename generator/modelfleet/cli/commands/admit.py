"""The command `admit`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modelfleet.admit import report as admit_report
from modelfleet.admit.admit import admit_files, gather, passed
from modelfleet.cli.options import complete_releases, release_named
from modelfleet.cli.output import WRONG, Exit, print_json, say, tell
from modelfleet.resolve import catalog
from modelfleet.rules.admission.request import display
from modelfleet.tools import schemas as api_schemas
from modelfleet.tools.folder import cache_folder
from modelfleet.wording import listed


@click.command(short_help="Check whether a cluster would accept manifests.")
@click.option(
    "--release",
    "name",
    required=True,
    metavar="RELEASE",
    shell_complete=complete_releases,
    help="The release of the cluster, such as rhoai-2.25; see `modelfleet releases`.",
)
@click.option(
    "--existing",
    type=click.Path(path_type=Path),
    help="A folder of live objects. Each file in it holds the object that the file of the same name updates.",
)
@click.option(
    "--default-mode",
    metavar="MODE",
    help="The deployment mode of a model that names none, if the cluster's defaultDeploymentMode was changed.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.pass_obj
def admit(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path, name: str, existing: Path | None, default_mode: str | None, form: str, files: tuple[str, ...]
) -> None:
    """Check whether a cluster with this release would accept manifests. FILE may be - for standard input.

    Each file is checked on its own. An object that it refers to, such as the runtime of a model, is looked up in the other
    files if exactly one object there has that name.

    To check an overlay, build it first: kustomize build DIR | modelfleet admit --release RELEASE -
    """

    release = catalog.release(release_named(name))
    modes = release.capabilities["deploymentModes"]
    if default_mode is not None and default_mode not in modes:
        message = f"{display(default_mode)} is not a deployment mode of {name}; one of {listed(modes)}"
        raise click.BadParameter(message, param_hint="--default-mode")
    given = gather(files, existing, sys.stdin.buffer.read)
    entries = [*release.crds, *api_schemas.mentioned([one.content for one in given])]
    schemas = api_schemas.schemas(cache_folder(root), api_schemas.schema_needs(release.kubernetes, entries), tell)
    verdicts = admit_files(given, release, schemas.folders, default_mode)
    if form == "json":
        print_json(admit_report.verdict_data(verdicts))
    else:
        for finding in admit_report.verdict_findings(verdicts):
            tell(finding.text())
        for line in admit_report.verdict_summary(verdicts, release.title):
            say(line)
    if not passed(verdicts):
        raise Exit(WRONG)
