"""Rollouts that can never finish: a replica must find room beside all others, and there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from modelfleet.capacity.amounts import added, times
from modelfleet.capacity.nodes import NodeKind, Packing
from modelfleet.capacity.pods import PodUnit
from modelfleet.capacity.quota import missing_room, unit_usage
from modelfleet.records import dataclass


@dataclass(frozen=True, slots=True)
class Stall:
    """Pods that can never be replaced. `resource`: what the quota has no more of; None where the nodes are full."""

    unit: PodUnit
    replicas: int
    resource: str | None


def quota_stalls(units: Sequence[PodUnit], hard: Mapping[str, Fraction]) -> Iterator[Stall]:
    """The pods whose changes stop at the quota, with every pod at its least."""
    usages = [(unit, unit_usage(unit, hard)) for unit in units]
    used = added(times(usage, steady(unit)) for unit, usage in usages)
    for unit, usage in usages:
        needed = unit.needed(steady(unit))
        full = missing_room(hard, used, times(usage, needed)) if needed else None
        if full:
            yield Stall(unit, needed, full)


def nodes_stalls(units: Sequence[PodUnit], kinds: Sequence[NodeKind]) -> Iterator[Stall]:
    """The pods whose changes stop because no node has room, with every pod at its least."""
    running = [(pod, each * steady(unit)) for unit in units for pod, each in unit.pods]
    packing = Packing(running, kinds)
    if packing.holds is not True:
        return  # that is said by itself
    for unit in units:
        needed = unit.needed(steady(unit))
        if needed and packing.holds_also([(pod, each * needed) for pod, each in unit.pods]) is False:
            yield Stall(unit, needed, None)


def steady(unit: PodUnit) -> int:
    """Replicas that there always are: what scales down leaves room, so only the least can hold a change up forever."""
    return min(unit.least, unit.most)
