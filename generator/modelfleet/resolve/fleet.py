"""Everything that the hand-written files mean: every project in every environment, with its objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelfleet.finding import Finding
from modelfleet.kubernetes.objects import Object
from modelfleet.layout import argocd_folder
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
