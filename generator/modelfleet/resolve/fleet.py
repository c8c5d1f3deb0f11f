"""Everything that the hand-written files mean: every project in every environment, with its objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

from modelfleet.finding import Finding, Severity
from modelfleet.kubernetes.objects import Object
from modelfleet.layout import Scope, argocd_folder
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project


@dataclass(frozen=True, slots=True)
class DeployedProject:
    """One project in one environment: what it resolves to, and the objects as they will be in the cluster."""

    project: Project
    objects: tuple[Object, ...]

    @property
    def folder(self) -> str:
        """The overlay that Argo CD syncs."""
        return self.project.folder


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
    """Everything that the hand-written files mean."""

    environments: Mapping[str, Environment]
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
    deployed = tuple(one for one in fleet.deployed if scope.covers(one.folder))
    names = {name for name in fleet.environments if scope.owns((name,))}
    if scope.projects is not None:
        names &= {one.project.environment.name for one in deployed}
    return replace(
        fleet,
        environments={name: found for name, found in fleet.environments.items() if name in names},
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
