"""Whether nodes can hold pods: which kinds of node a pod may run on, and whether all pods find room at once.

As the scheduler filters: requests against what a node can give, taints against tolerations, labels against the selector.
Whether all find room is a search that is given up when it takes too long; then nothing is said.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from typing import Any

from modelfleet.capacity.amounts import ResourceAmounts, resource_amounts
from modelfleet.capacity.pods import Pod
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment, NodeOffer


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKind:
    """Nodes that are alike. `accelerators` are the environment's names; `spare`: nodes that may be away."""

    name: str
    count: int
    amounts: ResourceAmounts
    accelerators: Mapping[str, int]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, Any], ...] = ()
    spare: int = 0


def node_kinds(environment: Environment) -> tuple[NodeKind, ...]:
    """The kinds of node of an environment; none where nothing is known of them."""
    return tuple(_kind(name, offer, environment) for name, offer in environment.nodes.items())


def _kind(name: str, offer: NodeOffer, environment: Environment) -> NodeKind:
    amounts = resource_amounts(offer.amounts)
    for accelerator, count in offer.accelerators.items():
        known = environment.accelerators.get(accelerator)
        if known is not None and known.identifier is not None:
            amounts[known.identifier] = amounts.get(known.identifier, Fraction(0)) + count
    return NodeKind(
        name=name,
        count=offer.count,
        amounts=amounts,
        accelerators=offer.accelerators,
        labels=offer.labels,
        taints=offer.taints,
        spare=offer.spare,
    )


# ---- where one pod may run -------------------------------------------------------------------------------------------


def untolerated(pod: Pod, kind: NodeKind) -> Mapping[str, Any] | None:
    """The first taint that keeps the pod away."""
    hard = (taint for taint in kind.taints if taint.get("effect") in ("NoSchedule", "NoExecute"))
    return next((taint for taint in hard if not any(_tolerates(one, taint) for one in pod.tolerations)), None)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def unselected(pod: Pod, kind: NodeKind) -> str | None:
    """The first label that the pod selects and the nodes do not have."""
    return next((key for key, label in pod.node_selector.items() if kind.labels.get(key) != label), None)


def short_of(pod: Pod, kind: NodeKind) -> str | None:
    """The first resource of which an empty node gives too little. Of cpu and memory nothing is known where none is written."""
    for name, amount in pod.requests.items():
        if amount and amount > kind.amounts.get(name, amount if name in _OPTIONAL else Fraction(0)):
            return name
    return None


_OPTIONAL = ("cpu", "memory", "ephemeral-storage", "pods")


def may_run(pod: Pod, kind: NodeKind) -> bool:
    """Whether an empty node of this kind takes the pod."""
    return untolerated(pod, kind) is None and unselected(pod, kind) is None and short_of(pod, kind) is None


def is_judged(pod: Pod, kinds: Sequence[NodeKind]) -> bool:
    """Whether the nodes are known that the pod is meant for: those of its accelerator, or some without any."""
    if pod.accelerator is not None:
        return any(pod.accelerator in kind.accelerators for kind in kinds)
    return any(not kind.accelerators for kind in kinds)


# ---- all pods at once ------------------------------------------------------------------------------------------------

_MAX_PODS, _MAX_NODES, _MAX_SEARCHED, _MAX_STEPS = 5_000, 2_000, 64, 20_000

Vector = tuple[int, ...]
"""Amounts in a fixed order of resources, in the units that the scheduler counts in."""


class _GivenUp(Exception):
    """The search takes too long."""


PodCounts = Sequence[tuple[Pod, int]]
"""Pods, each with how many there are."""


def packable(pods: PodCounts, kinds: Sequence[NodeKind]) -> bool | None:
    """Whether all pods find room on the nodes together; None where that is not found out."""
    return Packing(pods, kinds).holds


