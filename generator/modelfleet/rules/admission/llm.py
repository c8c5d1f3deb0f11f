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
from modelfleet.patterns import lazy_pattern
from modelfleet.rules import Violation, having, lacking
from modelfleet.rules.admission.request import LLM_KIND, AdmissionRequest, admission_rule, display, peer

HTTP: Pointer = ("spec", "router", "route", "http")
ROUTE: Pointer = ("spec", "router", "route")
SCHEDULER: Pointer = ("spec", "router", "scheduler")
LORA: Pointer = ("spec", "model", "lora")


MAIN = "main"
"""The container of the model server, with which a preset is merged."""


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


@admission_rule(code="ADM110", title="Workers share a model by data or in a pipeline", stage="webhook", kinds=LLM_KIND)
def worker_without_parallelism(request: AdmissionRequest) -> Iterator[Violation]:
    """A worker means several nodes, so their number must follow from something."""
    for pointer, workload in workloads(request.spec):
        if workload.get("worker") is not None and not (_data_parallel(workload) or _pipeline_parallel(workload)):
            yield Violation(
                pointer=(*pointer, "worker"),
                key=True,
                message="worker needs parallelism, by data or in a pipeline",
                hint=f"write {dotted((*pointer, 'parallelism'))}: {{data: 2, dataLocal: 1}}, or remove worker",
            )


@admission_rule(
    code="ADM111", title="A model is shared by data or in a pipeline, not both", stage="webhook", kinds=LLM_KIND
)
def both_parallelisms(request: AdmissionRequest) -> Iterator[Violation]:
    """`dataLocal` counts as by data."""
    for pointer, workload in workloads(request.spec):
        if _data_parallel(workload) and _pipeline_parallel(workload):
            yield Violation(
                pointer=(*pointer, "parallelism"),
                key=True,
                message="parallelism has both pipeline and data",
                hint="keep data and dataLocal",
            )


@admission_rule(code="ADM112", title="data and dataLocal go together", stage="webhook", kinds=LLM_KIND)
def data_without_local(request: AdmissionRequest) -> Iterator[Violation]:
    """How many copies there are, and how many of them on one node."""
    for pointer, workload in workloads(request.spec):
        parallelism = mapping(workload.get("parallelism"))
        for present, absent in ("data", "dataLocal"), ("dataLocal", "data"):
            if parallelism.get(present) is not None and parallelism.get(absent) is None:
                yield Violation(
                    pointer=(*pointer, "parallelism", absent),
                    message=f"parallelism has {present} but no {absent}",
                    hint="data is the number of copies, dataLocal that on each node",
                )


@admission_rule(code="ADM113", title="Parallelism counts from one", stage="webhook", kinds=LLM_KIND)
def parallelism_not_positive(request: AdmissionRequest) -> Iterator[Violation]:
    """Zero is not a way to switch it off."""
    for pointer, workload in workloads(request.spec):
        for name in ("pipeline", "data", "dataLocal"):
            count = _parallel(workload, name)
            if count is not None and count <= 0:
                yield Violation(
                    pointer=(*pointer, "parallelism", name),
                    message=f"{name} is {count}",
                    hint="write 1 or more, or remove it",
                )


@admission_rule(
    code="ADM114",
    title="The number of nodes of a live service does not change",
    stage="webhook",
    kinds=LLM_KIND,
    update=True,
)
def group_size_changed(request: AdmissionRequest) -> Iterator[Violation]:
    """Nodes of a group: `data` over `dataLocal`, or `pipeline`. How many groups there are may change."""
    before = dict(workloads(mapping(mapping(request.old_object).get("spec"))))
    for pointer, workload in workloads(request.spec):
        if pointer not in before:
            continue
        old, new = _group_size(before[pointer]), _group_size(workload)
        if old != new:
            yield Violation(
                pointer=(*pointer, "parallelism"),
                message=f"the number of nodes of a group cannot change from {old} to {new}",
                hint="delete and recreate the LLMInferenceService, or give the new one another name",
            )


