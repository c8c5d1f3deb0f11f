"""What the models and model servers of a project are, read from its objects: replicas, accelerators, addresses, tokens.

Read from the objects and not from the spec, so that what was committed and what is rendered are judged by the same eyes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from generator.endpoints import Address, address_of, way_of
from generator.model import Environment, Object
from generator.overlay import group_of
from generator.plan_diff import knowledge
from generator.quantity import NotAQuantity, value
from generator.rules.admission_manifest import mapping, mappings

Mode = Literal["standard", "multi-node", "advanced", "server", "distributed"]

Key = tuple[str, str]
"""Kind and name."""

SERVICE, LLM, RUNTIME, LLM_CONFIG = (
    "InferenceService",
    "LLMInferenceService",
    "ServingRuntime",
    "LLMInferenceServiceConfig",
)
MODELS = (SERVICE, LLM)

_SERVING = "serving.kserve.io"
_ACCOUNT = "kubernetes.io/service-account.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A model, or a model server. `per_replica` counts accelerators by identifier, over all nodes of one replica.

    `least` and `most` are its replicas; a model on a server has none of its own. `grouped`: a replica of several nodes that
    come and go together. `model` is false for a server. `tokens` are the Secrets that open it. `beside`: accelerators of
    pods that are no replicas, such as those that read prompts for llm-d.
    """

    key: Key
    mode: Mode
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

    @property
    def running(self) -> int:
        """Replicas at the busiest time; none where it is stopped."""
        return 0 if self.stopped else self.most

    @property
    def accelerators(self) -> dict[str, int]:
        """Accelerators by identifier at the busiest time."""
        return _summed([(self.per_replica, self.running), (self.beside, 1 if self.running else 0)])

    def surge(self) -> int:
        """Replicas that run beside the others while it rolls."""
        rule = knowledge()["rolling"]["groups" if self.grouped and self.mode == "distributed" else self.mode]
        if self.recreates:
            return 0
        if rule["more"] == "ready":
            return max(self.least, 1)
        return math.ceil(self.running * int(rule["more"]) / 100)

    def missing(self) -> int:
        """Replicas of which it has fewer while it rolls."""
        rule = knowledge()["rolling"]["groups" if self.grouped and self.mode == "distributed" else self.mode]
        if self.recreates:
            return self.running
        return min(1, self.running) if rule["fewer"] == "one" else self.running * int(rule["fewer"]) // 100


@dataclass(frozen=True, slots=True)
class Side:
    """A project in an environment, before or after: the facts of the environment, the namespace, the objects."""

    environment: Environment
    namespace: str
    objects: Mapping[Key, Object]


def side(environment: Environment, namespace: str, objects: Iterable[Object]) -> Side:
    """The objects by kind and name; what is rendered has no two of one kind and name in different groups."""
    return Side(environment, namespace, {(str(item["kind"]), str(item["metadata"]["name"])): item for item in objects})


def servings(found: Side) -> dict[Key, Serving]:
    """The models and model servers of a project, in the order of its objects."""
    result: dict[Key, Serving] = {}
    for key, item in found.objects.items():
        if key[0] not in (SERVICE, LLM, RUNTIME) or group_of(item) != _SERVING:
            continue
        if key[0] == LLM:
            result[key] = _distributed(found, item)
        elif key[0] == SERVICE:
            result[key] = _service(found, item)
        elif _spec(item).get("multiModel"):
            result[key] = _server(found, item)
    return result


