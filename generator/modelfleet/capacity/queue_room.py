"""What a queue of Kueue can ever admit: pods against the nominal quota of its ClusterQueue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from modelfleet.capacity.amounts import quantity_text, resource_amounts
from modelfleet.capacity.pods import PodUnit
from modelfleet.capacity.room import Code, ProjectPods
from modelfleet.finding import Severity
from modelfleet.resolve.environment import QueueOffer
from modelfleet.rules import Violation
from modelfleet.serving.queues import queue_of
from modelfleet.wording import listed


def queue_violations(found: ProjectPods) -> Iterator[tuple[Code, Violation]]:
    """Replicas that no queue ever admits, and those of a project that cannot all run at once."""
    for queue, units in _waiting(found).items():
        offer = (found.environment.queues or {}).get(queue)
        if offer is not None:
            yield from _beyond(found, queue, offer, units)


def _waiting(found: ProjectPods) -> dict[str, list[PodUnit]]:
    """The pods of a project that wait in queues, by the queue."""
    objects = {(str(item["kind"]), str(item["metadata"]["name"])): item for item in found.objects}
    waiting: dict[str, list[PodUnit]] = {}
    for unit in found.units:
        item = objects.get(unit.workload)
        queue = queue_of(found.environment, item) if item is not None and unit.most else None
        if queue is not None:
            waiting.setdefault(queue, []).append(unit)
    return waiting


def _beyond(
    found: ProjectPods, queue: str, offer: QueueOffer, units: list[PodUnit]
) -> Iterator[tuple[Code, Violation]]:
    whose = f"ClusterQueue {offer.cluster_queue}" if offer.cluster_queue else f"the ClusterQueue of {queue}"
    for resource, there in resource_amounts(offer.nominal).items():
        has = f"{whose} has {quantity_text(there, resource)}"
        see = found.environment.facts.at(("queues", queue, "nominal", resource))
        asking = [(amount, unit) for unit in units if (amount := _of_replica(unit, resource))]
        too_large = [(amount, unit) for amount, unit in asking if amount > there]
        for amount, unit in too_large:
            yield (
                "QUE004",
                Violation(
                    pointer=found.pointer(unit),
                    message=f"a replica needs {quantity_text(amount, resource)} {resource}, and {has}: "
                    f"it waits in queue {queue!r} forever",
                    hint="ask for less, or choose another queue",
                    see=see,
                ),
            )
        total = sum((amount * unit.most for amount, unit in asking), Fraction(0))
        if total > there and not too_large:
            names = listed(list(dict.fromkeys(unit.workload[1] for _, unit in asking)))
            yield (
                "QUE005",
                Violation(
                    pointer=found.pointer(asking[-1][1]),
                    message=f"all replicas of {names} need {quantity_text(total, resource)} {resource} at most, and {has}: "
                    f"some wait in queue {queue!r} until others go",
                    hint="use fewer replicas, or another queue for some",
                    severity=Severity.WARNING,
                    see=see,
                ),
            )


def shared_queue_violations(projects: Sequence[ProjectPods]) -> Iterator[tuple[ProjectPods, Code, Violation]]:
    """Replicas that cannot all run at once because several queues share what their ClusterQueue has."""
    sharing: dict[str, list[tuple[ProjectPods, str, list[PodUnit]]]] = {}
    for found in projects:
        for queue, units in _waiting(found).items():
            offer = (found.environment.queues or {}).get(queue)
            if offer is not None:
                sharing.setdefault(offer.cluster_queue or queue, []).append((found, queue, units))
    for name, parts in sharing.items():
        yield from _beyond_together(name, parts)


def _beyond_together(
    name: str, parts: Sequence[tuple[ProjectPods, str, list[PodUnit]]]
) -> Iterator[tuple[ProjectPods, Code, Violation]]:
    first, queue, _ = parts[0]
    for resource, there in resource_amounts((first.environment.queues or {})[queue].nominal).items():
        each = [sum((_of_replica(unit, resource) * unit.most for unit in units), Fraction(0)) for _, _, units in parts]
        asking = [(amount, part) for amount, part in zip(each, parts, strict=True) if amount]
        total = sum(each, Fraction(0))
        if len(asking) < 2 or total <= there or any(amount > there for amount in each):
            continue
        found, last, units = max(asking, key=lambda one: one[0])[1]
        whose = listed(list(dict.fromkeys(found.project.name for _, (found, _, _) in asking)))
        yield (
            found,
            "QUE005",
            Violation(
                pointer=found.pointer(next(unit for unit in reversed(units) if _of_replica(unit, resource))),
                message=f"all replicas that wait for ClusterQueue {name} need {quantity_text(total, resource)} {resource} at most, "
                f"those of {whose} together, and it has {quantity_text(there, resource)}: some wait until others go",
                hint="use fewer replicas, or another queue for some",
                severity=Severity.WARNING,
                see=found.environment.facts.at(("queues", last, "nominal", resource)),
            ),
        )


def _of_replica(unit: PodUnit, resource: str) -> Fraction:
    return sum((pod.requests.get(resource, Fraction(0)) * count for pod, count in unit.pods), Fraction(0))