@admission_rule(
    code="ADM125",
    title="A live service on one node neither gains nor loses pods that read prompts",
    stage="reconcile",
    kinds=LLM_KIND,
    update=True,
)
def prefill_changed(request: AdmissionRequest) -> Iterator[Violation]:
    """The selector of a Deployment says whether its pods read prompts, too. Groups of nodes have none."""
    live, wanted = mapping(mapping(request.old_object).get("spec")), mapping(request.spec)
    if not live or "worker" in live or "worker" in wanted or ("prefill" in live) == ("prefill" in wanted):
        return
    yield Violation(
        pointer=("spec", "prefill") if "prefill" in wanted else ("spec",),
        message=f"pods that read prompts cannot {'join' if 'prefill' in wanted else 'leave'} a service that is there",
        hint="delete and recreate the LLMInferenceService, or give the new one another name",
    )


@admission_rule(
    code="ADM115", title="A route is either referenced or written inline", stage="webhook", kinds=LLM_KIND, where=HTTP
)
def route_twice(request: AdmissionRequest) -> Iterator[Violation]:
    """`refs` are routes of one's own, `spec` is one that the controller makes."""
    http = _http(request)
    if items(http.get("refs")) and http.get("spec") is not None:
        yield Violation(pointer=HTTP, key=True, message="route.http has both refs and spec", hint="keep refs or spec")


@admission_rule(code="ADM116", title="Custom routes need a custom gateway", stage="webhook", kinds=LLM_KIND, where=HTTP)
def own_route_managed_gateway(request: AdmissionRequest) -> Iterator[Violation]:
    """`gateway: {}` asks for a managed one."""
    gateway = mapping(request.spec["router"]).get("gateway")
    if items(_http(request).get("refs")) and isinstance(gateway, dict) and not items(gateway.get("refs")):
        yield Violation(
            pointer=(*HTTP, "refs"),
            key=True,
            message="route.http.refs does not go with a managed gateway",
            hint="name the gateway in spec.router.gateway.refs, or remove route.http.refs",
        )


@admission_rule(
    code="ADM117",
    title="An inline route has the parents of its gateway",
    stage="webhook",
    kinds=LLM_KIND,
    where=HTTP,
)
def parents_beside_gateway(request: AdmissionRequest) -> Iterator[Violation]:
    """Where the release allows parents at all, they must be the gateway's own."""
    parents = items(mapping(_http(request).get("spec")).get("parentRefs"))
    refs = items(mapping(mapping(request.spec["router"]).get("gateway")).get("refs"))
    if not parents or not refs:
        return
    allowed = request.capabilities["llmRouteWithGatewayRefs"] == "parent-refs"
    newest = request.object.get("apiVersion") == request.terms["llmApiVersion"]  # the older version still refuses all
    if not (allowed and newest and _references(parents) == _references(refs)):
        yield Violation(
            pointer=(*HTTP, "spec", "parentRefs"),
            key=True,
            message="parentRefs of the route do not go with spec.router.gateway.refs",
            hint="remove parentRefs, they follow from the gateway's refs",
        )


def _http(request: AdmissionRequest) -> Mapping[str, Any]:
    return mapping(mapping(mapping(request.spec["router"]).get("route")).get("http"))


def _references(refs: object) -> list[tuple[str, ...]]:
    return sorted(
        tuple(text(ref.get(field)) for field in ("namespace", "name", "sectionName")) for _, ref in mappings(refs)
    )


