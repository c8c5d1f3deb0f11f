"""Fetches what is remembered of a repository, and remembers what was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from modelfleet.finding import MachineFailed, Rejected
from modelfleet.kubernetes.objects import Object
from modelfleet.pipeline.remembered import (
    FilesOnDemand,
    NamedOnDemand,
    Snapshot,
    brief_from,
    brief_row,
    changed_meanwhile,
    finding_from,
    finding_row,
    object_rows,
    objects_from,
    snapshot_of,
)
from modelfleet.resolve.fleet import DeployedProject, EnvironmentBrief, Fleet, SyncedEnvironment
from modelfleet.spec.discover import discover
from modelfleet.tools.store import Memory

if TYPE_CHECKING:
    from modelfleet.pipeline.project import ProjectResult, RecalledProject
    from modelfleet.pipeline.repository import Repository
    from modelfleet.resolve.environment import Environment
    from modelfleet.resolve.model import Project


class _Fetched(Sequence[tuple[Object, ...]]):
    """The objects of a project by environment, fetched when they are first asked for."""

    def __init__(self, fetch: Any) -> None:
        self._fetch = fetch

    @cached_property
    def _all(self) -> Sequence[tuple[Object, ...]]:
        return [tuple(here) for here in self._fetch()]

    @overload
    def __getitem__(self, index: int) -> tuple[Object, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[Object, ...]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)


class Recall:
    """What is remembered of the hand-written files as they are now.

    `part` are the projects that a run is about, None for all. `bare`: what is told of projects is all that is wanted of them.
    """

    def __init__(
        self, root: Path, memory: Memory, snapshot: Snapshot, *, part: Set[str] | None = None, bare: bool = False
    ) -> None:
        self.memory = memory
        self.snapshot = snapshot
        self.part = part
        self.bare = bare
        self.origin = Origin(root)

    # ---- a run in which nothing changed

    def run(self) -> Fleet | None:
        """The whole fleet, where it is remembered."""
        found = self.memory.recall("run", self.snapshot.key())
        if found is None:
            return None
        files, deployed = [], []
        for name, rows in found["projects"].items():
            key = self.snapshot.key(name)
            files.append(partial(self._files, name, key))
            objects = _Fetched(partial(self._objects, name, key))
            for number, row in enumerate(rows):
                project = partial(self.origin.project, name, number)
                deployed.append(DeployedProject(brief_from(row), project, partial(objects.__getitem__, number)))
        return Fleet(
            environments=NamedOnDemand(found["facts"], lambda: self.origin.environments),
            facts={name: EnvironmentBrief(release, tuple(row)) for name, (release, row) in found["facts"].items()},
            deployed=tuple(deployed),
            synced=tuple(SyncedEnvironment(name, tuple(objects)) for name, objects in found["synced"].items()),
            files=FilesOnDemand([*files, lambda: found["files"]]),
            warnings=tuple(map(finding_from, found["warnings"])),
        )

    def _objects(self, name: str, key: str) -> Any:
        found = self.memory.recall("objects", key)
        return self.origin.result(name).objects if found is None else objects_from(*found)

    def _files(self, name: str, key: str) -> Any:
        found = {} if self.bare else self.memory.recall("files", key)
        return self.origin.result(name).files if found is None else found

    # ---- project by project

    @cached_property
    def projects(self) -> Mapping[str, RecalledProject]:
        """The projects that are remembered."""
        return dict(self._recalled())

    def _recalled(self) -> Iterator[tuple[str, RecalledProject]]:
        from modelfleet.pipeline.acceptances import acceptance_from
        from modelfleet.pipeline.project import ProjectResult, RecalledProject
        from modelfleet.rules.check import claims_from

        for name in self.snapshot.sources.projects if self.part is None else sorted(self.part):
            key = self.snapshot.key(name)
            if (found := self.memory.recall("project", key)) is None:
                continue
            spec, admission, capacity = (tuple(map(finding_from, rows)) for rows in found["findings"])
            result = ProjectResult(
                spec_findings=spec,
                admission_findings=admission,
                capacity_findings=capacity,
                briefs=tuple(map(brief_from, found["briefs"])),
                objects=_Fetched(partial(self._objects, name, key)),
                files=FilesOnDemand([partial(self._files, name, key)]),
            )
            yield (
                name,
                RecalledProject(
                    result, claims_from(found["claims"]), [acceptance_from(row) for row in found["accepted"]]
                ),
            )

    def keep(
        self,
        repository: Repository,
        found: Fleet,
        made: Mapping[str, RecalledProject],
        shared_files: Mapping[str, str],
    ) -> None:
        """Remembers the projects that were made, and the run. Raises MachineFailed where files changed under its hands."""
        from modelfleet.pipeline.acceptances import acceptance_row

        if not self._is_made_of(repository, made):
            raise changed_meanwhile()
        for name, (result, claims, accepted) in made.items():
            key = self.snapshot.key(name)
            findings = (result.spec_findings, result.admission_findings, result.capacity_findings)
            self.memory.keep("files", key, dict(result.files))
            self.memory.keep("objects", key, object_rows(result.objects))
            head = {
                "findings": [list(map(finding_row, rows)) for rows in findings],
                "briefs": list(map(brief_row, result.briefs)),
                "claims": claims,
                "accepted": [acceptance_row(one) for one in accepted],
            }
            self.memory.keep("project", key, head)
        if self.part is None:
            self._keep_run(found, shared_files)
        self.memory.tidy()

    def _keep_run(self, found: Fleet, shared_files: Mapping[str, str]) -> None:
        briefs: dict[str, list[Any]] = {}
        for one in found.deployed:
            briefs.setdefault(one.brief.name, []).append(brief_row(one.brief))
        run = {
            "warnings": list(map(finding_row, found.warnings)),
            "facts": {name: [brief.release, brief.unknown] for name, brief in found.facts.items()},
            "projects": briefs,
            "synced": {one.environment: one.objects for one in found.synced},
            "files": shared_files,
        }
        self.memory.keep("run", self.snapshot.key(), run)

    def _is_made_of(self, repository: Repository, made: Mapping[str, Any]) -> bool:
        """Whether what was read is what the snapshot says."""
        groups = (repository.environments, repository.runtimes, repository.models, repository.objects)
        documents = [document for group in groups for document in group.values()]
        documents += [repository.projects[name] for name in made]
        documents += [repository.base] if repository.base is not None else []
        return all(document.digest == self.snapshot.digests[document.file] for document in documents)


def recall_of(root: Path, memory: Memory) -> Recall | None:
    """What is remembered of a repository; None where its files cannot be taken as they are, which is not said here."""
    try:
        return Recall(root, memory, snapshot_of(root, discover(root), memory))
    except (Rejected, MachineFailed):
        return None


class Origin:
    """Makes again what was only recalled, for whoever looks into it: all projects at once, since most look into all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def _repository(self) -> Repository:
        from modelfleet.pipeline.repository import load_repository

        return load_repository(self.root)

    @cached_property
    def _settled(self) -> tuple[Any, Any]:
        from modelfleet.pipeline.repository import settle_environments

        return settle_environments(self._repository)

    @property
    def environments(self) -> Mapping[str, Environment]:
        """All environments by name."""
        environments: Mapping[str, Environment] = self._settled[0]
        return environments

    @cached_property
    def _projects(self) -> Mapping[str, list[Project]]:
        from modelfleet.pipeline.repository import resolved_projects

        found: dict[str, list[Project]] = {}
        for project in resolved_projects(self._repository, *self._settled):
            found.setdefault(project.name, []).append(project)
        return found

    def project(self, name: str, number: int) -> Project:
        """A project in the environment of that number."""
        try:
            return self._projects[name][number]
        except LookupError:
            raise changed_meanwhile() from None

    @cached_property
    def _results(self) -> Mapping[str, ProjectResult]:
        from modelfleet.pipeline.build import project_results

        return project_results(self.root, self._repository)

    def result(self, name: str) -> ProjectResult:
        """What becomes of a project."""
        if name not in self._results:
            raise changed_meanwhile()
        return self._results[name]
