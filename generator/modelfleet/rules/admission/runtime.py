"""Rules for ServingRuntimes.

kserve: pkg/webhook/admission/servingruntime/servingruntime_webhook.go. A runtime that is disabled is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.objects import env_named, items, mapping, mappings, number, text
from modelfleet.rules import Violation, having
from modelfleet.rules.admission.multinode import SIZES, unknown_resources
from modelfleet.rules.admission.request import RUNTIME_KINDS, AdmissionRequest, admission_rule, display

HEAD = "kserve-container"
WORKER_CONTAINER = "worker-container"
WORKER: Pointer = ("spec", "workerSpec")


def _disabled(spec: Mapping[str, Any]) -> bool:
    return spec.get("disabled") is True


@admission_rule(
    code="ADM100", title="Workers of a runtime have one container", stage="webhook", kinds=RUNTIME_KINDS, where=WORKER
)
def runtime_one_worker_container(request: AdmissionRequest) -> Iterator[Violation]:
    """The worker's."""
    containers = items(mapping(request.spec["workerSpec"]).get("containers"))
    if len(containers) > 1 and not _disabled(request.spec):
        yield Violation(
            pointer=(*WORKER, "containers", 1),
            message=f"workerSpec has {len(containers)} containers, and only one is allowed",
            hint=f"keep {WORKER_CONTAINER}",
        )


@admission_rule(code="ADM101", title="A runtime keeps its workers", stage="webhook", kinds=RUNTIME_KINDS, update=True)
def workers_removed(request: AdmissionRequest) -> Iterator[Violation]:
    """A sync that removes workerSpec is refused at every attempt."""
    before = mapping(mapping(request.old_object).get("spec")).get("workerSpec")
    if before is not None and request.spec.get("workerSpec") is None and not _disabled(request.spec):
        yield Violation(
            pointer=("spec",),
            message="workerSpec cannot be removed from a runtime that has it",
            hint="delete and recreate the ServingRuntime, or give the new one another name",
        )


@admission_rule(
    code="ADM102",
    title="The sizes of a multi-node runtime are fields, not variables",
    stage="webhook",
    kinds=RUNTIME_KINDS,
    where=WORKER,
)
def runtime_sizes_in_env(request: AdmissionRequest) -> Iterator[Violation]:
    """KServe sets the variables itself; it looks at the head's container only."""
    for index, container in _heads(request):
        for place, name in env_named(container, SIZES):
            yield Violation(
                pointer=("spec", "containers", index, "env", place, "name"),
                message=f"the environment variable {name} is not allowed in a runtime with workers",
                hint="write workerSpec.pipelineParallelSize and tensorParallelSize",
            )


def _heads(request: AdmissionRequest) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not _disabled(request.spec):
        for index, container in mappings(request.spec.get("containers")):
            if container.get("name") == HEAD:
                yield index, container


@admission_rule(
    code="ADM103",
    title="A multi-node runtime uses accelerators that KServe knows",
    stage="webhook",
    kinds=RUNTIME_KINDS,
    where=WORKER,
)
def runtime_unknown_accelerator(request: AdmissionRequest) -> Iterator[Violation]:
    """Further ones are told in the annotations of the pods, not of the runtime."""
    places: list[tuple[Pointer, Mapping[str, Any]]] = [
        (("spec", "containers", index), container) for index, container in _heads(request)
    ]
    worker = mapping(next(iter(items(mapping(request.spec["workerSpec"]).get("containers"))), None))
    if worker.get("name") == WORKER_CONTAINER and not _disabled(request.spec):
        places.append(((*WORKER, "containers", 0), worker))
    annotations = mapping(request.spec.get("annotations"))
    for pointer, container in places:
        for resource_pointer, name in unknown_resources(request, container, annotations):
            yield Violation(
                pointer=(*pointer, *resource_pointer),
                key=True,
                message=f"{display(name)} in {container['name']} is not an accelerator that KServe knows",
                hint="leave accelerators to the InferenceService, which is the better place for them",
            )


@admission_rule(
    code="ADM104",
    title="A multi-node runtime says its sizes",
    stage="webhook",
    kinds=RUNTIME_KINDS,
    where=WORKER,
    when=having("workerSizesRequired"),
)
def sizes_missing(request: AdmissionRequest) -> Iterator[Violation]:
    """Later releases take 1 where nothing is written."""
    worker = mapping(request.spec["workerSpec"])
    for field in ("pipelineParallelSize", "tensorParallelSize"):
        if worker.get(field) is None and not _disabled(request.spec):
            yield Violation(
                pointer=(*WORKER, field),
                message=f"workerSpec has no {field}",
                hint="write pipelineParallelSize: 2 and tensorParallelSize: 1; models can change them",
            )