@admission_rule(
    code="ADM118",
    title="A scheduler has replicas and one configuration",
    stage="webhook",
    kinds=LLM_KIND,
    where=SCHEDULER,
    when=having("llmScheduler"),
)
def scheduler(request: AdmissionRequest) -> Iterator[Violation]:
    """Written inline or referred to."""
    found = mapping(mapping(request.spec["router"])["scheduler"])
    replicas = number(found.get("replicas"))
    if replicas is not None and replicas <= 0:
        yield Violation(
            pointer=(*SCHEDULER, "replicas"), message=f"the scheduler's replicas are {replicas}", hint="write 1 or more"
        )
    config = found.get("config")
    if not isinstance(config, dict):
        return
    given = [field for field in ("inline", "ref") if config.get(field) is not None]
    if len(given) != 1:
        yield Violation(
            pointer=(*SCHEDULER, "config"),
            message=f"the scheduler's config has {'both inline and ref' if given else 'neither inline nor ref'}",
            hint="write inline or ref",
        )
    elif given == ["ref"] and not mapping(config["ref"]).get("name"):
        yield Violation(
            pointer=(*SCHEDULER, "config", "ref", "name"), message="the ref has no name", hint="name the ConfigMap"
        )


@admission_rule(
    code="ADM122",
    title="A scheduler's pool is found by its route",
    stage="reconcile",
    kinds=LLM_KIND,
    where=SCHEDULER,
    when=having("llmPoolNeedsRoute"),
)
def pool_without_route(request: AdmissionRequest) -> Iterator[Violation]:
    """The pool is ready for the gateways of the routes; without a route there is none. A baseRef may bring one."""
    if mapping(request.spec["router"]).get("route") is None and not items(request.spec.get("baseRefs")):
        yield Violation(
            pointer=SCHEDULER,
            key=True,
            message="a scheduler without a route never becomes ready: the gateways of its pool are found by the route",
            hint="write spec.router.route: {}",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM123",
    title="A large model has time to load",
    stage="run",
    kinds=LLM_KIND,
    when=having("llmLoadSeconds"),
)
def restarted_while_loading(request: AdmissionRequest) -> Iterator[Violation]:
    """The presets have a liveness probe and no startup probe; a probe of one's own, or of a baseRef, takes its place."""
    for pointer, workload in workloads(request.spec):
        container = main_container(workload)
        probed = any(container.get(probe) is not None for probe in ("startupProbe", "livenessProbe"))
        if not probed and _accelerated(container) and not items(request.spec.get("baseRefs")):
            seconds = request.capabilities["llmLoadSeconds"]["one" if workload.get("worker") is None else "group"]
            yield Violation(
                pointer=(*pointer, "template"),
                key=True,
                message=f"the preset of this release restarts a model server that loads for more than {seconds} s",
                hint=f"give the container {MAIN} a startupProbe",
                severity=Severity.WARNING,
            )


@admission_rule(
    code="ADM124",
    title="Prefill transfers its KV cache",
    stage="run",
    kinds=LLM_KIND,
    where=("spec", "prefill"),
    when=lacking("llmCacheTransfer"),
)
def no_cache_transfer(request: AdmissionRequest) -> Iterator[Violation]:
    """The presets tell neither phase to; what they are told may stand in arguments and in variables."""
    if items(request.spec.get("baseRefs")):
        return
    for pointer, workload in workloads(request.spec):
        if not any(_CACHE_TRANSFER.search(words) for words in _told(main_container(workload))):
            yield Violation(
                pointer=("spec", "prefill"),
                key=True,
                message=f"{dotted((*pointer, 'template'))} is not configured to transfer the KV cache, so prefill is of no use",
                hint="give both phases --kv-transfer-config.kv_connector and --kv-transfer-config.kv_role",
                severity=Severity.WARNING,
            )
            return


_CACHE_TRANSFER = lazy_pattern(r"--kv[-_]transfer[-_]config\b")


def _told(container: Mapping[str, Any]) -> Iterator[str]:
    for field in ("command", "args"):
        yield from map(text, items(container.get(field)))
    yield from (text(variable.get("value")) for _, variable in mappings(container.get("env")))


