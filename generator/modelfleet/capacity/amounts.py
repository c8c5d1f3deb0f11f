"""Amounts of resources: of containers as admission completes them, and of a whole pod as Kubernetes counts it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from typing import Any

from modelfleet.kubernetes.objects import mapping
from modelfleet.kubernetes.quantity import NotAQuantity, canonical_quantity, quantity_value
from modelfleet.records import dataclass
from modelfleet.resolve.environment import LimitRange

_NOTHING = Fraction(0)

ResourceAmounts = Mapping[str, Fraction]
"""Resource name to amount."""


def resource_amounts(written: object) -> dict[str, Fraction]:
    """The quantities of a map; what is none is left out, for others to refuse."""
    return dict(_quantities(mapping(written)))


def _quantities(written: Mapping[str, Any]) -> Iterator[tuple[str, Fraction]]:
    for name, text in written.items():
        if isinstance(text, str | int | float) and not isinstance(text, bool):
            try:
                yield str(name), quantity_value(str(text))
            except NotAQuantity:
                continue


def quantity_text(amount: Fraction, resource: str) -> str:
    """An amount as people write it for that resource: `24Gi`, `500m`, `4`."""
    if ("memory" in resource or "storage" in resource) and amount >= 1024:
        return canonical_quantity(f"{math.ceil(amount / 1024)}Ki")
    return canonical_quantity(f"{math.ceil(amount * 1000)}m")


def added(parts: Iterable[ResourceAmounts]) -> dict[str, Fraction]:
    """The sum of amounts."""
    found: dict[str, Fraction] = {}
    for amounts in parts:
        for name, amount in amounts.items():
            found[name] = found[name] + amount if name in found else amount
    return found


def times(amounts: ResourceAmounts, count: int) -> dict[str, Fraction]:
    """Amounts so many times."""
    return dict(amounts) if count == 1 else {name: amount * count for name, amount in amounts.items()}


def greatest(one: ResourceAmounts, other: ResourceAmounts) -> dict[str, Fraction]:
    """The greater of two amounts of each resource."""
    return {name: max(one.get(name, _NOTHING), other.get(name, _NOTHING)) for name in {**one, **other}}


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """A LimitRange's item for containers, as the API server completes it."""

    default: ResourceAmounts = field(default_factory=dict)
    default_request: ResourceAmounts = field(default_factory=dict)
    least: ResourceAmounts = field(default_factory=dict)
    most: ResourceAmounts = field(default_factory=dict)


def container_limits(written: LimitRange | None) -> ContainerLimits | None:
    """The LimitRange of an environment; None where nothing is known of one."""
    if written is None:
        return None
    least, most = resource_amounts(written.minimum), resource_amounts(written.maximum)
    default = {**most, **resource_amounts(written.default)}
    request = {**least, **default, **resource_amounts(written.default_request)}
    return ContainerLimits(default, request, least, most)


@dataclass(frozen=True, slots=True)
class Container:
    """A container and what it asks for. `phase`: beside the others, before them, or before them and then beside them."""

    name: str
    requests: ResourceAmounts
    limits: ResourceAmounts
    phase: str = "run"

    def completed(self, limits: ContainerLimits | None) -> Container:
        """As admission leaves it: a limit stands for a missing request, then the LimitRange gives what is missing."""
        requests = {**self.limits, **self.requests}
        if limits is None:
            return Container(self.name, requests, self.limits, self.phase)
        whole = {**limits.default, **self.limits}
        return Container(self.name, {**limits.default_request, **requests}, whole, self.phase)


def container(written: Mapping[str, Any], phase: str = "run") -> Container:
    """A container of a pod as it is written; one that begins with the others and stays is `restartPolicy: Always`."""
    resources = mapping(written.get("resources"))
    if phase == "init" and written.get("restartPolicy") == "Always":
        phase = "sidecar"
    return Container(
        str(written.get("name")),
        resource_amounts(resources.get("requests")),
        resource_amounts(resources.get("limits")),
        phase,
    )


def pod_amounts(containers: Sequence[Container], part: str) -> dict[str, Fraction]:
    """What a pod asks for (`requests`) or may use (`limits`): all that run together, or the greediest of those before them."""
    running = added(_part(one, part) for one in containers if one.phase != "init")
    beside: dict[str, Fraction] = {}
    before: dict[str, Fraction] = {}
    for one in containers:
        if one.phase == "sidecar":
            beside = added([beside, _part(one, part)])
            before = greatest(before, beside)
        elif one.phase == "init":
            before = greatest(before, added([_part(one, part), beside]))
    return greatest(running, before)


def _part(one: Container, part: str) -> ResourceAmounts:
    return one.requests if part == "requests" else one.limits
