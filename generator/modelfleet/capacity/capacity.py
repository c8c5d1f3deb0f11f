"""The capacity of an environment: what each project uses of its quota, what fits its GPUs, and whether the nodes hold all pods.

Made from rendered objects and the facts of the environment. What is not known is not judged, and listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from modelfleet.capacity.nodes import NodeKind, is_judged, node_kinds, packable, without_nodes
from modelfleet.capacity.pods import pod_units
from modelfleet.capacity.queue_room import queue_violations, shared_queue_violations
from modelfleet.capacity.quota import ResourceUse, quota_of_project, quota_uses
from modelfleet.capacity.room import ProjectPods, nodes_violations, quota_violations
from modelfleet.finding import Finding
from modelfleet.kubernetes.objects import Object
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.resolve.model import Project
from modelfleet.resolve.unknown_facts import unknown_facts
from modelfleet.rules.check import located
from modelfleet.serving.workloads import ProjectState, project_state

if TYPE_CHECKING:
    from modelfleet.capacity.fit import ModelFit


@dataclass(frozen=True, slots=True)
class ProjectCapacity:
    """A project in an environment: its quota and its models."""

    name: str
    uses: tuple[ResourceUse, ...]
    fits: tuple[ModelFit, ...]


@dataclass(frozen=True, slots=True)
class NodesRoom:
    """A kind of node: whether all nodes together hold all pods, and whether they do with one of this kind away."""

    kind: NodeKind
    room: bool | None
    without_one: bool | None


@dataclass(frozen=True, slots=True)
class EnvironmentCapacity:
    """All of it for one environment. `unknown` are facts that would let more be judged."""

    name: str
    projects: tuple[ProjectCapacity, ...]
    rooms: tuple[NodesRoom, ...]
    unknown: tuple[str, ...]


# ---- findings --------------------------------------------------------------------------------------------------------


def project_findings(project: Project, objects: Sequence[Object]) -> Iterator[Finding]:
    """What is wrong with the memory of a project's models, and what its quota and LimitRange refuse."""
    environment = project.environment
    if _has_memory(environment) or any(model.weights for model in project.models):
        from modelfleet.capacity.fit import fit_violations, model_fits  # and all that is known of engines

        for fit in model_fits(project, _state(project, objects)):
            for code, violation in fit_violations(fit):
                yield located(code, violation, project.spec, environment.name)
    if quota_of_project(environment, project.name) or environment.limit_range:
        for code, violation in quota_violations(_pods(project, objects)):
            yield located(code, violation, project.spec, environment.name)
    if environment.queues:
        for code, violation in queue_violations(_pods(project, objects)):
            yield located(code, violation, project.spec, environment.name)


def environment_findings(environment: Environment, deployed: Iterable[DeployedProject]) -> Iterator[Finding]:
    """What the nodes and queues of an environment do not take, of all its projects together."""
    kinds = node_kinds(environment)
    if not kinds and not environment.queues:
        return
    projects = [_pods(one.project, one.objects) for one in deployed]
    in_nodes = nodes_violations(projects, kinds) if kinds else ()
    for found, code, violation in (*in_nodes, *shared_queue_violations(projects)):
        yield located(code, violation, found.project.spec, environment.name)


def _state(project: Project, objects: Sequence[Object]) -> ProjectState:
    return project_state(project.environment, project.namespace, objects, project)


def _pods(project: Project, objects: Sequence[Object]) -> ProjectPods:
    return ProjectPods(project, tuple(objects), pod_units(_state(project, objects)))


def _has_memory(environment: Environment) -> bool:
    return any(offer.memory for offer in environment.accelerators.values())


# ---- figures ---------------------------------------------------------------------------------------------------------


def environment_capacity(environment: Environment, deployed: Sequence[DeployedProject]) -> EnvironmentCapacity:
    """The figures of an environment; the nodes hold the pods of all projects, whichever are shown."""
    from modelfleet.capacity.fit import model_fits

    pods = {one.project.name: _pods(one.project, one.objects) for one in deployed}
    projects = tuple(
        ProjectCapacity(
            name,
            quota_uses(quota_of_project(environment, name), found.units, found.objects),
            tuple(model_fits(found.project, _state(found.project, found.objects))),
        )
        for name, found in pods.items()
    )
    kinds = node_kinds(environment)
    wanted = [
        (pod, each * unit.most)
        for found in pods.values()
        for unit in found.units
        for pod, each in unit.pods
        if is_judged(pod, kinds)
    ]
    room = packable(wanted, kinds) if kinds else None
    rooms = tuple(NodesRoom(kind, room, packable(wanted, without_nodes(kinds, kind.name, 1))) for kind in kinds)
    unknown = tuple(fact.place for fact in unknown_facts(environment, [one.project for one in deployed]))
    return EnvironmentCapacity(environment.name, projects, rooms, unknown)
