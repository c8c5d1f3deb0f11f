"""Rules for a model over several nodes: `workerSpec` in an InferenceService.

kserve: pkg/apis/serving/v1beta1/inference_service_validation.go, validateMultiNodeVariables; several of its rules
hold only where the predictor has a model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.names import AUTOSCALER_CLASS, CONNECTIONS
from modelfleet.kubernetes.objects import env_named, items, mapping, mappings, number, text
from modelfleet.rules import Violation
from modelfleet.rules.admission.request import (
    ANNOTATIONS,
    PREDICTOR,
    RUNTIME_KINDS,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
    peer,
)
from modelfleet.wording import listed

SERVICE_WORKER: Pointer = (*PREDICTOR, "workerSpec")
GPU_TYPES = "serving.kserve.io/gpu-resource-types"
SIZES = ("PIPELINE_PARALLEL_SIZE", "TENSOR_PARALLEL_SIZE")
_BASIC = ("cpu", "memory", "storage", "ephemeral-storage")


@admission_rule(
    code="ADM020", title="Workers have one container", stage="webhook", kinds=SERVICE_KINDS, where=SERVICE_WORKER
)
def one_worker_container(request: AdmissionRequest) -> Iterator[Violation]:
    """It is laid over the worker container of the runtime."""
    containers = items(mapping(request.predictor["workerSpec"]).get("containers"))
    if len(containers) > 1:
        yield Violation(
            pointer=(*SERVICE_WORKER, "containers", 1),
            message=f"workerSpec has {len(containers)} containers, and only one is allowed",
            hint="keep worker-container",
        )


@admission_rule(
    code="ADM021",
    title="The sizes of a multi-node model are fields, not variables",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=SERVICE_WORKER,
)
def sizes_in_env(request: AdmissionRequest) -> Iterator[Violation]:
    """KServe sets the variables itself; it looks at the model's own environment only."""
    if served := request.model:
        pointer, model = served
        for index, name in env_named(model, SIZES):
            yield Violation(
                pointer=(*pointer, "env", index, "name"),
                message=f"the environment variable {name} is not allowed in a multi-node model",
                hint="write workerSpec.pipelineParallelSize and tensorParallelSize",
            )


@admission_rule(
    code="ADM022",
    title="A multi-node model uses accelerators that KServe knows",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=SERVICE_WORKER,
)
def worker_unknown_accelerator(request: AdmissionRequest) -> Iterator[Violation]:
    """Any resource that is neither basic nor a known accelerator counts as an unknown one."""
    places = [served] if (served := request.model) else []
    worker = mapping(request.predictor["workerSpec"])
    places += [
        ((*SERVICE_WORKER, "containers", index), container) for index, container in mappings(worker.get("containers"))
    ]
    for pointer, container in places:
        for resource_pointer, name in unknown_resources(request, container, request.annotations):
            yield Violation(
                pointer=(*pointer, *resource_pointer),
                key=True,
                message=f"{display(name)} is not an accelerator that KServe knows",
                hint=_gpu_hint(request, name),
            )


def unknown_resources(
    request: AdmissionRequest, container: Mapping[str, Any], annotations: Mapping[str, Any]
) -> Iterator[tuple[Pointer, str]]:
    """Resources of a container that would count as unknown accelerators, with their pointers inside of it."""
    resources = mapping(container.get("resources"))
    if not resources:
        return
    known = {*_BASIC, *request.capabilities["gpuResources"]}
    if request.capabilities["gpuTypesAnnotation"]:
        further = gpu_types(annotations)
        if further is None:
            return  # the annotation is what is wrong, and said to be
        known.update(further)
    for amounts in ("limits", "requests"):
        for name in mapping(resources.get(amounts)):
            if name not in known:
                known.add(name)
                yield ("resources", amounts, name), name


def _gpu_hint(request: AdmissionRequest, name: str) -> str:
    known = listed(request.capabilities["gpuResources"])
    if request.capabilities["gpuTypesAnnotation"]:
        return f"use {known}, or add the annotation {GPU_TYPES}: '[\"{name}\"]'"
    return f"use {known}"


def gpu_types(annotations: Mapping[str, Any]) -> list[str] | None:
    """The accelerators that the annotation adds; None where it is not a JSON list of names."""
    written = annotations.get(GPU_TYPES)
    if not written:
        return []
    try:
        names = json.loads(written) if isinstance(written, str) else None
    except (ValueError, RecursionError):  # it is nested as deeply as somebody likes
        return None
    if isinstance(names, list) and names and all(isinstance(name, str) and name for name in names):
        return names
    return None


@admission_rule(
    code="ADM023",
    title="The annotation for further accelerators is a JSON list",
    stage="webhook",
    kinds=SERVICE_KINDS | RUNTIME_KINDS,
)
def gpu_types_form(request: AdmissionRequest) -> Iterator[Violation]:
    """Looked at where there are workers; a ServingRuntime has it among the annotations of its pods."""
    runtime = request.object.get("kind") != "InferenceService"
    annotations = mapping(request.spec.get("annotations")) if runtime else request.annotations
    workers = request.spec if runtime else request.predictor
    if GPU_TYPES not in annotations or workers.get("workerSpec") is None:
        return
    if runtime and not request.capabilities["gpuTypesAnnotation"]:
        return
    if gpu_types(annotations) is None:
        yield Violation(
            pointer=("spec", "annotations", GPU_TYPES) if runtime else (*ANNOTATIONS, GPU_TYPES),
            message=f"{display(annotations[GPU_TYPES])} is not a JSON list of resource names",
            hint="write, for example, '[\"nvidia.com/mig-1g.5gb\"]'",
        )