class Packing:
    """Pods on nodes. `holds`: whether all find room at once; None where that is not found out."""

    def __init__(self, pods: PodCounts, kinds: Sequence[NodeKind]) -> None:
        self.pods, self.kinds = pods, kinds
        self.resources = _resources(pods, kinds)
        self.free: list[Counter[Vector]] = []
        self.holds = self._packed()

    def holds_also(self, more: PodCounts) -> bool | None:
        """Whether these find room as well: on what the others leave, or else with all placed anew."""
        flat = [(wanted, places) for wanted, places, count in self._groups(more) for _ in range(count)]
        if self.free and _greedy(flat, [Counter(nodes) for nodes in self.free]):
            return True
        return packable([*self.pods, *more], self.kinds)

    def _groups(self, pods: PodCounts) -> list[tuple[Vector, list[int], int]]:
        return [
            (
                _wanted(pod, self.resources),
                [index for index, kind in enumerate(self.kinds) if may_run(pod, kind)],
                count,
            )
            for pod, count in pods
            if count > 0
        ]

    def _packed(self) -> bool | None:
        kinds, groups = self.kinds, self._groups(self.pods)
        if any(not places for _, places, _ in groups) or _sums_exceed(groups, kinds, self.resources):
            return False
        if sum(count for _, _, count in groups) > _MAX_PODS or sum(kind.count for kind in kinds) > _MAX_NODES:
            return None
        most = [max((amount for _, amount in _column(kinds, name)), default=0) or 1 for name in self.resources]
        groups.sort(key=lambda group: (len(group[1]), -max(map(operator.truediv, group[0], most), default=0)))
        flat = [(wanted, places) for wanted, places, count in groups for _ in range(count)]
        self.free = [Counter([_given(kind, self.resources)] * kind.count) for kind in kinds]
        free = tuple(tuple(nodes.elements()) for nodes in self.free)
        if _greedy(flat, self.free):
            return True
        self.free = []
        if len(flat) > _MAX_SEARCHED:
            return None
        try:
            return _Search(flat).place(0, free)
        except _GivenUp:
            return None


def _resources(pods: PodCounts, kinds: Sequence[NodeKind]) -> tuple[str, ...]:
    """The resources that pods ask for; of the optional ones those that every kind of node tells."""
    asked = {name: None for pod, _ in pods for name, amount in pod.requests.items() if amount} | {"pods": None}
    return tuple(name for name in asked if name not in _OPTIONAL or all(name in kind.amounts for kind in kinds))


def _units(name: str, amount: Fraction) -> Fraction:
    return amount * 1000 if name == "cpu" else amount


def _wanted(pod: Pod, resources: Sequence[str]) -> Vector:
    asked = {**pod.requests, "pods": Fraction(1)}
    return tuple(math.ceil(_units(name, asked.get(name, Fraction(0)))) for name in resources)


def _given(kind: NodeKind, resources: Sequence[str]) -> Vector:
    return tuple(math.floor(_units(name, kind.amounts.get(name, Fraction(0)))) for name in resources)


def _column(kinds: Sequence[NodeKind], name: str) -> Iterator[tuple[int, int]]:
    """How many nodes of each kind there are, and what each gives of a resource."""
    return ((kind.count, _given(kind, (name,))[0]) for kind in kinds)


def _sums_exceed(
    groups: Iterable[tuple[Vector, list[int], int]], kinds: Sequence[NodeKind], resources: Sequence[str]
) -> bool:
    groups = list(groups)
    for index, name in enumerate(resources):
        wanted = sum(vector[index] * count for vector, _, count in groups)
        if wanted > sum(count * amount for count, amount in _column(kinds, name)):
            return True
    return False


def _fits(wanted: Vector, free: Vector) -> bool:
    return all(map(int.__le__, wanted, free))


def _less(free: Vector, wanted: Vector) -> Vector:
    return tuple(map(int.__sub__, free, wanted))


def _greedy(flat: Iterable[tuple[Vector, list[int]]], free: list[Counter[Vector]]) -> bool:
    """The largest first, each on the fullest node that still takes it. Nodes with as much left are counted, not listed."""
    for wanted, places in flat:
        fitting = [(node, kind) for kind in places for node in free[kind] if _fits(wanted, node)]
        if not fitting:
            return False
        node, kind = min(fitting)
        free[kind][node] -= 1
        if not free[kind][node]:
            del free[kind][node]
        free[kind][_less(node, wanted)] += 1
    return True


class _Search:
    """Tries every way of placing pods, but no state of the nodes twice."""

    def __init__(self, flat: Sequence[tuple[Vector, list[int]]]) -> None:
        self.flat = flat
        self.seen: set[tuple[int, tuple[tuple[Vector, ...], ...]]] = set()

    def place(self, index: int, free: tuple[tuple[Vector, ...], ...]) -> bool:
        """Whether the pods from this one on find room."""
        if index == len(self.flat):
            return True
        if len(self.seen) > _MAX_STEPS:
            raise _GivenUp
        wanted, places = self.flat[index]
        for kind in places:
            for node in sorted({node for node in free[kind] if _fits(wanted, node)}):
                rest = list(free[kind])
                rest.remove(node)
                state = (*free[:kind], tuple(sorted([*rest, _less(node, wanted)])), *free[kind + 1 :])
                if (index, state) not in self.seen:
                    self.seen.add((index, state))
                    if self.place(index + 1, state):
                        return True
        return False


def without_nodes(kinds: Sequence[NodeKind], name: str, away: int) -> tuple[NodeKind, ...]:
    """The same nodes, with some of one kind away."""
    return tuple(replace(kind, count=max(0, kind.count - away)) if kind.name == name else kind for kind in kinds)
