"""What the models and model servers of a project are, read from its objects: replicas, accelerators, addresses, tokens.

Read from the objects and not from the spec, so that what was committed and what is rendered are judged by the same eyes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from modelfleet.kubernetes.names import (
    ACCOUNT_OF_TOKEN,
    AUTOSCALER_CLASS,
    SERVING_GROUP,
    STOP,
    TEMPLATE_NAME,
    workload_of,
)
from modelfleet.kubernetes.objects import Object, group_of, mapping, mappings
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project
from modelfleet.serving.accelerators import (
    accelerator_name,
    amounts_of,
    given_by_profile,
    maps,
    of_group,
    of_pod,
    of_service,
    summed,
    whole_number,
)
from modelfleet.serving.addresses import Address, address_of, way_of
from modelfleet.serving.knowledge import knowledge
from modelfleet.serving.queues import queue_of

ServingMode = Literal["standard", "multi-node", "advanced", "server", "distributed"]

Key = tuple[str, str]
"""Kind and name."""

SERVICE, LLM, RUNTIME, LLM_CONFIG = (
    "InferenceService",
    "LLMInferenceService",
    "ServingRuntime",
    "LLMInferenceServiceConfig",
)

MODELS = (SERVICE, LLM)


def made_with(model: Object) -> Iterator[Key]:
    """The runtime and the configurations that a model names."""
    spec = mapping(model.get("spec"))
    named = mapping(mapping(spec.get("predictor")).get("model")).get("runtime")
    for kind, name in ((RUNTIME, named), *((LLM_CONFIG, ref.get("name")) for _, ref in mappings(spec.get("baseRefs")))):
        if isinstance(name, str):
            yield kind, name


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCanary:
    """Another version of a model beside it: its share of the requests, its replicas, and what its pods are made of."""

    name: str
    percent: int
    replicas: int
    predictor: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningWorkload:
    """A model, or a model server. `per_replica` counts accelerators by identifier, over all nodes of one replica.

    `least` and `most` are its replicas; a model on a server has none of its own. `grouped`: a replica of several nodes that
    come and go together. `model` is false for a server. `tokens` are the Secrets that open it. `beside`: accelerators of
    pods that are not replicas, such as those that read prompts for llm-d. `queue`: where its pods wait for Kueue.
    """

    key: Key
    mode: ServingMode
    model: bool
    least: int
    most: int
    stopped: bool
    recreates: bool
    grouped: bool
    per_replica: Mapping[str, int]
    accelerator: str | None
    images: tuple[str, ...]
    runtime: str | None
    server: str | None
    address: Address | None
    tokens: tuple[str, ...]
    beside: Mapping[str, int] = field(default_factory=dict)
    queue: str | None = None
    canaries: tuple[RunningCanary, ...] = ()
    traffic: tuple[str, int, int] | None = None
    """Of a distributed model: the group that shares requests, its weight, and the weight of all in the group."""

    @property
    def open(self) -> bool:
        """Whether it asks nobody for a token."""
        return not self.tokens and not (self.address and self.address.guarded)

    @property
    def running(self) -> int:
        """Replicas at the busiest time; none where it is stopped."""
        return 0 if self.stopped else self.most

    @property
    def accelerators(self) -> dict[str, int]:
        """Accelerators by identifier at the busiest time."""
        return summed([(self.per_replica, self.running), (self.beside, 1 if self.running else 0)])

    def surge(self) -> int:
        """Replicas that run beside the others while it rolls."""
        rule = knowledge()["rolling"]["groups" if self.grouped and self.mode == "distributed" else self.mode]
        if self.recreates:
            return 0
        if rule["more"] == "ready":
            return max(self.least, 1)
        return math.ceil(self.running * int(rule["more"]) / 100)

    def beyond(self, before: RunningWorkload) -> dict[str, int]:
        """Accelerators that are needed beside those it had or will have, whichever are more, while it rolls from one to the other.

        At first its new pods stand beside all old ones, at last its old ones beside all new ones.
        """
        both = ((name, min(count, before.per_replica.get(name, 0))) for name, count in self.per_replica.items())
        return {name: count * self.surge() for name, count in both if count and self.surge()}

    def held(self, before: RunningWorkload) -> dict[str, int]:
        """Accelerators that its old pods hold on to until it has rolled, over those that it has afterwards."""
        both = ((name, count - self.per_replica.get(name, 0)) for name, count in before.per_replica.items())
        return {name: count * self.running for name, count in both if count > 0 and self.surge()}

    def missing(self) -> int:
        """Replicas of which it has fewer while it rolls."""
        rule = knowledge()["rolling"]["groups" if self.grouped and self.mode == "distributed" else self.mode]
        if self.recreates:
            return self.running
        return min(1, self.running) if rule["fewer"] == "one" else self.running * int(rule["fewer"]) // 100


@dataclass(frozen=True, slots=True)
class ProjectState:
    """A project in an environment, before or after: the facts of the environment, the namespace, the objects.

    `accelerators`: what the spec calls the accelerator of a workload, by its name, as far as the spec is known.
    """

    environment: Environment
    namespace: str
    objects: Mapping[Key, Object]
    accelerators: Mapping[str, str] = field(default_factory=dict)


def project_state(
    environment: Environment, namespace: str, objects: Iterable[Object], project: Project | None = None
) -> ProjectState:
    """The objects by kind and name; what is rendered has no two of one kind and name in different groups."""
    found = {(str(item["kind"]), str(item["metadata"]["name"])): item for item in objects}
    workloads = project.workloads if project is not None else ()
    written = {one.name: one.hardware.accelerator.name for one in workloads if one.hardware.accelerator is not None}
    return ProjectState(environment, namespace, found, written)


def running_workloads(found: ProjectState) -> dict[Key, RunningWorkload]:
    """The models and model servers of a project, in the order of its objects."""
    result: dict[Key, RunningWorkload] = {}
    tokens = _tokens_of(found)
    for key, item in found.objects.items():
        if key[0] not in (SERVICE, LLM, RUNTIME) or group_of(item) != SERVING_GROUP:
            continue
        if key[0] == LLM:
            result[key] = _distributed(found, item, tokens.get(key[1], ()))
        elif key[0] == SERVICE:
            result[key] = _service(found, item, tokens.get(key[1], ()))
        elif _spec(item).get("multiModel"):
            result[key] = _server(found, item, tokens.get(key[1], ()))
    return result


def _spec(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(item.get("spec"))


def _metadata(item: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    return mapping(item["metadata"].get(part))


def _service(found: ProjectState, item: Object, tokens: tuple[str, ...]) -> RunningWorkload:
    predictor = mapping(_spec(item).get("predictor"))
    model, worker = mapping(predictor.get("model")), predictor.get("workerSpec")
    worker = worker if isinstance(worker, dict) else None
    named = model.get("runtime")
    runtime = found.objects.get((RUNTIME, str(named)))
    key = (SERVICE, str(item["metadata"]["name"]))
    way = way_of(item, found.environment.can("defaultMode"))
    on_server = way == "server"
    mode: ServingMode = way if worker is None or on_server else "multi-node"
    by_keda = _metadata(item, "annotations").get(AUTOSCALER_CLASS) == "keda"
    least, most = _replicas(predictor, mode, 0 if by_keda else 1)
    containers = [*_containers(runtime), *maps(predictor.get("containers"))]
    transformer = mapping(_spec(item).get("transformer"))
    per_replica = {} if on_server else of_service(predictor, containers) or given_by_profile(found.environment, item)
    canaries = () if on_server else tuple(_canaries(_spec(item), predictor))
    return RunningWorkload(
        key=key,
        mode=mode,
        model=True,
        least=0 if on_server else least,
        most=0 if on_server else most,
        stopped=_metadata(item, "annotations").get(STOP) == "true",
        recreates=_goes_first(mapping(predictor.get("deploymentStrategy"))),
        grouped=worker is not None,
        per_replica=per_replica,
        accelerator=accelerator_name(found.environment, per_replica, (item, runtime), found.accelerators.get(key[1])),
        queue=queue_of(found.environment, item),
        beside=summed(
            [
                (of_pod(transformer), _replicas(transformer, mode)[1] if transformer else 0),
                *((of_service(laid_over(predictor, one.predictor), containers), one.replicas) for one in canaries),
            ]
        ),
        canaries=canaries,
        images=() if on_server else _images([*containers, *maps(transformer.get("containers"))]),
        runtime=None if on_server else _template(runtime, named),
        server=str(named) if on_server and named else None,
        address=address_of(item, runtime, found.environment),
        tokens=() if on_server else tokens,
    )


def _canaries(spec: Mapping[str, Any], predictor: Mapping[str, Any]) -> Iterator[RunningCanary]:
    """KServe's default: of the least replicas of the model as many as there are requests for it."""
    for entry in maps(spec.get("canary")):
        own, percent = mapping(entry.get("predictor")), whole_number(entry.get("trafficPercent"), 0)
        share = math.ceil(whole_number(predictor.get("minReplicas"), 1) * percent / 100)
        count = whole_number(own.get("minReplicas"), share)
        yield RunningCanary(name=str(own.get("name")), percent=percent, replicas=count, predictor=own)


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Maps merge key by key, all else is replaced."""
    both = (key for key in above if isinstance(below.get(key), dict) and isinstance(above[key], dict))
    return {**below, **above, **{key: laid_over(below[key], above[key]) for key in both}}


def _replicas(predictor: Mapping[str, Any], mode: ServingMode, floor: int = 1) -> tuple[int, int]:
    """KServe's defaults: one replica at least, and as many at most; an HPA never goes below one, its `floor`."""
    least = whole_number(predictor.get("minReplicas"), 1)
    most = whole_number(predictor.get("maxReplicas"), 0)
    if mode == "standard" and (predictor.get("minReplicas") is not None or most):
        least = max(least, floor)
    return least, max(most, least, 1 if mode == "advanced" else 0)