@admission_rule(
    code="ADM024",
    title="A multi-node model has a storageUri",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=SERVICE_WORKER,
)
def storage_uri_missing(request: AdmissionRequest) -> Iterator[Violation]:
    """Each node mounts the model; a download per node by `storage` is not provided for."""
    if request.capabilities["connectionAnnotation"] and CONNECTIONS in request.annotations:
        return  # a connection of type URI is written into storageUri before this is asked
    served = request.model
    if served and served[1].get("storageUri") is None:
        allowed = listed([f"{scheme}://" for scheme in request.capabilities["multiNodeStorage"]])
        yield Violation(
            pointer=(*served[0], "storageUri"),
            message="a multi-node model needs storageUri",
            hint=f"put the model where {allowed} can name it",
        )


@admission_rule(
    code="ADM025",
    title="A multi-node model is read from storage that all nodes share",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=SERVICE_WORKER,
)
def storage_scheme(request: AdmissionRequest) -> Iterator[Violation]:
    """A volume claim that many nodes can mount, or an image where the release allows it."""
    if (served := request.model) and (uri := text(served[1].get("storageUri"))):
        scheme, allowed = uri.split("://")[0], request.capabilities["multiNodeStorage"]
        if scheme not in allowed:
            yield Violation(
                pointer=(*served[0], "storageUri"),
                message=f"{display(scheme)} is not a storage protocol for multi-node models on this release",
                hint=f"one of {listed([f'{name}://' for name in allowed])}",
            )


@admission_rule(
    code="ADM026",
    title="A multi-node model switches autoscaling off in the release's way",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=SERVICE_WORKER,
)
def multi_node_autoscaler(request: AdmissionRequest) -> Iterator[Violation]:
    """The word changed between releases, and what was right before is refused now."""
    wanted = request.terms["autoscalerMultiNode"]
    written = request.annotations.get(AUTOSCALER_CLASS)
    if written != wanted and request.model:
        found = "no annotation" if written is None else display(written)
        yield Violation(
            pointer=(*ANNOTATIONS, AUTOSCALER_CLASS),
            message=f"a multi-node model needs autoscalerClass {display(wanted)} on this release, found {found}",
            hint=f"write the annotation {AUTOSCALER_CLASS}: {wanted}",
        )


@admission_rule(
    code="ADM027",
    title="pipelineParallelSize counts the nodes",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=(*SERVICE_WORKER, "pipelineParallelSize"),
)
def pipeline_size(request: AdmissionRequest) -> Iterator[Violation]:
    """The head counts too, so that some releases want two."""
    least: int = request.capabilities["multiNodeMinPipeline"]
    yield from _too_small(request, "pipelineParallelSize", least)


@admission_rule(
    code="ADM028",
    title="tensorParallelSize counts the accelerators of a node",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=(*SERVICE_WORKER, "tensorParallelSize"),
)
def tensor_size(request: AdmissionRequest) -> Iterator[Violation]:
    """Every node has one at least."""
    yield from _too_small(request, "tensorParallelSize", 1)


def _too_small(request: AdmissionRequest, name: str, least: int) -> Iterator[Violation]:
    size = number(mapping(request.predictor["workerSpec"]).get(name))
    if size is not None and size < least:
        yield Violation(
            pointer=(*SERVICE_WORKER, name),
            message=f"{name} is {size}, this release requires at least {least}",
            hint=f"write {least} or more",
        )


@admission_rule(
    code="ADM029",
    title="Only a Deployment has workers",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=SERVICE_WORKER,
)
def workers_dropped(request: AdmissionRequest) -> Iterator[Violation]:
    """Nobody refuses it; the head waits for nodes that never come."""
    if not request.raw:
        mode = request.terms["modeStandard"]
        yield Violation(
            pointer=SERVICE_WORKER,
            key=True,
            message=f"workerSpec is silently dropped in deployment mode {display(request.mode)}",
            hint=f"write the annotation serving.kserve.io/deploymentMode: {mode}",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM050",
    title="Workers need a runtime that has workers",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=SERVICE_WORKER,
)
def runtime_without_workers(request: AdmissionRequest) -> Iterator[Violation]:
    """Known only where the ServingRuntime comes with the manifest or is among the objects of the cluster."""
    served = request.model
    runtime = peer(request, "ServingRuntime", served[1].get("runtime")) if served else None
    if served and runtime and not items(mapping(mapping(runtime.get("spec")).get("workerSpec")).get("containers")):
        yield Violation(
            pointer=(*served[0], "runtime"),
            message=f"the runtime {display(served[1].get('runtime'))} has no workers, and workerSpec wants some",
            hint="use a multi-node runtime such as vllm-multinode-runtime, or remove workerSpec",
        )
