"""What a plan needs of a fresh render of the working tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from modelfleet.kubernetes.objects import Object
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project


class DeployedLike(Protocol):
    """A project in an environment, rendered."""

    @property
    def project(self) -> Project:
        """What it resolves to."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be in the cluster."""


class SyncedLike(Protocol):
    """What Argo CD needs to sync an environment, rendered."""

    @property
    def environment(self) -> str:
        """The environment's name."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be on the cluster of Argo CD."""


class RenderedFleet(Protocol):
    """A fresh render of the working tree."""

    @property
    def environments(self) -> Mapping[str, Environment]:
        """All environments by name."""

    @property
    def deployed(self) -> Sequence[DeployedLike]:
        """Every project in each of its environments."""

    @property
    def synced(self) -> Sequence[SyncedLike]:
        """For every environment."""

    @property
    def files(self) -> Mapping[str, str]:
        """Every generated file."""
