"""Lists of a pod whose items have keys: two items of one key are refused, at once or when the pods are to be made.

The CRDs declare the key of variables, ports and mounts wherever a container may stand; of containers and volumes only
LLMInferenceServices declare it (kserve: config/crd/full).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.objects import items, mapping, mappings
from modelfleet.rules import Violation
from modelfleet.rules.admission.general import LLM_KINDS
from modelfleet.rules.admission.llm import workloads
from modelfleet.rules.admission.request import (
    RUNTIME_KINDS,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
    frameworks_of,
)

ListItem = tuple[Pointer, Mapping[str, Any]]
_CONTAINERS = ("containers", "initContainers")
_NAMES = (*_CONTAINERS, "volumes")
_LISTS = frozenset(_NAMES)


@admission_rule(
    code="ADM140",
    title="Variables, ports and mounts of a container have keys of their own",
    stage="schema",
    kinds=SERVICE_KINDS | RUNTIME_KINDS | LLM_KINDS,
)
def keyed_twice(request: AdmissionRequest) -> Iterator[Violation]:
    """A variable by its name, a port by its number and protocol, a mount by its path."""
    pods = list(_pods(request))
    for container in (*_single(request), *(found for pod in pods for found in _containers(pod))):
        for field, (at, key) in _KEYED.items():
            if len(items(container[1].get(field))) > 1:
                yield from _repeated(container, field, at, key)
    for pod in pods if request.object.get("kind") in LLM_KINDS else ():
        yield from _named_twice(pod)


@admission_rule(
    code="ADM054",
    title="Containers and volumes of a pod have names of their own",
    stage="reconcile",
    kinds=SERVICE_KINDS | RUNTIME_KINDS,
)
def named_twice(request: AdmissionRequest) -> Iterator[Violation]:
    """Admitted, and then no Deployment is. Where a runtime is laid below a predictor, the two become one instead."""
    merged: Pointer = ("spec", "predictor") if request.model else ()
    for pod in _pods(request):
        if pod[0][:2] != merged and pod[0][1:2] != ("canary",):
            yield from _named_twice(pod, Severity.WARNING)


def _pods(request: AdmissionRequest) -> Iterator[ListItem]:
    """The pods that an object describes, its workers' too, without those that hold no list."""
    return (place for place in _all_pods(request) if not _LISTS.isdisjoint(place[1]))


def _all_pods(request: AdmissionRequest) -> Iterator[ListItem]:
    if request.object.get("kind") in LLM_KINDS:
        scheduler = mapping(mapping(request.spec.get("router")).get("scheduler"))
        for pointer, workload in workloads(request.spec):
            for field in ("template", "worker"):
                yield (*pointer, field), mapping(workload.get(field))
        yield ("spec", "router", "scheduler", "template"), mapping(scheduler.get("template"))
        return
    for pointer, pod in _heads(request):
        yield pointer, pod
        if "workerSpec" in pod:
            yield (*pointer, "workerSpec"), mapping(pod["workerSpec"])


def _heads(request: AdmissionRequest) -> Iterator[ListItem]:
    if request.object.get("kind") in RUNTIME_KINDS:
        yield ("spec",), request.spec
        return
    for name, component in request.components:
        yield ("spec", name), component
    for index, canary in mappings(request.spec.get("canary")):
        yield ("spec", "canary", index, "predictor"), mapping(canary.get("predictor"))


def _single(request: AdmissionRequest) -> Iterator[ListItem]:
    """Containers that stand alone: those of the models, and the explainer of a kind of its own."""
    if request.object.get("kind") not in SERVICE_KINDS:
        return
    for pointer, component in _heads(request):
        for field in ("model", *frameworks_of(component), "art"):
            if isinstance(component.get(field), dict):
                yield (*pointer, field), component[field]


def _containers(pod: ListItem) -> Iterator[ListItem]:
    for field in _CONTAINERS:
        for index, container in mappings(pod[1].get(field)):
            yield (*pod[0], field, index), container


def _named_twice(pod: ListItem, severity: Severity = Severity.ERROR) -> Iterator[Violation]:
    for field in _NAMES:
        if len(items(pod[1].get(field))) > 1:
            yield from _repeated(pod, field, "name", _named, severity)


def _repeated(
    place: ListItem,
    field: str,
    at: str,
    key: Callable[[Mapping[str, Any]], str],
    severity: Severity = Severity.ERROR,
) -> Iterator[Violation]:
    """The items of a list whose key an earlier one has; what has no key is left to the schema."""
    pointer, holder = place
    seen: set[str] = set()
    for index, item in mappings(holder[field]):
        said = key(item)
        if said and said in seen:
            yield Violation(
                pointer=(*pointer, field, index, at),
                message=f"{said} is listed twice in {field}",
                hint="keep one of them",
                severity=severity,
            )
        seen.add(said)


def _named(item: Mapping[str, Any]) -> str:
    return display(item["name"]) if item.get("name") and isinstance(item["name"], str) else ""


def _mounted(item: Mapping[str, Any]) -> str:
    return display(item["mountPath"]) if item.get("mountPath") and isinstance(item["mountPath"], str) else ""


def _port(item: Mapping[str, Any]) -> str:
    number, protocol = item.get("containerPort"), item.get("protocol") or "TCP"
    return f"port {number}/{protocol}" if isinstance(number, int) and isinstance(protocol, str) else ""


_KEYED: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "env": ("name", _named),
    "ports": ("containerPort", _port),
    "volumeMounts": ("mountPath", _mounted),
}
