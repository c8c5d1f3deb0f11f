"""Rules for LLMInferenceServices: how a model is spread over nodes, and how requests reach it.

kserve: pkg/controller/llmisvc/validation/llminferenceservice_validator.go, later
pkg/apis/serving/v1alpha2/llm_inference_service_validation.go. A service has a workload at `spec` and may have a second,
for the prefill phase, at `spec.prefill`, to which the same rules apply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity, dotted
from modelfleet.kubernetes.objects import items, mapping, mappings, number, text
from modelfleet.rules import Problem, having
from modelfleet.rules.admission.manifest import LLM, Manifest, peer, rule, shown

HTTP: Pointer = ("spec", "router", "route", "http")


ROUTE: Pointer = ("spec", "router", "route")


SCHEDULER: Pointer = ("spec", "router", "scheduler")


LORA: Pointer = ("spec", "model", "lora")


PIPELINE_PRESETS = {
    "spec": "kserve-config-llm-worker-pipeline-parallel",
    "decode": "kserve-config-llm-decode-worker-pipeline-parallel",
    "prefill": "kserve-config-llm-prefill-worker-pipeline-parallel",
}


def workloads(spec: Mapping[str, Any]) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    """The workload of a service and, where it has one, the workload of its prefill phase."""
    yield ("spec",), spec
    if prefill := mapping(spec.get("prefill")):
        yield ("spec", "prefill"), prefill


def _parallel(workload: Mapping[str, Any], name: str) -> int | None:
    return number(mapping(workload.get("parallelism")).get(name))


def _data_parallel(workload: Mapping[str, Any]) -> bool:
    return any((_parallel(workload, name) or 0) > 0 for name in ("data", "dataLocal"))


def _pipeline_parallel(workload: Mapping[str, Any]) -> bool:
    return (_parallel(workload, "pipeline") or 0) > 0


def _group_size(workload: Mapping[str, Any]) -> int:
    if _data_parallel(workload):
        data, local = _parallel(workload, "data") or 1, _parallel(workload, "dataLocal") or 1
        return max(max(data, 1) // max(local, 1), 1)
    return (_parallel(workload, "pipeline") or 1) if _pipeline_parallel(workload) else 1


@rule(code="ADM110", title="Workers share a model by data or in a pipeline", stage="webhook", kinds=LLM)
def worker_without_parallelism(manifest: Manifest) -> Iterator[Problem]:
    """A worker means several nodes, so their number must follow from something."""
    for pointer, workload in workloads(manifest.spec):
        if workload.get("worker") is not None and not (_data_parallel(workload) or _pipeline_parallel(workload)):
            yield Problem(
                pointer=(*pointer, "worker"),
                key=True,
                message="worker needs parallelism, by data or in a pipeline",
                hint=f"write {dotted((*pointer, 'parallelism'))}: {{data: 2, dataLocal: 1}}, or remove worker",
            )


@rule(code="ADM111", title="A model is shared by data or in a pipeline, not both", stage="webhook", kinds=LLM)
def both_parallelisms(manifest: Manifest) -> Iterator[Problem]:
    """`dataLocal` counts as by data."""
    for pointer, workload in workloads(manifest.spec):
        if _data_parallel(workload) and _pipeline_parallel(workload):
            yield Problem(
                pointer=(*pointer, "parallelism"),
                key=True,
                message="parallelism has both pipeline and data",
                hint="keep data and dataLocal",
            )


@rule(code="ADM112", title="data and dataLocal go together", stage="webhook", kinds=LLM)
def data_without_local(manifest: Manifest) -> Iterator[Problem]:
    """How many copies there are, and how many of them on one node."""
    for pointer, workload in workloads(manifest.spec):
        parallelism = mapping(workload.get("parallelism"))
        for present, absent in ("data", "dataLocal"), ("dataLocal", "data"):
            if parallelism.get(present) is not None and parallelism.get(absent) is None:
                yield Problem(
                    pointer=(*pointer, "parallelism", absent),
                    message=f"parallelism has {present} but no {absent}",
                    hint="data is the number of copies, dataLocal that on each node",
                )


@rule(code="ADM113", title="Parallelism counts from one", stage="webhook", kinds=LLM)
def parallelism_not_positive(manifest: Manifest) -> Iterator[Problem]:
    """Zero is not a way to switch it off."""
    for pointer, workload in workloads(manifest.spec):
        for name in ("pipeline", "data", "dataLocal"):
            count = _parallel(workload, name)
            if count is not None and count <= 0:
                yield Problem(
                    pointer=(*pointer, "parallelism", name),
                    message=f"{name} is {count}",
                    hint="write 1 or more, or remove it",
                )


@rule(
    code="ADM114",
    title="The number of nodes of a live service does not change",
    stage="webhook",
    kinds=LLM,
    update=True,
)
def group_size_changed(manifest: Manifest) -> Iterator[Problem]:
    """Nodes of a group: `data` over `dataLocal`, or `pipeline`. How many groups there are may change."""
    before = dict(workloads(mapping(mapping(manifest.live).get("spec"))))
    for pointer, workload in workloads(manifest.spec):
        if pointer not in before:
            continue
        old, new = _group_size(before[pointer]), _group_size(workload)
        if old != new:
            yield Problem(
                pointer=(*pointer, "parallelism"),
                message=f"the number of nodes of a group cannot change from {old} to {new}",
                hint="delete the LLMInferenceService and make it anew, or give the new one another name",
            )


@rule(code="ADM115", title="A route is referred to or written here", stage="webhook", kinds=LLM, where=HTTP)
def route_twice(manifest: Manifest) -> Iterator[Problem]:
    """`refs` are routes of one's own, `spec` is one that the controller makes."""
    http = _http(manifest)
    if items(http.get("refs")) and http.get("spec") is not None:
        yield Problem(pointer=HTTP, key=True, message="route.http has both refs and spec", hint="keep refs or spec")


