"""Takes a step of a migration: in memory first, where everything is checked and rendered, and only then in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.migrate.advanced import add_standard, remove_advanced
from modelfleet.migrate.llmd_scaling import fix_replicas, keep_fixed
from modelfleet.migrate.multi_model import add_deployments, remove_servers
from modelfleet.migrate.rewrite import rewritten
from modelfleet.migrate.step import MigratedSpec, Step
from modelfleet.pipeline.fleet import fleet_of
from modelfleet.pipeline.repository import Repository, load_repository, settle_environments, with_project
from modelfleet.resolve.fleet import DeployedProject, Fleet
from modelfleet.spec.load import Document, parse

Maker = Callable[[MigratedSpec], Step | None]

STEPS: Mapping[str, Mapping[str, Maker]] = {
    "multi-model": {"add": add_deployments, "remove": remove_servers},
    "advanced": {"add": add_standard, "remove": remove_advanced},
    "llmd-scaling": {"add": fix_replicas, "remove": keep_fixed},
}
"""What can be left, and how each step is made."""


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
    """A step, with the repository before and after, and what the spec's file is to hold."""

    name: str
    step: Step
    before: RepositoryState
    after: RepositoryState
    document: Document


def repository_state(root: Path) -> RepositoryState:
    """The repository as it is. Raises `Rejected` where something is wrong already."""
    repository = load_repository(root)
    return RepositoryState(repository, fleet_of(root, repository))


def take(root: Path, before: RepositoryState, asked: Migration, name: str) -> TakenStep | None:
    """A step of a migration in memory; None where there is nothing to do.

    Raises:
        NotMigratable: something has nothing that could follow it, or the first step is missing.
        Rejected: the project would be refused afterwards.
    """
    document = before.repository.projects[asked.project]
    projects = {key: one.project for key, one in before.of(asked.project).items()}
    subject = MigratedSpec(
        name=asked.project,
        document=document,
        projects=projects,
        chosen=asked.environments or frozenset(projects),
        runtime_catalog=settle_environments(before.repository)[1],
    )
    step = STEPS[asked.kind][name](subject)
    if step is None:
        return None
    text = rewritten(document.text, step.wanted, step.copies)
    changed = parse(text.encode(), document.file)
    repository = with_project(before.repository, asked.project, changed)
    after = RepositoryState(repository, fleet_of(root, repository))
    return TakenStep(name=name, step=step, before=before, after=after, document=changed)


def write_document(root: Path, document: Document, before: Document) -> None:
    """Puts a changed hand-written file in the place of the one that was read."""
    import os
    import tempfile

    path = root / document.file
    try:
        if path.is_symlink() or path.read_bytes() != before.text.encode():
            message = f"{document.file} was changed in the meantime; run again"
            raise MachineFailed(message)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".modelfleet-", delete=False) as stream:
            stream.write(document.text.encode())
            os.fchmod(stream.fileno(), path.stat().st_mode & 0o777)
        Path(stream.name).replace(path)
    except OSError as error:
        message = f"cannot write {document.file}: {error.strerror}"
        raise MachineFailed(message) from error
