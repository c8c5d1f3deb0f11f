"""How many accelerators a deployment takes at most, and which quota limits them."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.kubernetes.quantity import quantity_value
from modelfleet.resolve.hardware import Hardware
from modelfleet.resolve.model import Model, Project, Workload


def accelerators_used(project: Project) -> Iterator[tuple[str, int, int | None]]:
    """For each accelerator identifier: how many the project uses at most, and its quota where there is one."""
    used: dict[str, int] = {}
    for workload in project.workloads:
        accelerator = workload.hardware.accelerator
        if accelerator is not None and accelerator.identifier is not None:
            identifier = accelerator.identifier
            used[identifier] = used.get(identifier, 0) + most_used(workload, identifier)
    for identifier, count in used.items():
        amount = project.environment.quota.amount(project.name, identifier)
        yield identifier, count, None if amount is None else int(quantity_value(amount))


def most_used(workload: Workload, identifier: str) -> int:
    """The accelerators of all replicas, and of all nodes of a group; none where it is stopped."""
    accelerator = workload.hardware.accelerator
    if isinstance(workload, Model) and workload.llm is not None:
        here = [group for group in workload.llm.groups if _identifier(group.head.hardware) == identifier]
        return 0 if workload.stopped else sum(group.gpus for group in here)
    if accelerator is None or accelerator.identifier != identifier:
        return 0
    nodes = workload.pipeline or 1 if isinstance(workload, Model) else 1
    held = isinstance(workload, Model) and workload.stopped
    return 0 if held else accelerator.count * nodes * workload.maximum


def _identifier(hardware: Hardware) -> str | None:
    return hardware.accelerator.identifier if hardware.accelerator else None