def _spec(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(item.get("spec"))


def _metadata(item: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    return mapping(item["metadata"].get(part))


def _service(found: Side, item: Object) -> Serving:
    predictor = mapping(_spec(item).get("predictor"))
    model, worker = mapping(predictor.get("model")), predictor.get("workerSpec")
    worker = worker if isinstance(worker, dict) else None
    named = model.get("runtime")
    runtime = found.objects.get((RUNTIME, str(named)))
    key = (SERVICE, str(item["metadata"]["name"]))
    on_server = way_of(item, found.environment.can("defaultMode")) == "server"
    mode: Mode = "server" if on_server else _way(found, item) if worker is None else "multi-node"
    least, most = _replicas(predictor, mode)
    containers = _containers(runtime)
    per_replica = {} if on_server else _counted(model, worker, containers)
    return Serving(
        key=key,
        mode=mode,
        model=True,
        least=0 if on_server else least,
        most=0 if on_server else most,
        stopped=_metadata(item, "annotations").get("serving.kserve.io/stop") == "true",
        recreates=mapping(predictor.get("deploymentStrategy")).get("type") == "Recreate",
        grouped=worker is not None,
        per_replica=per_replica,
        accelerator=_accelerator(found, per_replica, item, runtime),
        images=() if on_server else _images(containers),
        runtime=None if on_server else _template(runtime, named),
        server=str(named) if on_server and named else None,
        address=address_of(item, runtime, found.environment),
        tokens=() if on_server else _tokens(found, key[1]),
    )


def _way(found: Side, item: Object) -> Mode:
    return way_of(item, found.environment.can("defaultMode"))


def _replicas(predictor: Mapping[str, Any], mode: Mode) -> tuple[int, int]:
    """KServe's defaults: one replica at least, and as many at most; an HPA never goes below one."""
    least = _whole(predictor.get("minReplicas"), 1)
    most = _whole(predictor.get("maxReplicas"), 0)
    if mode == "standard" and (predictor.get("minReplicas") is not None or most):
        least = max(least, 1)
    return least, max(most, least, 1 if mode == "advanced" else 0)


def _whole(number: Any, otherwise: int) -> int:
    return number if isinstance(number, int) and not isinstance(number, bool) else otherwise


def _containers(runtime: Object | None) -> list[Mapping[str, Any]]:
    spec = _spec(runtime) if runtime else {}
    return [*_maps(spec.get("containers")), *_maps(mapping(spec.get("workerSpec")).get("containers"))]


def _maps(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list; a hand-edited file may hold anything."""
    return [item for _, item in mappings(value)]


def _images(containers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(item["image"]) for item in containers if item.get("image")))


def _template(runtime: Object | None, named: Any) -> str | None:
    if runtime is None:
        return str(named) if named else None
    written = _metadata(runtime, "annotations").get("opendatahub.io/template-name")
    return str(written or named).removesuffix(
        "-template"
    )  # some releases write the name of the Template, some the runtime's


def _amounts(container: Mapping[str, Any]) -> dict[str, int]:
    """Accelerators that a container asks for: resources whose names have a domain."""
    resources = mapping(container.get("resources"))
    found: dict[str, int] = {}
    for part in ("limits", "requests"):
        for name, amount in mapping(resources.get(part)).items():
            if "/" in str(name) and isinstance(amount, str | int | float):
                found.setdefault(str(name), _number(amount))
    return found


@lru_cache(maxsize=1024)
def _number(amount: str | int | float) -> int:
    try:
        return math.ceil(value(str(amount)))
    except NotAQuantity:
        return 0


def _summed(parts: Iterable[tuple[Mapping[str, int], int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for amounts, times in parts:
        for name, count in amounts.items():
            found[name] = found.get(name, 0) + count * times
    return {name: count for name, count in found.items() if count}


def _counted(
    model: Mapping[str, Any], worker: Mapping[str, Any] | None, containers: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """One replica of an InferenceService: the model's resources over its container's, and those of each worker."""
    named = {str(item.get("name")): item for item in containers}
    own = {**_amounts(named.pop("kserve-container", {})), **_amounts(model)}
    runtime_worker = named.pop("worker-container", {})
    parts: list[tuple[Mapping[str, int], int]] = [(own, 1), *((_amounts(item), 1) for item in named.values())]
    if worker is not None:
        ours = next(iter(_maps(worker.get("containers"))), {})
        nodes = _whole(worker.get("pipelineParallelSize"), 1)
        parts.append(({**_amounts(runtime_worker), **_amounts(ours)}, nodes - 1))
    return _summed(parts)


def _server(found: Side, item: Object) -> Serving:
    spec, name = _spec(item), str(item["metadata"]["name"])
    replicas = _whole(spec.get("replicas"), int(knowledge()["serverReplicas"]))
    containers = _containers(item)
    per_replica = _summed((_amounts(container), 1) for container in containers)
    return Serving(
        key=(RUNTIME, name),
        mode="server",
        model=False,
        least=replicas,
        most=replicas,
        stopped=False,
        recreates=False,
        grouped=False,
        per_replica=per_replica,
        accelerator=_accelerator(found, per_replica, item, item),
        images=_images(containers),
        runtime=_template(item, name),
        server=None,
        address=None,
        tokens=_tokens(found, name),
    )


def _distributed(found: Side, item: Object) -> Serving:
    spec, name = _spec(item), str(item["metadata"]["name"])
    replicas, scaling = _whole(spec.get("replicas"), 1), mapping(spec.get("scaling"))
    least = _whole(scaling.get("minReplicas"), 1) if scaling else replicas
    most = _whole(scaling.get("maxReplicas"), least) if scaling else replicas
    prefill = mapping(spec.get("prefill"))
    readers = _whole(mapping(prefill.get("scaling")).get("maxReplicas"), _whole(prefill.get("replicas"), 1))
    per_replica = _group(spec)
    return Serving(
        key=(LLM, name),
        mode="distributed",
        model=True,
        least=least,
        most=most,
        stopped=_metadata(item, "annotations").get("serving.kserve.io/stop") == "true",
        recreates=False,
        grouped=bool(spec.get("worker")),
        per_replica=per_replica,
        beside=_summed([(_group(prefill), readers)]),
        accelerator=_accelerator(found, per_replica, item, None),
        images=_images(_maps(mapping(spec.get("template")).get("containers"))),
        runtime=None,
        server=None,
        address=address_of(item, None, found.environment),
        tokens=_tokens(found, name),
    )


def _group(spec: Mapping[str, Any]) -> dict[str, int]:
    """A head with its workers, as an LLMInferenceService describes them."""
    parallelism = mapping(spec.get("parallelism"))
    data, local = _whole(parallelism.get("data"), 0), _whole(parallelism.get("dataLocal"), 0)
    nodes = max(data // local, 1) if data and local else _whole(parallelism.get("pipeline"), 1)
    parts = [(_pod(mapping(spec.get("template"))), 1)]
    if spec.get("worker"):
        parts.append((_pod(mapping(spec["worker"])), nodes - 1))
    return _summed(parts)


def _pod(template: Mapping[str, Any]) -> dict[str, int]:
    return _summed((_amounts(item), 1) for item in _maps(template.get("containers")))


def _tokens(found: Side, name: str) -> tuple[str, ...]:
    account = f"{name}-sa"
    return tuple(
        key[1]
        for key, item in found.objects.items()
        if key[0] == "Secret" and _metadata(item, "annotations").get(_ACCOUNT) == account
    )


# ---- which accelerator -----------------------------------------------------------------------------------------------


def _accelerator(found: Side, used: Mapping[str, int], item: Object, runtime: Object | None) -> str | None:
    """The environment's own name for the accelerator: several share the identifier that pods ask for."""
    if not used:
        return None
    offered = mapping(found.environment.get("accelerators"))
    fitting = {name: facts for name, facts in offered.items() if mapping(facts).get("identifier") in used}
    for test in (
        lambda name, facts: _metadata(runtime or {"metadata": {}}, "annotations").get(_NAMED) == name,
        lambda name, facts: (
            _profile(item) is not None and (facts.get("hardwareProfile") or {}).get("name") == _profile(item)
        ),
        lambda name, facts: _tolerated(item, runtime, facts),
    ):
        chosen = [name for name, facts in fitting.items() if test(name, facts)]
        if len(chosen) == 1:
            return str(chosen[0])
    return str(next(iter(fitting))) if len(fitting) == 1 else next(iter(used))


_NAMED = "opendatahub.io/accelerator-name"


def _profile(item: Object) -> Any:
    return _metadata(item, "annotations").get("opendatahub.io/hardware-profile-name")


def _tolerated(item: Object, runtime: Object | None, facts: Mapping[str, Any]) -> bool:
    wanted = facts.get("tolerations") or ()
    spec = _spec(item)
    places = [mapping(spec.get("predictor")), mapping(spec.get("template")), _spec(runtime) if runtime else {}]
    there = [toleration for place in places for toleration in _maps(place.get("tolerations"))]
    return bool(wanted) and all(toleration in there for toleration in wanted)


# ---- totals ----------------------------------------------------------------------------------------------------------


def used_by(found: Iterable[Serving]) -> dict[str, int]:
    """Accelerators by identifier at the busiest time."""
    return _summed((one.accelerators, 1) for one in found)


def used_by_name(found: Iterable[Serving]) -> dict[str, int]:
    """Accelerators by the environment's names for them."""
    return _summed(_by_name(one) for one in found)


def _by_name(one: Serving) -> tuple[dict[str, int], int]:
    counts = one.accelerators
    first = next(iter(counts), None)
    return {one.accelerator if one.accelerator and name == first else name: count for name, count in counts.items()}, 1


def quota_of(environment: Environment, project: str, identifier: str) -> int | None:
    """How many accelerators a project may have there, if that is limited."""
    key = f"requests.{identifier}"
    for facts in (environment.get("quota", "projects", project), environment.get("quota", "default")):
        if isinstance(facts, dict) and facts.get(key) is not None:
            return _number(facts[key])
    return None


def models_of(found: Iterable[Serving]) -> Iterator[Serving]:
    """The models among them."""
    return (one for one in found if one.model)