def _goes_first(strategy: Mapping[str, Any]) -> bool:
    """Whether old pods go before new ones come: all of them, or as many as there may be beside the replicas, which is none."""
    rolling = mapping(strategy.get("rollingUpdate"))
    return strategy.get("type") == "Recreate" or str(rolling.get("maxSurge", "")).rstrip("%") == "0"


def _containers(runtime: Object | None) -> list[Mapping[str, Any]]:
    spec = _spec(runtime) if runtime else {}
    return [*maps(spec.get("containers")), *maps(mapping(spec.get("workerSpec")).get("containers"))]


def _images(containers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(item["image"]) for item in containers if item.get("image")))


def _template(runtime: Object | None, named: Any) -> str | None:
    if runtime is None:
        return str(named) if named else None
    # Some releases write the name of the Template, some the runtime's.
    written = _metadata(runtime, "annotations").get(TEMPLATE_NAME)
    return str(written or named).removesuffix("-template")


def _server(found: ProjectState, item: Object, tokens: tuple[str, ...]) -> RunningWorkload:
    spec, name = _spec(item), str(item["metadata"]["name"])
    replicas = whole_number(spec.get("replicas"), int(knowledge()["serverReplicas"]))
    containers = _containers(item)
    per_replica = summed((amounts_of(container), 1) for container in containers)
    return RunningWorkload(
        key=(RUNTIME, name),
        mode="server",
        model=False,
        least=replicas,
        most=replicas,
        stopped=False,
        recreates=False,
        grouped=False,
        per_replica=per_replica,
        accelerator=accelerator_name(found.environment, per_replica, (item, item), found.accelerators.get(name)),
        images=_images(containers),
        runtime=_template(item, name),
        server=None,
        address=None,
        tokens=tokens,
    )


