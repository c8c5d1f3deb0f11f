"""Everything that the hand-written files mean: every project in every environment, with its objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from modelfleet.finding import Finding, Severity
from modelfleet.kubernetes.objects import Object
from modelfleet.layout import EVERYTHING, Scope, argocd_folder, overlay_folder
from modelfleet.records import dataclass

if TYPE_CHECKING:
    from modelfleet.resolve.environment import Environment
    from modelfleet.resolve.model import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectBrief:
    """What is told of a project in an environment where nobody looks into it, as plain data.

    `served` counts its models, `objects` its objects; `accelerators` are those that it uses at most, with the quota.
    `kinds` and `conditions` are what Argo CD must know of its objects, `unknown` the sorts of facts of its models that are
    not written and that checks depend on.
    """

    name: str
    environment: str
    namespace: str
    served: int
    objects: int
    accelerators: tuple[tuple[str, int, int | None], ...]
    kinds: tuple[tuple[str, str, bool], ...]
    conditions: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def folder(self) -> str:
        """The overlay that Argo CD syncs."""
        return overlay_folder(self.environment, self.name)


@dataclass(frozen=True, slots=True)
class EnvironmentBrief:
    """The same of an environment: its release, and the sorts of its facts that are not written and that checks depend on."""

    release: str | None
    unknown: tuple[str, ...]


class DeployedProject:
    """One project in one environment: what it resolves to, and the objects as they will be in the cluster.

    Both are made when they are first asked for, where they were not made before.
    """

    __slots__ = ("_objects", "_project", "brief")

    def __init__(
        self, brief: ProjectBrief, project: Callable[[], Project], objects: Callable[[], tuple[Object, ...]]
    ) -> None:
        self.brief = brief
        self._project: Project | Callable[[], Project] = project
        self._objects: tuple[Object, ...] | Callable[[], tuple[Object, ...]] = objects

    def __eq__(self, other: object) -> bool:
        """Two are equal where they resolve to the same, with the same objects."""
        if not isinstance(other, DeployedProject):
            return NotImplemented
        return (self.brief, self.project, self.objects) == (other.brief, other.project, other.objects)

    def __hash__(self) -> int:
        return hash(self.brief)

    @property
    def project(self) -> Project:
        """What it resolves to."""
        if callable(self._project):
            self._project = self._project()
        return self._project

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be in the cluster."""
        if callable(self._objects):
            self._objects = self._objects()
        return self._objects

    @property
    def folder(self) -> str:
        """The overlay that Argo CD syncs."""
        return self.brief.folder


@dataclass(frozen=True, slots=True)
class SyncedEnvironment:
    """What Argo CD needs to sync an environment, as it will be on the cluster that runs Argo CD."""

    environment: str
    objects: tuple[Object, ...]

    @property
    def folder(self) -> str:
        """Where it is written; an administrator applies it."""
        return argocd_folder(self.environment)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that the hand-written files mean; `facts` is told of environments into which nobody looks."""

    environments: Mapping[str, Environment]
    facts: Mapping[str, EnvironmentBrief]
    deployed: tuple[DeployedProject, ...]
    synced: tuple[SyncedEnvironment, ...]
    files: Mapping[str, str]
    warnings: tuple[Finding, ...]
    """Those that are accepted, too."""

    @property
    def open_warnings(self) -> tuple[Finding, ...]:
        """Warnings that nobody has accepted."""
        return tuple(each for each in self.warnings if each.severity is Severity.WARNING)


def narrowed(fleet: Fleet, scope: Scope) -> Fleet:
    """The part of a fleet that a run is asked to look at."""
    if scope == EVERYTHING:
        return fleet
    deployed = tuple(one for one in fleet.deployed if scope.covers(one.folder))
    names = {name for name in fleet.environments if scope.owns((name,))}
    if scope.projects is not None:
        names &= {one.brief.environment for one in deployed}
    return replace(
        fleet,
        environments={name: found for name, found in fleet.environments.items() if name in names},
        facts={name: brief for name, brief in fleet.facts.items() if name in names},
        deployed=deployed,
        synced=tuple(one for one in fleet.synced if one.environment in names),
        files={path: text for path, text in fleet.files.items() if scope.covers(path)},
        warnings=tuple(found for found in fleet.warnings if _concerns(found, scope)),
    )


def _concerns(finding: Finding, scope: Scope) -> bool:
    """Whether a finding is about an environment and, where it is about a project, about a project of the scope."""
    place = PurePath(finding.at.file)
    project = place.stem if place.parts[0] == "projects" else None
    within = not finding.environments or any(scope.owns((name,)) for name in finding.environments)
    return within and (project is None or scope.projects is None or project in scope.projects)


def unknown_sorts(fleet: Fleet) -> list[str]:
    """The sorts of facts that are missing somewhere and that checks depend on, each once."""
    found: dict[str, None] = {}
    for name, facts in fleet.facts.items():
        of_models = {sort for one in fleet.deployed if one.brief.environment == name for sort in one.brief.unknown}
        found |= dict.fromkeys((*facts.unknown, *sorted(of_models)))
    return list(found)