def main_container(workload: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a workload says of the container of its model server; empty where it says nothing."""
    containers = items(mapping(workload.get("template")).get("containers"))
    return next((item for _, item in mappings(containers) if item.get("name") == MAIN), {})


def _accelerated(container: Mapping[str, Any]) -> bool:
    resources = mapping(container.get("resources"))
    return any("/" in name for kind in ("requests", "limits") for name in mapping(resources.get(kind)))


@admission_rule(
    code="ADM119",
    title="A share of the traffic is a group and a weight",
    stage="webhook",
    kinds=LLM_KIND,
    where=ROUTE,
    when=having("llmTraffic"),
)
def traffic(request: AdmissionRequest) -> Iterator[Violation]:
    """Services of one group share its requests by weight, on routes that the controller makes."""
    router = mapping(request.spec["router"])
    route = mapping(router["route"])
    given = [field for field in ("group", "weight") if route.get(field) is not None]
    if not given:
        return
    if router.get("ingress") is not None:
        yield Violation(
            pointer=(*ROUTE, given[0]), message="a share of the traffic does not go with ingress", hint="remove ingress"
        )
    elif len(given) == 1:
        absent = "weight" if given == ["group"] else "group"
        yield Violation(
            pointer=(*ROUTE, absent), message=f"the route has {given[0]} but no {absent}", hint=f"write {absent} too"
        )
    elif items(mapping(route.get("http")).get("refs")):
        yield Violation(
            pointer=(*ROUTE, "group"),
            message="a share of the traffic does not go with custom routes",
            hint="write route.http: {} instead of refs",
        )


@admission_rule(
    code="ADM120",
    title="Each adapter has a name of its own",
    stage="webhook",
    kinds=LLM_KIND,
    where=LORA,
    when=having("llmLora"),
)
def lora(request: AdmissionRequest) -> Iterator[Violation]:
    """Each is served as a model beside the base model, under its name."""
    model = mapping(request.spec["model"])
    found = mapping(model["lora"])
    for field in ("maxRank", "maxAdapters", "maxCpuAdapters"):
        bound = number(found.get(field))
        if bound is not None and bound < 1:
            yield Violation(pointer=(*LORA, field), message=f"{field} is {bound}", hint="write 1 or more")
    base = text(model.get("name")) or request.name
    taken: set[str] = set()
    for index, adapter in mappings(found.get("adapters")):
        name = text(adapter.get("name"))
        if complaint := _adapter_complaint(name, base, taken):
            yield Violation(
                pointer=(*LORA, "adapters", index, "name"),
                message=complaint,
                hint="give the adapter a name of its own",
            )
        taken.add(name)


def _adapter_complaint(name: str, base: str, taken: set[str]) -> str:
    if not name:
        return "the adapter has no name"
    if name in (".", ".."):
        return f"{display(name)} is not a valid name for an adapter"
    if name == base:
        return f"the adapter is called {display(name)} like the base model"
    return f"two adapters are called {display(name)}" if name in taken else ""


@admission_rule(
    code="ADM121",
    title="No release ships what a pipeline across nodes needs",
    stage="reconcile",
    kinds=LLM_KIND,
    when=lambda capabilities: capabilities["llm"] and not capabilities["llmPipelinePresets"],
)
def pipeline_preset_missing(request: AdmissionRequest) -> Iterator[Violation]:
    """Admitted, and then not ready (PresetsCombined), unless the namespace has a configuration of the preset's name."""
    split = request.spec.get("prefill") is not None
    for pointer, workload in workloads(request.spec):
        if workload.get("worker") is None or not _pipeline_parallel(workload) or _data_parallel(workload):
            continue
        role = pointer[-1] if len(pointer) > 1 else ("decode" if split else "spec")
        preset = PIPELINE_PRESETS[str(role)]
        if peer(request, "LLMInferenceServiceConfig", preset) is None:
            yield Violation(
                pointer=(*pointer, "parallelism", "pipeline"),
                key=True,
                message=f"worker with pipeline needs the configuration {preset}, which no release ships",
                hint="share the model by data, or use an InferenceService with vllm-multinode-runtime",
                severity=Severity.WARNING,
            )
