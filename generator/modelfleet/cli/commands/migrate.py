"""The command `migrate`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.options import complete_projects, env_option, no_such
from modelfleet.cli.output import WRONG, Exit, say, tell
from modelfleet.finding import MachineFailed, Rejected
from modelfleet.migrate.migrate import (
    MIGRATIONS,
    Migration,
    RepositoryState,
    TakenStep,
    repository_state,
    take,
    write_documents,
)
from modelfleet.migrate.report import step_lines
from modelfleet.migrate.step import NotMigratable
from modelfleet.tree import write
from modelfleet.wording import printable

_NOTHING = {
    "multi-model": "there is no model server, so it is already single-model",
    "advanced": "no model is in mode advanced any more",
    "accelerator-profiles": "none of its accelerators depends on an accelerator profile alone",
    "llmd-scaling": "it takes one step, --step add, where the load scales a model with llmd",
}


_MODELS = "the new models are already there; `--step remove` removes the old ones"
_BEGUN = {
    "multi-model": _MODELS,
    "advanced": _MODELS,
    "accelerator-profiles": "the hardware profiles are already there; `--step remove` removes the tolerations",
}


@click.command(short_help="Move a spec away from what a release removes, in two steps.")
@click.argument("kind", type=click.Choice(MIGRATIONS))
@click.option("--project", required=True, metavar="NAME", shell_complete=complete_projects, help="The project.")
@env_option
@click.option(
    "--step",
    type=click.Choice(["add", "remove"]),
    help="Write this step into the spec; without it, both are described.",
)
@click.pass_obj
def migrate(root: Path, kind: str, project: str, environments: tuple[str, ...], step: str | None) -> None:
    """Rewrite a project's spec from what a release removes to what replaces it.

    The first step adds the new beside the old, and the second one removes the old. Sizes, accelerators, exposure and
    authorization do not change, and comments stay where they are.
    """
    state = repository_state(root)
    if reason := write.unfinished(root):
        raise MachineFailed(reason)
    _refuse_unknown(state, project, environments)
    asked = Migration(kind, project, frozenset(environments))
    try:
        if step is None:
            _describe(root, state, asked)
        else:
            _take(root, state, asked, step)
    except Rejected:
        tell(
            "modelfleet: nothing was written, since the project would be refused afterwards, on these lines of its new spec:"
        )
        raise
    except NotMigratable as reason:
        tell(f"modelfleet: {printable(str(reason))}; nothing was written")
        raise Exit(WRONG) from None


def _refuse_unknown(state: RepositoryState, project: str, environments: tuple[str, ...]) -> None:
    if project not in state.repository.projects:
        raise click.UsageError(no_such("--project", project, sorted(state.repository.projects)))
    known = state.of(project)
    for name in environments:
        if name not in state.repository.environments:
            raise click.UsageError(no_such("--env", name, sorted(state.repository.environments)))
        if name not in known:
            message = f"--env {name}: {project} does not run there; it runs in {', '.join(known)}"
            raise click.UsageError(printable(message))


def _take(root: Path, state: RepositoryState, asked: Migration, step: str) -> None:
    taken = take(root, state, asked, step)
    if taken is None or not taken.documents:
        say(_nothing_to_do(root, state, asked, step, taken))
        return
    lines = list(step_lines(taken, asked))
    write_documents(root, taken)
    for document in taken.documents:
        say(f"wrote {document.file}")
    for line in lines:
        say(line)


def _nothing_to_do(root: Path, state: RepositoryState, asked: Migration, step: str, taken: TakenStep | None) -> str:
    if taken is not None:
        return f"{asked.project}: nothing to {step}: {'; '.join(taken.step.remarks)}"
    why = _BEGUN.get(asked.kind) if step == "add" and _can_remove(root, state, asked) else None
    return f"{asked.project}: nothing to {step}: {why or _NOTHING[asked.kind]}"


def _can_remove(root: Path, state: RepositoryState, asked: Migration) -> bool:
    try:
        taken = take(root, state, asked, "remove")
    except NotMigratable:
        return False
    return taken is not None and bool(taken.documents)


def _describe(root: Path, state: RepositoryState, asked: Migration) -> None:
    """Both steps, the second as it will be after the first."""
    for number, step in enumerate(("add", "remove"), 1):
        try:
            taken = take(root, state, asked, step)
        except NotMigratable as reason:
            if step == "add":
                raise
            say(f"step {number}, --step {step}: not yet: {printable(str(reason))}")
            continue
        if taken is None or not taken.documents:
            say(_nothing_to_do(root, state, asked, step, taken))
            continue
        say(f"step {number}, --step {step}:")
        for line in step_lines(taken, asked):
            say(f"  {line}")
        state = taken.after
    say("nothing was written; --step writes")
