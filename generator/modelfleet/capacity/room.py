"""What finds no room: pods that quota or LimitRange refuse, that no node takes, and rollouts that cannot finish."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from modelfleet.capacity.amounts import ContainerLimits, container_limits, quantity_text
from modelfleet.capacity.nodes import (
    NodeKind,
    is_judged,
    may_run,
    packable,
    short_of,
    unselected,
    untolerated,
    without_nodes,
)
from modelfleet.capacity.pods import Pod, PodUnit
from modelfleet.capacity.quota import ResourceUse, quota_of_project, quota_uses, unit_usage, unnamed
from modelfleet.capacity.rollout import Stall, nodes_stalls, quota_stalls
from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.layout import environment_file
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project
from modelfleet.rules import Violation
from modelfleet.wording import listed, plural

Code = str


@dataclass(frozen=True, slots=True)
class ProjectPods:
    """A project in an environment with all its pods."""

    project: Project
    objects: tuple[Object, ...]
    units: tuple[PodUnit, ...]

    @property
    def environment(self) -> Environment:
        """Where it runs."""
        return self.project.environment

    def pointer(self, unit: PodUnit, field: str = "") -> Pointer:
        """Where the workload of some pods is written; the project as such for what no spec makes."""
        found = next((each for each in self.project.workloads if each.name == unit.workload[1]), None)
        if found is None:
            return ()
        return (*found.pointer, field) if field else found.pointer


# ---- quota -----------------------------------------------------------------------------------------------------------


def quota_violations(found: ProjectPods) -> Iterator[tuple[Code, Violation]]:
    """A project that goes beyond its quota, and pods that it refuses as they are."""
    hard = quota_of_project(found.environment, found.project.name)
    for use in quota_uses(hard, found.units, found.objects) if hard else ():
        if use.over:
            yield "CAP005", _over(found, use)
    limits = container_limits(found.environment.limit_range)
    for unit in found.units:
        if unit.most:
            yield from _refused(found, unit, hard, limits)
    for stall in quota_stalls(found.units, hard) if hard else ():
        yield "ROOM006", _stalled(found, stall)


def _over(found: ProjectPods, use: ResourceUse) -> Violation:
    of_each = [(unit, unit_usage(unit, (use.resource,))) for unit in found.units]
    amounts = [(usage.get(use.resource, Fraction(0)) * unit.most, unit) for unit, usage in of_each]
    amount, most = max(amounts, key=operator.itemgetter(0), default=(Fraction(0), None))
    name = use.resource
    accelerator = name.startswith("requests.") and "/" in name
    field = "accelerator" if accelerator else "size"
    pointer = found.environment.quota.pointer(found.project.name, name)
    wanted = quantity_text(use.used, name)
    raised = (
        f"raise the quota: write quota: {{projects: {{{found.project.name}: {{{name}: {wanted}}}}}}} in "
        f"{environment_file(found.environment.name)}"
    )
    return Violation(
        pointer=_written(found, most, field) if most is not None and amount else (),
        message=f"the project needs {wanted} {name.removeprefix('requests.') if accelerator else name} "
        f"at most; its quota is {quantity_text(use.hard, name)}"
        + (" (quota.default)" if pointer[1] == "default" else ""),
        hint=f"use fewer replicas or accelerators, or {raised}"
        if accelerator
        else f"use fewer or smaller pods, or {raised}"
        if amount
        else f"keep fewer of them, or {raised}",
        see=found.environment.facts.at(pointer),
    )


def _written(found: ProjectPods, unit: PodUnit, field: str) -> Pointer:
    """The field of a workload, where it is written, else the workload."""
    pointer = found.pointer(unit)
    written: object = found.project.spec.data
    for step in pointer:
        written = mapping(written).get(str(step))
    return (*pointer, field) if field in mapping(written) else pointer


def _refused(
    found: ProjectPods, unit: PodUnit, hard: Mapping[str, Fraction], limits: ContainerLimits | None
) -> Iterator[tuple[Code, Violation]]:
    """Pods that admission refuses one by one."""
    for pod, _ in unit.pods:
        for resource, containers in unnamed(hard, pod).items():
            yield (
                "ROOM001",
                Violation(
                    pointer=found.pointer(unit),
                    message=f"the quota has {resource}, so every container must set it, and "
                    f"{listed(containers)} {'does' if len(containers) == 1 else 'do'} not: the pods are refused",
                    hint="give the namespace a LimitRange with defaults, and write limitRange in the environment",
                    severity=Severity.WARNING if limits is None else Severity.ERROR,
                ),
            )
        for container, sentence in outside_limits(pod, limits):
            yield (
                "ROOM002",
                Violation(
                    pointer=_written(found, unit, "size"),
                    message=f"container {container} {sentence}: the pods are refused",
                    hint="choose another size, or change the LimitRange and limitRange in the environment",
                    see=found.environment.facts.at(("limitRange",)),
                ),
            )


def outside_limits(pod: Pod, limits: ContainerLimits | None) -> Iterator[tuple[str, str]]:
    """Containers beyond the bounds of a LimitRange, and those that its defaults make contradict themselves."""
    if limits is None:
        return
    for one in pod.containers:
        for name, most in limits.most.items():
            amount = max(one.requests.get(name, most), one.limits.get(name, most))
            if amount > most:
                yield (
                    one.name,
                    f"names {quantity_text(amount, name)} {name}, but the LimitRange allows {quantity_text(most, name)}",
                )
        for name, least in limits.least.items():
            amount = min(one.requests.get(name, least), one.limits.get(name, least))
            if amount < least:
                yield (
                    one.name,
                    f"names {quantity_text(amount, name)} {name}, but the LimitRange requires at least "
                    f"{quantity_text(least, name)}",
                )
        for name, amount in one.requests.items():
            limit = one.limits.get(name, amount)
            if amount > limit:
                yield (
                    one.name,
                    f"requests {quantity_text(amount, name)} {name}, and its limit is {quantity_text(limit, name)}",
                )


def _stalled(found: ProjectPods, stall: Stall) -> Violation:
    unit = stall.unit
    why = f"the quota has no room for {stall.resource}" if stall.resource else "no node has room"
    pods = plural(stall.replicas, "new replica")
    return Violation(
        pointer=found.pointer(unit),
        message=f"no change to it can ever roll out: {pods} must run beside the old ones first, and {why}",
        hint=_cure(found, unit),
        severity=Severity.WARNING,
        see=found.environment.facts.at(found.environment.quota.pointer(found.project.name, stall.resource))
        if stall.resource
        else found.environment.facts.at(("nodes",)),
    )


def _cure(found: ProjectPods, unit: PodUnit) -> str:
    room = "make room" if found.environment.nodes else "raise the quota"
    if unit.mode in ("standard", "multi-node"):
        return f"write strategy: recreate, or {room}"
    if unit.mode == "distributed":
        return f"{room}, use four replicas or more, of which one may go first, or stop it (stopped: true) before each change"
    if unit.mode == "multi-node" and found.environment.can("stop"):
        return f"{room}, or stop it (stopped: true) before each change"
    return f"{room}: pods of this kind cannot be recreated in place"


# ---- nodes -----------------------------------------------------------------------------------------------------------


def nodes_violations(
    projects: Sequence[ProjectPods], kinds: Sequence[NodeKind]
) -> Iterator[tuple[ProjectPods, Code, Violation]]:
    """Pods of an environment that its nodes do not take: one by one, all together, and while they roll."""
    judged = [(found, unit) for found in projects for unit in found.units if unit.most and _all_judged(unit, kinds)]
    held: list[tuple[ProjectPods, PodUnit]] = []
    for found, unit in judged:
        misfit = next((pod for pod, _ in unit.pods if not any(may_run(pod, kind) for kind in kinds)), None)
        if misfit is not None:
            yield found, "ROOM003", _homeless(found, unit, misfit, kinds)
            continue
        held.append((found, unit))
        yield from ((found, "ROOM005", violation) for violation in _elsewhere(found, unit, kinds))
    yield from _together(held, kinds)


def _all_judged(unit: PodUnit, kinds: Sequence[NodeKind]) -> bool:
    return all(is_judged(pod, kinds) for pod, _ in unit.pods)


def _homeless(found: ProjectPods, unit: PodUnit, pod: Pod, kinds: Sequence[NodeKind]) -> Violation:
    meant = [kind for kind in kinds if pod.accelerator is None or pod.accelerator in kind.accelerators]
    reasons = list(dict.fromkeys(_reason(pod, kind) for kind in meant))
    return Violation(
        pointer=_written(found, unit, "size"),
        message=f"no node can run one of its pods: {'; '.join(reasons)}",
        hint="ask for less, or change the accelerator's tolerations and nodeSelector, or nodes, in the environment",
        see=found.environment.facts.at(("nodes", meant[0].name)),
    )


def _reason(pod: Pod, kind: NodeKind) -> str:
    if (taint := untolerated(pod, kind)) is not None:
        shown = f"{taint.get('key')}={taint.get('value')}" if taint.get("value") else str(taint.get("key"))
        return f"nodes {kind.name} have the taint {shown}:{taint.get('effect')}, which it does not tolerate"
    if (label := unselected(pod, kind)) is not None:
        return f"nodes {kind.name} do not have the label {label}: {pod.node_selector[label]}"
    name = short_of(pod, kind) or ""
    there = quantity_text(kind.amounts.get(name, Fraction(0)), name)
    return f"it requests {quantity_text(pod.requests.get(name, Fraction(0)), name)} {name}, and nodes {kind.name} have {there}"


def _elsewhere(found: ProjectPods, unit: PodUnit, kinds: Sequence[NodeKind]) -> Iterator[Violation]:
    """Nodes of another product that take the pods as well."""
    for pod, _ in unit.pods:
        if pod.accelerator is None:
            continue
        others = [
            kind
            for kind in kinds
            if pod.accelerator not in kind.accelerators and kind.accelerators and may_run(pod, kind)
        ]
        if others:
            products = listed(list(dict.fromkeys(name for kind in others for name in kind.accelerators)))
            yield Violation(
                pointer=_written(found, unit, "accelerator"),
                message=f"its pods may also run on nodes {listed([kind.name for kind in others])} ({products}): "
                f"tolerations alone do not select a product",
                hint=f"give accelerators.{pod.accelerator} a nodeSelector in the environment",
                severity=Severity.WARNING,
                see=found.environment.facts.at(("accelerators", pod.accelerator)),
            )
            return


def _together(
    held: Sequence[tuple[ProjectPods, PodUnit]], kinds: Sequence[NodeKind]
) -> Iterator[tuple[ProjectPods, Code, Violation]]:
    """All pods at once: at their least, at their most, with a node of a kind away, and while each rolls."""
    units = [unit for _, unit in held]
    for at_most in (False, True):
        pods = [
            (pod, each * (unit.most if at_most else min(unit.least, unit.most)))
            for unit in units
            for pod, each in unit.pods
        ]
        if packable(pods, kinds) is False:
            found, unit = _last(held, kinds, at_most)
            yield found, "ROOM004", _unpacked(found, unit, at_most)
            break
    else:
        yield from _drained(held, kinds)
    of_unit = {id(unit): found for found, unit in held}
    for stall in nodes_stalls(units, kinds):
        found = of_unit[id(stall.unit)]
        yield found, "ROOM006", _stalled(found, stall)


def _last(
    held: Sequence[tuple[ProjectPods, PodUnit]], kinds: Sequence[NodeKind], at_most: bool
) -> tuple[ProjectPods, PodUnit]:
    """The first workload that finds no room any more, in the order of the files."""
    pods: list[tuple[Pod, int]] = []
    for found, unit in held:
        pods += [(pod, each * (unit.most if at_most else min(unit.least, unit.most))) for pod, each in unit.pods]
        if packable(pods, kinds) is False:
            return found, unit
    return held[-1]


def _unpacked(found: ProjectPods, unit: PodUnit, at_most: bool) -> Violation:
    when = "with all replicas at their maximum, " if at_most else ""
    return Violation(
        pointer=_written(found, unit, "accelerator"),
        message=f"{when}the nodes do not have room for all pods at once: from this one on there is none, however they are placed",
        hint="use fewer or smaller replicas, or add nodes",
        severity=Severity.WARNING if at_most else Severity.ERROR,
        see=found.environment.facts.at(("nodes",)),
    )


def _drained(
    held: Sequence[tuple[ProjectPods, PodUnit]], kinds: Sequence[NodeKind]
) -> Iterator[tuple[ProjectPods, Code, Violation]]:
    """Whether all pods still find room when as many nodes are away as the environment asks for."""
    pods = [(pod, each * min(unit.least, unit.most)) for _, unit in held for pod, each in unit.pods]
    for kind in kinds:
        rest = without_nodes(kinds, kind.name, kind.spare)
        if kind.spare and packable(pods, rest) is False:
            found, unit = _last(held, rest, at_most=False)
            yield (
                found,
                "ROOM007",
                Violation(
                    pointer=_written(found, unit, "accelerator"),
                    message=f"with {plural(kind.spare, 'node')} {kind.name} drained, there is no room for it",
                    hint="use fewer replicas, add nodes, or lower spare of these nodes in the environment",
                    severity=Severity.WARNING,
                    see=found.environment.facts.at(("nodes", kind.name)),
                ),
            )