@admission_rule(
    code="ADM105",
    title="The sizes of a multi-node runtime are large enough",
    stage="webhook",
    kinds=RUNTIME_KINDS,
    where=WORKER,
)
def sizes_too_small(request: AdmissionRequest) -> Iterator[Violation]:
    """Nodes, the head included, and accelerators of each."""
    worker = mapping(request.spec["workerSpec"])
    least = {"pipelineParallelSize": request.capabilities["multiNodeMinPipeline"], "tensorParallelSize": 1}
    for field, bound in least.items():
        size = number(worker.get(field))
        if size is not None and size < bound and not _disabled(request.spec):
            yield Violation(
                pointer=(*WORKER, field),
                message=f"{field} is {size}, this release requires at least {bound}",
                hint=f"write {bound} or more",
            )


@admission_rule(code="ADM106", title="A format has one priority in a runtime", stage="webhook", kinds=RUNTIME_KINDS)
def different_priorities(request: AdmissionRequest) -> Iterator[Violation]:
    """Of versions that are selected automatically; most releases ask only where the namespace has a runtime already."""
    if _disabled(request.spec):
        return
    first: dict[str, int | None] = {}
    for index, item in _selected(request.spec):
        name, priority = text(item.get("name")), number(item.get("priority"))
        before = first.setdefault(name, priority)
        if before is not None and priority is not None and priority != before:
            yield Violation(
                pointer=("spec", "supportedModelFormats", index, "priority"),
                message=f"the format {display(name)} has priority {before} and priority {priority}",
                hint="give all versions of a format the same priority",
            )


@admission_rule(
    code="ADM107",
    title="Two runtimes do not claim a format with the same priority",
    stage="webhook",
    kinds=RUNTIME_KINDS,
)
def same_priority(request: AdmissionRequest) -> Iterator[Violation]:
    """Where both speak one protocol, KServe could not choose; known only where the other runtime is."""
    if _disabled(request.spec) or not request.peers:
        return
    mine = {_claim(item): index for index, item in _selected(request.spec) if number(item.get("priority")) is not None}
    for other in _rivals(request) if mine else ():
        for _, item in _selected(mapping(other.get("spec"))):
            index = mine.get(_claim(item))
            if index is not None:
                yield Violation(
                    pointer=("spec", "supportedModelFormats", index, "priority"),
                    message=f"the runtime {display(mapping(other.get('metadata')).get('name'))} claims the format "
                    f"{display(item.get('name'))} with the same priority",
                    hint="give them different priorities, or switch autoSelect off",
                )


def _selected(spec: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, item in mappings(spec.get("supportedModelFormats")):
        if item.get("autoSelect") is True:
            yield index, item


def _claim(item: Mapping[str, Any]) -> tuple[str, object, int | None]:
    version = item.get("version")
    return text(item.get("name")).lower(), version if isinstance(version, str) else None, number(item.get("priority"))


def _rivals(request: AdmissionRequest) -> Iterator[Mapping[str, Any]]:
    protocols = {text(protocol) for protocol in items(request.spec.get("protocolVersions"))}
    for name, other in request.peers.get(("ServingRuntime", request.namespace), {}).items():
        spec = mapping(other.get("spec"))
        if (
            name != request.name
            and not _disabled(spec)
            and bool(spec.get("multiModel")) == bool(request.spec.get("multiModel"))
            and any(text(protocol) in protocols for protocol in items(spec.get("protocolVersions")))
        ):
            yield other


@admission_rule(
    code="ADM108",
    title="Some environment variables are not allowed in a runtime",
    stage="webhook",
    kinds=RUNTIME_KINDS,
    when=having("blockedEnv"),
)
def runtime_blocked_env(request: AdmissionRequest) -> Iterator[Violation]:
    """Variables by which code could be slipped into a model server."""
    if _disabled(request.spec):
        return
    for pointer, pod in (("spec",), request.spec), (WORKER, mapping(request.spec.get("workerSpec"))):
        for index, container in mappings(pod.get("containers")):
            for place, name in env_named(container, request.capabilities["blockedEnv"]):
                yield Violation(
                    pointer=(*pointer, "containers", index, "env", place, "name"),
                    message=f"the environment variable {name} is not allowed",
                    hint="build what it adds into the image",
                )
