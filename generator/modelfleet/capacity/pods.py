"""The pods that the objects of a project lead to: their containers with what controllers put in, where they may run, how they roll.

What controllers inject, and how much it asks for, are facts of the release (`injected`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from modelfleet.capacity.amounts import Container, ContainerLimits, container, container_limits, pod_amounts
from modelfleet.kubernetes.names import CONNECTIONS, ENABLE_AUTH, HARDWARE_PROFILE, SERVER_AUTH, volume_of
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.resolve.environment import AcceleratorOffer, Environment
from modelfleet.serving.accelerators import (
    amounts_of,
    given_by_profile,
    given_to_worker,
    maps,
    nodes_of_group,
    summed,
    whole_number,
)
from modelfleet.serving.knowledge import knowledge
from modelfleet.serving.workloads import (
    LLM,
    RUNTIME,
    Key,
    ProjectState,
    RunningWorkload,
    ServingMode,
    laid_over,
    running_workloads,
)


@dataclass(frozen=True)
class Pod:
    """A pod as it is made. `accelerator` is the environment's name for what it wants; `placing` None: where it may run is
    decided by something that is not known."""

    name: str
    containers: tuple[Container, ...]
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    accelerator: str | None = None
    claims: frozenset[str] = frozenset()

    @cached_property
    def requests(self) -> Mapping[str, Fraction]:
        """What a node must have for it."""
        return pod_amounts(self.containers, "requests")

    @cached_property
    def limits(self) -> Mapping[str, Fraction]:
        """What it may use at most."""
        return pod_amounts(self.containers, "limits")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUnit:
    """Pods that come and go together: one replica, with how often each pod is in it.

    `more` and `fewer` say how many replicas there may be beside and below the count while it rolls.
    """

    workload: Key
    role: str
    pods: tuple[tuple[Pod, int], ...]
    least: int
    most: int
    mode: ServingMode
    grouped: bool = False
    recreates: bool = False

    @property
    def _rule(self) -> Mapping[str, Any]:
        rule: Mapping[str, Any] = knowledge()["rolling"][
            "groups" if self.grouped and self.mode == "distributed" else self.mode
        ]
        return rule

    def beside(self, count: int) -> int:
        """Replicas that may run beside the others while it rolls."""
        more = self._rule["more"]
        if self.recreates:
            return 0
        return max(self.least, 1) if more == "ready" else math.ceil(count * int(more) / 100)

    def needed(self, count: int) -> int:
        """Replicas that must find room beside all others before any old one goes; none where one may go first."""
        if self.recreates or not count:
            return 0
        fewer = self._rule["fewer"]
        may_go = 1 if fewer == "one" else count * int(fewer) // 100
        return 0 if may_go else max(self.least, 1) if self._rule["more"] == "ready" else min(1, self.beside(count))


def pod_units(state: ProjectState) -> tuple[PodUnit, ...]:
    """All pods of a project, in the order of its objects."""
    builder = _Builder(state)
    found: list[PodUnit] = []
    for key, serving in running_workloads(state).items():
        found += builder.units(key, serving)
    return (*found, *builder.others())


@dataclass(frozen=True, slots=True)
class Storage:
    """What brings a model into its pods: containers before the others and beside them, or claims that are mounted."""

    before: tuple[Mapping[str, Any], ...] = ()
    beside: tuple[Mapping[str, Any], ...] = ()
    claims: frozenset[str] = frozenset()


class _Builder:
    """What all pods of a project are made with."""

    def __init__(self, state: ProjectState) -> None:
        self.state = state
        environment = state.environment
        self.limits: ContainerLimits | None = container_limits(environment.limit_range)
        release = environment.release
        self.injected: Mapping[str, Any] = release.injected if release else {}
        self.environment: Environment = environment

    def units(self, key: Key, serving: RunningWorkload) -> Iterator[PodUnit]:
        """The pods of a model or a model server."""
        item = self.state.objects[key]
        if key[0] == LLM:
            yield from self.distributed(item, serving)
        elif key[0] == RUNTIME:
            yield self.server(item, serving)
        elif serving.mode != "server":
            yield self.service(item, serving)
            yield from self.transformer(item, serving)
            yield from self.canaries(item, serving)

    def added(self, *names: str) -> Iterator[Mapping[str, Any]]:
        """Containers that controllers put in, where the release has them."""
        for name in names:
            if (amounts := self.injected.get(name)) is not None:
                yield {"name": _UPPER.sub(lambda letter: f"-{letter[0].lower()}", name), "resources": amounts}

    # ---- InferenceService --------------------------------------------------------------------------------------------

    def service(self, item: Object, serving: RunningWorkload) -> PodUnit:
        predictor = mapping(mapping(item.get("spec")).get("predictor"))
        model, worker = mapping(predictor.get("model")), mapping(predictor.get("workerSpec"))
        runtime = self.state.objects.get((RUNTIME, str(model.get("runtime"))))
        spec = mapping(runtime.get("spec")) if runtime else {}
        brings = self.storage(item, model)
        own = [*([{**model, "name": "kserve-container"}] if model else []), *maps(predictor.get("containers"))]
        running = [*_merged(spec, own), *self.beside(item, serving, predictor)]
        running = _asking(running, given_by_profile(self.environment, item))
        pods = [(self.pod(serving, [spec, predictor], running, brings), 1)]
        if serving.mode == "multi-node":
            of_runtime = mapping(spec.get("workerSpec"))
            asked = summed((amounts_of(one), 1) for one in running)
            merged = _asking(_merged(of_runtime, maps(worker.get("containers"))), given_to_worker(asked, worker))
            nodes = whole_number(worker.get("pipelineParallelSize"), 1)
            pods.append((self.pod(serving, [of_runtime, worker], merged, brings), nodes - 1))
        return self.unit(serving, "", pods, (serving.least, serving.running))

    def transformer(self, item: Object, serving: RunningWorkload) -> Iterator[PodUnit]:
        """What stands before a model, on pods of its own."""
        spec = mapping(mapping(item.get("spec")).get("transformer"))
        if spec:
            running = [*maps(spec.get("containers")), *self.beside(item, serving, spec)]
            least = whole_number(spec.get("minReplicas"), 1)
            most = max(least, whole_number(spec.get("maxReplicas"), 0))
            pods = [(replace(self.pod(serving, [spec], running, Storage()), accelerator=None), 1)]
            unit = self.unit(serving, "transformer", pods, (least, 0 if serving.stopped else most))
            yield replace(unit, grouped=False, recreates=False)

    def canaries(self, item: Object, serving: RunningWorkload) -> Iterator[PodUnit]:
        """Further versions of a model: its predictor with what is written for them over it, and replicas of their own."""
        predictor = mapping(mapping(item.get("spec")).get("predictor"))
        for one in serving.canaries:
            count = 0 if serving.stopped else one.replicas
            unit = self.service({**item, "spec": {"predictor": laid_over(predictor, one.predictor)}}, serving)
            yield replace(unit, role=f"canary {one.name}", least=count, most=count)

    def beside(
        self, item: Object, serving: RunningWorkload, predictor: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Containers that KServe or Knative put beside the model."""
        if serving.mode == "advanced":
            yield from self.added("queueProxy")
        elif _annotated(item, ENABLE_AUTH):
            yield from self.added("authProxy")
        if predictor.get("logger") or predictor.get("batcher"):
            yield from self.added("agent")

    def storage(self, item: Object, model: Mapping[str, Any]) -> Storage:
        """What brings the model, by its address; a connection's secret may hold any address, and is downloaded."""
        address = str(model.get("storageUri") or model.get("uri") or "")
        if volume := volume_of(address):
            return Storage(claims=frozenset([volume[0]]))
        if address.startswith("oci://"):
            return Storage(tuple(self.added("modelcar")), tuple(self.added("modelcar")))
        asked = address or model.get("storage") or _annotation(item, CONNECTIONS)
        return Storage(tuple(self.added("storageInitializer"))) if asked else Storage()

    # ---- ModelMesh ---------------------------------------------------------------------------------------------------

    def server(self, item: Object, serving: RunningWorkload) -> PodUnit:
        spec = mapping(item.get("spec"))
        beside = [*self.added("modelMesh", "restProxy", "puller")]
        if _annotated(item, SERVER_AUTH):
            beside += self.added("serverAuthProxy")
        pod = self.pod(serving, [spec], [*maps(spec.get("containers")), *beside], Storage())
        return self.unit(serving, "", [(pod, 1)], (serving.least, serving.running))

    # ---- llm-d -------------------------------------------------------------------------------------------------------

    def distributed(self, item: Object, serving: RunningWorkload) -> Iterator[PodUnit]:
        spec = mapping(item.get("spec"))
        brings = self.storage(item, mapping(spec.get("model")))
        prefill = mapping(spec.get("prefill"))
        routing = [*self.added("routingSidecar")] if prefill else []
        if pods := self.group(serving, spec, routing, brings):
            yield self.unit(serving, "", pods, (serving.least, serving.running))
        if pods := self.group(serving, prefill, [], brings):
            scaling = mapping(prefill.get("scaling"))
            least = whole_number(scaling.get("minReplicas"), whole_number(prefill.get("replicas"), 1))
            most = whole_number(scaling.get("maxReplicas"), least)
            yield self.unit(serving, "prefill", pods, (least, 0 if serving.stopped else most))
        if mapping(spec.get("router")).get("scheduler") is not None:
            containers = self.completed([*self.added("scheduler", "schedulerTokenizer")], [])
            pod = Pod(f"{serving.key[1]}-scheduler", containers)
            count = 0 if serving.stopped else 1
            yield replace(self.unit(serving, "scheduler", [(pod, 1)], (count, count)), recreates=True)

    def group(
        self, serving: RunningWorkload, spec: Mapping[str, Any], routing: Sequence[Mapping[str, Any]], brings: Storage
    ) -> list[tuple[Pod, int]]:
        """A head with its workers."""
        found = []
        for part, count in (("template", 1), ("worker", nodes_of_group(spec) - 1)):
            if written := mapping(spec.get(part)):
                running = [*maps(written.get("containers")), *routing]
                if part == "template":
                    running = _asking(running, given_by_profile(self.environment, self.state.objects[serving.key]))
                found.append((self.pod(serving, [written], running, brings), count))
        return found

    # ---- what else makes pods ----------------------------------------------------------------------------------------

    def others(self) -> Iterator[PodUnit]:
        """Deployments and their like that stand beside the models."""
        for key, item in self.state.objects.items():
            found = _template(item)
            if found is None:
                continue
            template, count = found
            spec = mapping(template.get("spec"))
            pod = Pod(
                key[1],
                self.completed(maps(spec.get("containers")), maps(spec.get("initContainers"))),
                {str(name): str(label) for name, label in mapping(spec.get("nodeSelector")).items()},
                tuple(maps(spec.get("tolerations"))),
                claims=frozenset(_claims(spec)),
            )
            recreates = mapping(mapping(item.get("spec")).get("strategy")).get("type") == "Recreate"
            yield PodUnit(
                workload=key,
                role="",
                pods=((pod, 1),),
                least=count,
                most=count,
                mode="standard",
                recreates=recreates or key[0] != "Deployment",
            )

    # ---- parts -------------------------------------------------------------------------------------------------------

    def unit(
        self, serving: RunningWorkload, role: str, pods: Sequence[tuple[Pod, int]], replicas: tuple[int, int]
    ) -> PodUnit:
        least, most = replicas
        return PodUnit(
            workload=serving.key,
            role=role,
            pods=tuple((pod, count) for pod, count in pods if count > 0),
            least=0 if serving.stopped else least,
            most=most,
            mode=serving.mode,
            grouped=serving.grouped,
            recreates=serving.recreates,
        )

    def completed(
        self, running: Iterable[Mapping[str, Any]], before: Iterable[Mapping[str, Any]]
    ) -> tuple[Container, ...]:
        written = [*(container(one, "init") for one in before), *(container(one) for one in running)]
        return tuple(one.completed(self.limits) for one in written)

    def pod(
        self,
        serving: RunningWorkload,
        over: Sequence[Mapping[str, Any]],
        running: Iterable[Mapping[str, Any]],
        brings: Storage,
    ) -> Pod:
        """A pod: of the specs that lie over one another the last first, as KServe merges them, and what a profile adds."""
        profile = self.profile(self.state.objects[serving.key])
        selector = {key: label for layer in over for key, label in mapping(layer.get("nodeSelector")).items()}
        if profile is not None:
            selector |= profile.node_selector or {}
        tolerations = next((found for layer in reversed(over) if (found := maps(layer.get("tolerations")))), [])
        before = [one for layer in over for one in maps(layer.get("initContainers"))]
        return Pod(
            serving.key[1],
            self.completed([*running, *brings.beside], [*before, *brings.before]),
            {str(key): str(label) for key, label in selector.items()},
            (*tolerations, *((profile.tolerations or ()) if profile else ())),
            serving.accelerator,
            brings.claims | frozenset(claim for layer in over for claim in _claims(layer)),
        )

    def profile(self, item: Object) -> AcceleratorOffer | None:
        """What is known of the hardware profile that an object names: it is that of an accelerator."""
        name = _annotation(item, HARDWARE_PROFILE)
        offers = (offer for offer in self.environment.accelerators.values() if offer.hardware_profile)
        return next((offer for offer in offers if offer.hardware_profile and offer.hardware_profile.name == name), None)