@rule(code="ADM116", title="One's own routes go to one's own gateway", stage="webhook", kinds=LLM, where=HTTP)
def own_route_managed_gateway(manifest: Manifest) -> Iterator[Problem]:
    """`gateway: {}` asks for a managed one."""
    gateway = mapping(manifest.spec["router"]).get("gateway")
    if items(_http(manifest).get("refs")) and isinstance(gateway, dict) and not items(gateway.get("refs")):
        yield Problem(
            pointer=(*HTTP, "refs"),
            key=True,
            message="route.http.refs does not go with a managed gateway",
            hint="name the gateway in spec.router.gateway.refs, or remove route.http.refs",
        )


@rule(
    code="ADM117",
    title="A route that is written here has the gateway's parents",
    stage="webhook",
    kinds=LLM,
    where=HTTP,
)
def parents_beside_gateway(manifest: Manifest) -> Iterator[Problem]:
    """Where the release allows parents at all, they must be the gateway's own."""
    parents = items(mapping(_http(manifest).get("spec")).get("parentRefs"))
    refs = items(mapping(mapping(manifest.spec["router"]).get("gateway")).get("refs"))
    if not parents or not refs:
        return
    allowed = manifest.capabilities["llmRouteWithGatewayRefs"] == "parent-refs"
    newest = manifest.object.get("apiVersion") == manifest.terms["llmApiVersion"]  # the older version still refuses all
    if not (allowed and newest and _references(parents) == _references(refs)):
        yield Problem(
            pointer=(*HTTP, "spec", "parentRefs"),
            key=True,
            message="parentRefs of the route do not go with spec.router.gateway.refs",
            hint="remove parentRefs, they follow from the gateway's refs",
        )


def _http(manifest: Manifest) -> Mapping[str, Any]:
    return mapping(mapping(mapping(manifest.spec["router"]).get("route")).get("http"))


def _references(refs: object) -> list[tuple[str, ...]]:
    return sorted(
        tuple(text(ref.get(field)) for field in ("namespace", "name", "sectionName")) for _, ref in mappings(refs)
    )


@rule(
    code="ADM118",
    title="A scheduler has replicas and one configuration",
    stage="webhook",
    kinds=LLM,
    where=SCHEDULER,
    when=having("llmScheduler"),
)
def scheduler(manifest: Manifest) -> Iterator[Problem]:
    """Written inline or referred to."""
    found = mapping(mapping(manifest.spec["router"])["scheduler"])
    replicas = number(found.get("replicas"))
    if replicas is not None and replicas <= 0:
        yield Problem(
            pointer=(*SCHEDULER, "replicas"), message=f"the scheduler's replicas are {replicas}", hint="write 1 or more"
        )
    config = found.get("config")
    if not isinstance(config, dict):
        return
    given = [field for field in ("inline", "ref") if config.get(field) is not None]
    if len(given) != 1:
        yield Problem(
            pointer=(*SCHEDULER, "config"),
            message=f"the scheduler's config has {'both inline and ref' if given else 'neither inline nor ref'}",
            hint="write inline or ref",
        )
    elif given == ["ref"] and not mapping(config["ref"]).get("name"):
        yield Problem(
            pointer=(*SCHEDULER, "config", "ref", "name"), message="the ref has no name", hint="name the ConfigMap"
        )