def _distributed(found: ProjectState, item: Object, tokens: tuple[str, ...]) -> RunningWorkload:
    spec, name = _spec(item), str(item["metadata"]["name"])
    replicas, scaling = whole_number(spec.get("replicas"), 1), mapping(spec.get("scaling"))
    least = whole_number(scaling.get("minReplicas"), 1) if scaling else replicas
    most = whole_number(scaling.get("maxReplicas"), least) if scaling else replicas
    prefill = mapping(spec.get("prefill"))
    readers = whole_number(mapping(prefill.get("scaling")).get("maxReplicas"), whole_number(prefill.get("replicas"), 1))
    per_replica = of_group(spec) or given_by_profile(found.environment, item)
    return RunningWorkload(
        key=(LLM, name),
        mode="distributed",
        model=True,
        least=least,
        most=most,
        stopped=_metadata(item, "annotations").get(STOP) == "true",
        recreates=False,
        grouped=bool(spec.get("worker")),
        per_replica=per_replica,
        beside=summed([(of_group(prefill), readers)]),
        accelerator=accelerator_name(found.environment, per_replica, (item, None), found.accelerators.get(name)),
        traffic=_traffic(found, item),
        queue=queue_of(found.environment, item),
        images=_images(maps(mapping(spec.get("template")).get("containers"))),
        runtime=None,
        server=None,
        address=address_of(item, None, found.environment),
        tokens=tokens,
    )


def _traffic(found: ProjectState, item: Object) -> tuple[str, int, int] | None:
    route = _route_of(item)
    group = route.get("group")
    if not isinstance(group, str):
        return None
    members = [_route_of(one) for (kind, _), one in found.objects.items() if kind == LLM]
    total = sum(whole_number(each.get("weight"), 0) for each in members if each.get("group") == group)
    return group, whole_number(route.get("weight"), 0), total


def _route_of(item: Object) -> Mapping[str, Any]:
    return mapping(mapping(_spec(item).get("router")).get("route"))


def _tokens_of(found: ProjectState) -> dict[str, tuple[str, ...]]:
    """The Secrets with a token, by the workload that their ServiceAccount opens."""
    result: dict[str, tuple[str, ...]] = {}
    for (kind, name), item in found.objects.items():
        if kind == "Secret":
            account = str(_metadata(item, "annotations").get(ACCOUNT_OF_TOKEN) or "")
            workload = workload_of("ServiceAccount", account) or account
            result[workload] = (*result.get(workload, ()), name)
    return result


# ---- totals ----------------------------------------------------------------------------------------------------------


def used_by(found: Iterable[RunningWorkload]) -> dict[str, int]:
    """Accelerators by identifier at the busiest time."""
    return summed((one.accelerators, 1) for one in found)


def used_by_name(found: Iterable[RunningWorkload]) -> dict[str, int]:
    """Accelerators by the environment's names for them."""
    return summed(_by_name(one) for one in found)


def _by_name(one: RunningWorkload) -> tuple[dict[str, int], int]:
    counts = one.accelerators
    first = next(iter(counts), None)
    return {one.accelerator if one.accelerator and name == first else name: count for name, count in counts.items()}, 1
