"""Takes a step of a migration: in memory first, where everything is checked and rendered, and only then in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.migrate.accelerator_profiles import add_profiles, remove_tolerations
from modelfleet.migrate.advanced import add_standard, remove_advanced
from modelfleet.migrate.llmd_scaling import fix_replicas, keep_fixed
from modelfleet.migrate.multi_model import add_deployments, remove_servers
from modelfleet.migrate.rewrite import rewritten
from modelfleet.migrate.step import FactsStep, MigratedFacts, MigratedSpec, Step
from modelfleet.pipeline.build import fleet_of
from modelfleet.pipeline.repository import (
    Repository,
    load_repository,
    settle_environments,
    with_environment,
    with_project,
)
from modelfleet.records import dataclass
from modelfleet.resolve.fleet import DeployedProject, Fleet
from modelfleet.spec.load import Document, parse

SpecMaker = Callable[[MigratedSpec], Step | None]
FactsMaker = Callable[[MigratedFacts], FactsStep | None]

_IN_SPECS: Mapping[str, Mapping[str, SpecMaker]] = {
    "multi-model": {"add": add_deployments, "remove": remove_servers},
    "advanced": {"add": add_standard, "remove": remove_advanced},
    "llmd-scaling": {"add": fix_replicas, "remove": keep_fixed},
}
_IN_FACTS: Mapping[str, Mapping[str, FactsMaker]] = {
    "accelerator-profiles": {"add": add_profiles, "remove": remove_tolerations},
}
MIGRATIONS = ("multi-model", "advanced", *_IN_FACTS, "llmd-scaling")
"""What can be left."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What is asked for: what is left, of which project, and in which environments; all where none is named."""

    kind: str
    project: str
    environments: frozenset[str]


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """The hand-written files, and what they mean."""

    repository: Repository
    fleet: Fleet

    def of(self, project: str) -> dict[str, DeployedProject]:
        """A project in each of its environments."""
        return {one.project.environment.name: one for one in self.fleet.deployed if one.project.name == project}


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenStep:
    """A step, with the repository before and after, and what the files that it changes are to hold."""

    name: str
    step: Step
    before: RepositoryState
    after: RepositoryState
    documents: tuple[Document, ...]


def repository_state(root: Path) -> RepositoryState:
    """The repository as it is. Raises `Rejected` where something is wrong already."""
    repository = load_repository(root)
    return RepositoryState(repository, fleet_of(root, repository))


def take(
    root: Path, before: RepositoryState, asked: Migration, name: str, *, though_crowded: bool = False
) -> TakenStep | None:
    """A step of a migration in memory; None where there is nothing to do.

    `though_crowded`: what finds no room in a cluster is no reason to stop.

    Raises:
        NotMigratable: something has nothing that could follow it, or the first step is missing.
        Rejected: the project would be refused afterwards.
    """
    made = _in_facts(before, asked, name) if asked.kind in _IN_FACTS else _in_spec(before, asked, name)
    if made is None:
        return None
    step, repository, documents = made
    after = RepositoryState(repository, fleet_of(root, repository, though_crowded=though_crowded))
    return TakenStep(name=name, step=step, before=before, after=after, documents=documents)


_Made = tuple[Step, Repository, tuple[Document, ...]]


def _in_spec(before: RepositoryState, asked: Migration, name: str) -> _Made | None:
    """A step that changes the spec."""
    document = before.repository.projects[asked.project]
    projects = {key: one.project for key, one in before.of(asked.project).items()}
    subject = MigratedSpec(
        name=asked.project,
        document=document,
        projects=projects,
        chosen=asked.environments or frozenset(projects),
        runtime_catalog=settle_environments(before.repository)[1],
    )
    step = _IN_SPECS[asked.kind][name](subject)
    if step is None:
        return None
    changed = parse(rewritten(document.text, step.wanted, step.copies).encode(), document.file)
    return step, with_project(before.repository, asked.project, changed), (changed,)


def _in_facts(before: RepositoryState, asked: Migration, name: str) -> _Made | None:
    """A step that changes the files of environments."""
    chosen = asked.environments or frozenset(before.of(asked.project))
    deployed = [one.project for one in before.fleet.deployed]
    projects = {
        key: tuple(project for project in deployed if project.environment.name == key)
        for key in before.repository.environments
    }
    documents = before.repository.environments
    subject = MigratedFacts(
        name=asked.project, base=before.repository.base, documents=documents, projects=projects, chosen=chosen
    )
    step = _IN_FACTS[asked.kind][name](subject)
    if step is None:
        return None
    repository, changed = before.repository, []
    for key, wanted in step.wanted.items():
        document = rewritten_document(documents[key], wanted)
        repository = with_environment(repository, key, document)
        changed.append(document)
    return Step(wanted={}, moves=(), remarks=step.remarks), repository, tuple(changed)


def rewritten_document(document: Document, wanted: Mapping[str, Any]) -> Document:
    """A hand-written file that says something else, and is otherwise as it was."""
    return parse(rewritten(document.text, wanted, {}).encode(), document.file)


def write_documents(root: Path, taken: TakenStep) -> None:
    """Puts the changed hand-written files in the place of those that were read."""
    known = taken.before.repository
    before = {one.file: one for one in (*known.projects.values(), *known.environments.values())}
    for document in taken.documents:
        _write(root, document, before[document.file])


def _write(root: Path, document: Document, before: Document) -> None:
    import os
    import tempfile

    path = root / document.file
    try:
        if path.is_symlink() or path.read_bytes() != before.text.encode():
            message = f"{document.file} was changed in the meantime; run the command again"
            raise MachineFailed(message)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".modelfleet-", delete=False) as stream:
            stream.write(document.text.encode())
            os.fchmod(stream.fileno(), path.stat().st_mode & 0o777)
        Path(stream.name).replace(path)
    except OSError as error:
        message = f"cannot write {document.file}: {error.strerror}"
        raise MachineFailed(message) from error
