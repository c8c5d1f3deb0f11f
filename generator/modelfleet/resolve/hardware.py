"""What a workload asks of its nodes: amounts, accelerators, and where it may run."""

from __future__ import annotations

from collections.abc import Mapping

from modelfleet.kubernetes.objects import Object
from modelfleet.records import dataclass
from modelfleet.resolve.environment import HardwareProfile, Toleration

Amounts = Mapping[str, str]
"""Resource name to canonical quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """An accelerator of the environment, as a model or server uses it."""

    name: str
    count: int
    identifier: str | None
    tolerations: tuple[Toleration, ...] | None
    node_selector: Mapping[str, str] | None
    profile: HardwareProfile | None
    per_node: int | None
    compute_capability: str | None
    memory: str | None
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a workload asks of its nodes. Its own tolerations and node selector are those that no accelerator brings.

    `unsaid`: its containers say nothing of amounts, which a hardware profile brings.
    """

    size: str | None
    requests: Amounts | None
    limits: Amounts | None
    accelerator: Accelerator | None
    profile: HardwareProfile | None
    inline: bool
    own_tolerations: tuple[Toleration, ...]
    own_node_selector: Mapping[str, str]
    unsaid: bool = False

    @property
    def tolerations(self) -> tuple[Toleration, ...]:
        """All that its pods are given; where a hardware profile places them, its webhook adds others."""
        return self.all_tolerations if self.inline else self.own_tolerations

    @property
    def node_selector(self) -> Mapping[str, str]:
        """The labels that its nodes must have, likewise."""
        return self.whole_node_selector if self.inline else self.own_node_selector

    @property
    def all_tolerations(self) -> tuple[Toleration, ...]:
        """Those of the accelerator, too, whoever else places the pods."""
        given = (self.accelerator.tolerations if self.accelerator else None) or ()
        return (*given, *(one for one in self.own_tolerations if one not in given))

    @property
    def whole_node_selector(self) -> Mapping[str, str]:
        """That of the accelerator, too, whoever else places the pods."""
        given = (self.accelerator.node_selector if self.accelerator else None) or {}
        return {**given, **self.own_node_selector}

    @property
    def gpus(self) -> int:
        """Accelerators of one replica on one node."""
        return self.accelerator.count if self.accelerator else 0

    @property
    def sized(self) -> bool:
        """Whether the spec says what CPU and memory they get."""
        return self.size is not None or bool(self.requests or self.limits)

    @property
    def resources(self) -> Object | None:
        """The `resources` of a container, accelerators included."""
        if self.unsaid:
            return None
        extra = {}
        if self.accelerator and self.accelerator.identifier:
            extra = {self.accelerator.identifier: str(self.accelerator.count)}
        found = {}
        limited = self.requests is None and self.limits is not None  # then requests are the limits
        for key, amounts in (("requests", self.requests), ("limits", self.limits)):
            if whole := {**(amounts or {}), **({} if limited and key == "requests" else extra)}:
                found[key] = whole
        return found or None