def _claims(spec: Mapping[str, Any]) -> Iterator[str]:
    """The claims that a pod mounts by its volumes."""
    for volume in maps(spec.get("volumes")):
        if claim := mapping(volume.get("persistentVolumeClaim")).get("claimName"):
            yield str(claim)


_UPPER = lazy_pattern("[A-Z]")


def _annotation(item: Object, key: str) -> Any:
    return mapping(mapping(item.get("metadata")).get("annotations")).get(key)


def _annotated(item: Object, key: str) -> bool:
    return bool(_annotation(item, key) == "true")


def _merged(spec: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The containers of a runtime with the model's own of the same name laid over them, resource by resource."""
    named = {str(one.get("name")): one for one in own}
    for written in maps(spec.get("containers")):
        over = named.pop(str(written.get("name")), {})
        both = [mapping(mapping(one).get("resources")) for one in (written, over)]
        yield {
            **written,
            "resources": {
                part: {**mapping(both[0].get(part)), **mapping(both[1].get(part))} for part in ("requests", "limits")
            },
        }
    yield from named.values()


def _asking(running: Iterable[Mapping[str, Any]], given: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """The containers of a pod, of which the first gets what somebody gives to a pod that asks for no accelerators."""
    found = list(running)
    if given and found and not any(amounts_of(one) for one in found):
        amounts = mapping(found[0].get("resources"))
        more = {name: str(count) for name, count in given.items()}
        both = {part: {**mapping(amounts.get(part)), **more} for part in ("requests", "limits")}
        found[0] = {**found[0], "resources": both}
    return found


_TEMPLATES = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


def _template(item: Object) -> tuple[Mapping[str, Any], int] | None:
    """The pods that an ordinary object makes, and how many at once."""
    kind, spec = str(item["kind"]), mapping(item.get("spec"))
    if kind in _TEMPLATES:
        return mapping(spec.get("template")), whole_number(spec.get("replicas"), 1)
    if kind == "Job":
        return mapping(spec.get("template")), whole_number(spec.get("parallelism"), 1)
    if kind == "CronJob":
        job = mapping(mapping(spec.get("jobTemplate")).get("spec"))
        return mapping(job.get("template")), whole_number(job.get("parallelism"), 1)
    return (item, 1) if kind == "Pod" else None
