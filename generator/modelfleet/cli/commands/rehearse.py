"""The command `rehearse`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modelfleet.cli.options import complete_environments, complete_releases, no_such, release_named
from modelfleet.cli.output import WRONG, Exit, put, say, tell
from modelfleet.finding import MachineFailed
from modelfleet.migrate.migrate import repository_state
from modelfleet.rehearse.branches import write_branches
from modelfleet.rehearse.document import train_document
from modelfleet.rehearse.train import train_of
from modelfleet.resolve import catalog
from modelfleet.resolve.road import road
from modelfleet.tree import write
from modelfleet.wording import plural, printable


@click.command(short_help="Plan an upgrade as a train of pull requests.")
@click.option(
    "--env", "environment", required=True, metavar="NAME", shell_complete=complete_environments, help="The environment."
)
@click.option(
    "--to",
    "goal",
    required=True,
    metavar="RELEASE",
    shell_complete=complete_releases,
    help="The release to upgrade to, such as rhoai-3.5.",
)
@click.option("--write", "written", is_flag=True, help="Also write each pull request as a local branch.")
@click.pass_obj
def rehearse(root: Path, environment: str, goal: str, *, written: bool) -> None:
    """Plan the upgrade of an environment to another release, as a train of pull requests.

    The train follows the supported upgrade path from release to release. Every state on the way is rendered and checked
    against each release that runs at that moment, and no model is ever more open than before. The exit code is 1 if
    something has to be done by hand first.
    """
    goal = release_named(goal, "--to")
    state = repository_state(root)
    if reason := write.unfinished(root):
        raise MachineFailed(reason)
    known = state.fleet.environments
    if environment not in known:
        raise click.UsageError(no_such("--env", environment, sorted(known)))
    release = known[environment].release
    way = road(release.name, goal) if release is not None else None
    if way is None or release is None:
        start = release.title if release is not None else "no release"
        message = (
            f"--to {goal}: there is no supported road from {start} there; docs/upgrades.md has those that there are"
        )
        raise click.UsageError(printable(message))
    if len(way) == 1:
        say(f"{environment} is on {catalog.release(goal).title} already")
        return
    train = train_of(root, state, environment, way, tell if sys.stderr.isatty() else lambda text: None)
    branches = write_branches(root, train) if written and not train.obstacles else ()
    put("\n".join(map(printable, train_document(train))))
    if branches:
        tell(f"modelfleet: wrote {plural(len(branches), 'branch', 'branches')}, {branches[0]} to {branches[-1]}")
    if train.obstacles:
        if written:
            tell("modelfleet: no branch was written, since something has to be done by hand first")
        raise Exit(WRONG)