@rule(
    code="ADM122",
    title="A scheduler's pool is found by its route",
    stage="reconcile",
    kinds=LLM,
    where=SCHEDULER,
    when=having("llmPoolNeedsRoute"),
)
def pool_without_route(manifest: Manifest) -> Iterator[Problem]:
    """The pool is ready for the gateways of the routes; without a route there is none. A baseRef may bring one."""
    if mapping(manifest.spec["router"]).get("route") is None and not items(manifest.spec.get("baseRefs")):
        yield Problem(
            pointer=SCHEDULER,
            key=True,
            message="a scheduler without a route never gets ready: the gateways of its pool are found by the route",
            hint="write spec.router.route: {}",
            severity=Severity.WARNING,
        )


@rule(
    code="ADM119",
    title="A share of the traffic is a group and a weight",
    stage="webhook",
    kinds=LLM,
    where=ROUTE,
    when=having("llmTraffic"),
)
def traffic(manifest: Manifest) -> Iterator[Problem]:
    """Services of one group share its requests by weight, on routes that the controller makes."""
    router = mapping(manifest.spec["router"])
    route = mapping(router["route"])
    given = [field for field in ("group", "weight") if route.get(field) is not None]
    if not given:
        return
    if router.get("ingress") is not None:
        yield Problem(
            pointer=(*ROUTE, given[0]), message="a share of the traffic does not go with ingress", hint="remove ingress"
        )
    elif len(given) == 1:
        absent = "weight" if given == ["group"] else "group"
        yield Problem(
            pointer=(*ROUTE, absent), message=f"the route has {given[0]} but no {absent}", hint=f"write {absent} too"
        )
    elif items(mapping(route.get("http")).get("refs")):
        yield Problem(
            pointer=(*ROUTE, "group"),
            message="a share of the traffic does not go with routes of one's own",
            hint="write route.http: {} instead of refs",
        )


@rule(
    code="ADM120",
    title="Adapters have names of their own",
    stage="webhook",
    kinds=LLM,
    where=LORA,
    when=having("llmLora"),
)
def lora(manifest: Manifest) -> Iterator[Problem]:
    """Each is served as a model beside the base model, under its name."""
    model = mapping(manifest.spec["model"])
    found = mapping(model["lora"])
    for field in ("maxRank", "maxAdapters", "maxCpuAdapters"):
        bound = number(found.get(field))
        if bound is not None and bound < 1:
            yield Problem(pointer=(*LORA, field), message=f"{field} is {bound}", hint="write 1 or more")
    base = text(model.get("name")) or manifest.name
    taken: set[str] = set()
    for index, adapter in mappings(found.get("adapters")):
        name = text(adapter.get("name"))
        if complaint := _adapter_complaint(name, base, taken):
            yield Problem(
                pointer=(*LORA, "adapters", index, "name"),
                message=complaint,
                hint="give the adapter a name of its own",
            )
        taken.add(name)


def _adapter_complaint(name: str, base: str, taken: set[str]) -> str:
    if not name:
        return "the adapter has no name"
    if name in (".", ".."):
        return f"{shown(name)} is no name for an adapter"
    if name == base:
        return f"the adapter is called {shown(name)} like the base model"
    return f"two adapters are called {shown(name)}" if name in taken else ""


@rule(
    code="ADM121",
    title="No release ships what a pipeline over nodes needs",
    stage="reconcile",
    kinds=LLM,
    when=lambda capabilities: capabilities["llm"] and not capabilities["llmPipelinePresets"],
)
def pipeline_preset_missing(manifest: Manifest) -> Iterator[Problem]:
    """Admitted, and then not ready (PresetsCombined), unless the namespace has a configuration of the preset's name."""
    split = manifest.spec.get("prefill") is not None
    for pointer, workload in workloads(manifest.spec):
        if workload.get("worker") is None or not _pipeline_parallel(workload) or _data_parallel(workload):
            continue
        role = pointer[-1] if len(pointer) > 1 else ("decode" if split else "spec")
        preset = PIPELINE_PRESETS[str(role)]
        if peer(manifest, "LLMInferenceServiceConfig", preset) is None:
            yield Problem(
                pointer=(*pointer, "parallelism", "pipeline"),
                key=True,
                message=f"worker with pipeline needs the configuration {preset}, which no release ships",
                hint="share the model by data, or use an InferenceService with vllm-multinode-runtime",
                severity=Severity.WARNING,
            )
