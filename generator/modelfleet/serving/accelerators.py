"""The accelerators that objects ask for: how many, of which kind, and how many a project may have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from modelfleet.kubernetes.names import ACCELERATOR_NAME, HARDWARE_PROFILE
from modelfleet.kubernetes.objects import Object, mapping, mappings
from modelfleet.kubernetes.quantity import NotAQuantity, quantity_value
from modelfleet.resolve.environment import AcceleratorOffer, Environment


def whole_number(number: Any, otherwise: int) -> int:
    """The number if it is one, else what stands for it."""
    return number if isinstance(number, int) and not isinstance(number, bool) else otherwise


def maps(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list; a hand-edited file may hold anything."""
    return [item for _, item in mappings(value)]


def amounts_of(container: Mapping[str, Any]) -> dict[str, int]:
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
        return math.ceil(quantity_value(str(amount)))
    except NotAQuantity:
        return 0


def summed(parts: Iterable[tuple[Mapping[str, int], int]]) -> dict[str, int]:
    """Counts by name, each part so many times; without those that come to nothing."""
    found: dict[str, int] = {}
    for amounts, times in parts:
        for name, count in amounts.items():
            found[name] = found.get(name, 0) + count * times
    return {name: count for name, count in found.items() if count}


def of_service(predictor: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """One replica of an InferenceService: the model's resources over its container's, and those of each worker.

    `containers` are those of its runtime and its own.
    """
    model, worker = mapping(predictor.get("model")), predictor.get("workerSpec")
    named = {str(item.get("name") or index): item for index, item in enumerate(containers)}
    own = {**amounts_of(named.pop("kserve-container", {})), **amounts_of(model)}
    runtime_worker = named.pop("worker-container", {})
    head = summed([(own, 1), *((amounts_of(item), 1) for item in named.values())])
    parts = [(at_least(head, predictor), 1)]
    if isinstance(worker, dict):
        ours = next(iter(maps(worker.get("containers"))), {})
        nodes = whole_number(worker.get("pipelineParallelSize"), 1)
        written = {**amounts_of(runtime_worker), **amounts_of(ours)}
        parts.append((at_least(written or given_to_worker(own, worker), worker), nodes - 1))
    return summed(parts)


def given_to_worker(head: Mapping[str, int], worker: Mapping[str, Any]) -> dict[str, int]:
    """Accelerators that KServe gives to a worker which asks for none: of the head's kind, as many as share each layer."""
    sharing = whole_number(worker.get("tensorParallelSize"), 0)
    return dict.fromkeys(head, sharing) if sharing else {}


def given_by_profile(environment: Environment, item: Object) -> dict[str, int]:
    """Accelerators that a hardware profile gives to pods which ask for none; its default count is at least its minimum."""
    offers = (offer for offer in environment.accelerators.values() if offer.hardware_profile and _named(item, offer))
    return {
        offer.identifier: max(_number(str(offer.hardware_profile.minimum.get(offer.identifier, 1))), 1)
        for offer in offers
        if offer.hardware_profile and offer.identifier
    }


def of_pod(spec: Mapping[str, Any]) -> dict[str, int]:
    """A pod: all its containers, or an init container that asks for more than they do."""
    running = summed((amounts_of(item), 1) for item in maps(spec.get("containers")))
    return at_least(running, spec)


def at_least(running: Mapping[str, int], spec: Mapping[str, Any]) -> dict[str, int]:
    """What a pod holds whose containers ask for this much: an init container that asks for more has it before."""
    before = [amounts_of(item) for item in maps(spec.get("initContainers"))]
    names = {*running, *(name for amounts in before for name in amounts)}
    found = {name: max(running.get(name, 0), *(amounts.get(name, 0) for amounts in before), 0) for name in names}
    return {name: found[name] for name in sorted(found) if found[name]}


def nodes_of_group(spec: Mapping[str, Any]) -> int:
    """The nodes of a head with its workers, as an LLMInferenceService describes them."""
    parallelism = mapping(spec.get("parallelism"))
    data, local = whole_number(parallelism.get("data"), 0), whole_number(parallelism.get("dataLocal"), 0)
    return max(data // local, 1) if data and local else whole_number(parallelism.get("pipeline"), 1)


def of_group(spec: Mapping[str, Any]) -> dict[str, int]:
    """A head with its workers, as an LLMInferenceService describes them."""
    parts = [(of_pod(mapping(spec.get("template"))), 1)]
    if spec.get("worker"):
        parts.append((of_pod(mapping(spec["worker"])), nodes_of_group(spec) - 1))
    return summed(parts)


# ---- which accelerator -----------------------------------------------------------------------------------------------


def accelerator_name(
    environment: Environment, used: Mapping[str, int], objects: tuple[Object, Object | None], written: str | None = None
) -> str | None:
    """The environment's own name for the accelerator: several share the identifier that pods ask for.

    `objects`: the workload and its runtime; `written`: what the spec calls it, which counts where the objects do not tell.
    """
    if not used:
        return None
    item, runtime = objects
    fitting = {name: offer for name, offer in environment.accelerators.items() if offer.identifier in used}
    for test in (
        lambda name, offer: _meta(runtime or {}, "annotations").get(ACCELERATOR_NAME) == name,
        lambda name, offer: _named(item, offer),
        lambda name, offer: _selected(item, runtime, offer),
        lambda name, offer: _tolerated(item, runtime, offer),
        lambda name, offer: name == written,
    ):
        chosen = [name for name, offer in fitting.items() if test(name, offer)]
        if len(chosen) == 1:
            return chosen[0]
    return next(iter(fitting)) if len(fitting) == 1 else next(iter(used))


def _named(item: Object, offer: AcceleratorOffer) -> bool:
    """Whether an object names the hardware profile of an accelerator."""
    profile = offer.hardware_profile
    return profile is not None and profile.name == _meta(item, "annotations").get(HARDWARE_PROFILE)


def scheduling_parts(item: Object, runtime: Object | None) -> list[Mapping[str, Any]]:
    """The parts of a workload and its runtime that say where its pods may run."""
    spec = mapping(item.get("spec"))
    return [
        mapping(spec.get("predictor")),
        mapping(spec.get("template")),
        mapping(runtime.get("spec")) if runtime else {},
    ]


def _selected(item: Object, runtime: Object | None, offer: AcceleratorOffer) -> bool:
    places = scheduling_parts(item, runtime)
    there = {key: label for place in places for key, label in mapping(place.get("nodeSelector")).items()}
    wanted = offer.node_selector or {}
    return bool(wanted) and all(there.get(key) == label for key, label in wanted.items())


def _tolerated(item: Object, runtime: Object | None, offer: AcceleratorOffer) -> bool:
    places = scheduling_parts(item, runtime)
    there = [toleration for place in places for toleration in maps(place.get("tolerations"))]
    wanted = offer.tolerations or ()
    return bool(wanted) and all(toleration in there for toleration in wanted)


def quota_of(environment: Environment, project: str, identifier: str) -> int | None:
    """How many accelerators a project may have there, if that is limited."""
    amount = environment.quota.amount(project, identifier)
    return None if amount is None else _number(amount)


def _meta(item: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    return mapping(mapping(item.get("metadata")).get(part))
