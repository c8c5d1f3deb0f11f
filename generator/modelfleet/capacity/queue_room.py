"""What a queue of Kueue can ever admit: pods against the nominal quota of its ClusterQueue."""

from __future__ import annotations

from collections.abc import Iterator
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
    objects = {(str(item["kind"]), str(item["metadata"]["name"])): item for item in found.objects}
    waiting: dict[str, list[PodUnit]] = {}
    for unit in found.units:
        item = objects.get(unit.workload)
        queue = queue_of(found.environment, item) if item is not None and unit.most else None
        if queue is not None:
            waiting.setdefault(queue, []).append(unit)
    for queue, units in waiting.items():
        offer = (found.environment.queues or {}).get(queue)
        if offer is not None:
            yield from _beyond(found, queue, offer, units)


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


def _of_replica(unit: PodUnit, resource: str) -> Fraction:
    return sum((pod.requests.get(resource, Fraction(0)) * count for pod, count in unit.pods), Fraction(0))
