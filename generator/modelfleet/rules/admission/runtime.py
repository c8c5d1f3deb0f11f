"""Rules for ServingRuntimes.

kserve: pkg/webhook/admission/servingruntime/servingruntime_webhook.go. A runtime that is disabled is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.objects import env_named, items, mapping, mappings, number, text
from modelfleet.rules import Problem, having
from modelfleet.rules.admission.manifest import RUNTIME, Manifest, rule, shown
from modelfleet.rules.admission.multinode import SIZES, unknown_resources

HEAD = "kserve-container"


WORKER_CONTAINER = "worker-container"


WORKER: Pointer = ("spec", "workerSpec")


def _disabled(spec: Mapping[str, Any]) -> bool:
    return spec.get("disabled") is True


@rule(code="ADM100", title="Workers of a runtime have one container", stage="webhook", kinds=RUNTIME, where=WORKER)
def one_worker_container(manifest: Manifest) -> Iterator[Problem]:
    """The worker's."""
    containers = items(mapping(manifest.spec["workerSpec"]).get("containers"))
    if len(containers) > 1 and not _disabled(manifest.spec):
        yield Problem(
            pointer=(*WORKER, "containers", 1),
            message=f"workerSpec has {len(containers)} containers, one is allowed",
            hint=f"keep {WORKER_CONTAINER}",
        )


@rule(code="ADM101", title="A runtime keeps its workers", stage="webhook", kinds=RUNTIME, update=True)
def workers_removed(manifest: Manifest) -> Iterator[Problem]:
    """A sync that removes workerSpec is refused at every attempt."""
    before = mapping(mapping(manifest.live).get("spec")).get("workerSpec")
    if before is not None and manifest.spec.get("workerSpec") is None and not _disabled(manifest.spec):
        yield Problem(
            pointer=("spec",),
            message="workerSpec cannot be removed from a runtime that has it",
            hint="delete the ServingRuntime and make it anew, or give the new one another name",
        )


@rule(
    code="ADM102",
    title="The sizes of a multi-node runtime are fields, not variables",
    stage="webhook",
    kinds=RUNTIME,
    where=WORKER,
)
def sizes_in_env(manifest: Manifest) -> Iterator[Problem]:
    """KServe sets the variables itself; it looks at the head's container only."""
    for index, container in _heads(manifest):
        for place, name in env_named(container, SIZES):
            yield Problem(
                pointer=("spec", "containers", index, "env", place, "name"),
                message=f"the environment variable {name} is not allowed in a runtime with workers",
                hint="write workerSpec.pipelineParallelSize and tensorParallelSize",
            )


def _heads(manifest: Manifest) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not _disabled(manifest.spec):
        for index, container in mappings(manifest.spec.get("containers")):
            if container.get("name") == HEAD:
                yield index, container


@rule(
    code="ADM103",
    title="A multi-node runtime uses accelerators that KServe knows",
    stage="webhook",
    kinds=RUNTIME,
    where=WORKER,
)
def unknown_accelerator(manifest: Manifest) -> Iterator[Problem]:
    """Further ones are told in the annotations of the pods, not of the runtime."""
    places: list[tuple[Pointer, Mapping[str, Any]]] = [
        (("spec", "containers", index), container) for index, container in _heads(manifest)
    ]
    worker = mapping(next(iter(items(mapping(manifest.spec["workerSpec"]).get("containers"))), None))
    if worker.get("name") == WORKER_CONTAINER and not _disabled(manifest.spec):
        places.append(((*WORKER, "containers", 0), worker))
    annotations = mapping(manifest.spec.get("annotations"))
    for pointer, container in places:
        for resource_pointer, name in unknown_resources(manifest, container, annotations):
            yield Problem(
                pointer=(*pointer, *resource_pointer),
                key=True,
                message=f"{shown(name)} in {container['name']} is no accelerator that KServe knows",
                hint="leave accelerators to the InferenceService, which is the better place for them",
            )


@rule(
    code="ADM104",
    title="A multi-node runtime says its sizes",
    stage="webhook",
    kinds=RUNTIME,
    where=WORKER,
    when=having("workerSizesRequired"),
)
def sizes_missing(manifest: Manifest) -> Iterator[Problem]:
    """Later releases take 1 where nothing is written."""
    worker = mapping(manifest.spec["workerSpec"])
    for field in ("pipelineParallelSize", "tensorParallelSize"):
        if worker.get(field) is None and not _disabled(manifest.spec):
            yield Problem(
                pointer=(*WORKER, field),
                message=f"workerSpec has no {field}",
                hint="write pipelineParallelSize: 2 and tensorParallelSize: 1; models can change them",
            )


@rule(
    code="ADM105",
    title="The sizes of a multi-node runtime are large enough",
    stage="webhook",
    kinds=RUNTIME,
    where=WORKER,
)
def sizes_too_small(manifest: Manifest) -> Iterator[Problem]:
    """Nodes, the head included, and accelerators of each."""
    worker = mapping(manifest.spec["workerSpec"])
    least = {"pipelineParallelSize": manifest.capabilities["multiNodeMinPipeline"], "tensorParallelSize": 1}
    for field, bound in least.items():
        size = number(worker.get(field))
        if size is not None and size < bound and not _disabled(manifest.spec):
            yield Problem(
                pointer=(*WORKER, field),
                message=f"{field} is {size}, this release wants {bound} at least",
                hint=f"write {bound} or more",
            )


@rule(code="ADM106", title="A format has one priority in a runtime", stage="webhook", kinds=RUNTIME)
def different_priorities(manifest: Manifest) -> Iterator[Problem]:
    """Of versions that are selected automatically; most releases ask only where the namespace has a runtime already."""
    if _disabled(manifest.spec):
        return
    first: dict[str, int | None] = {}
    for index, item in _selected(manifest.spec):
        name, priority = text(item.get("name")), number(item.get("priority"))
        before = first.setdefault(name, priority)
        if before is not None and priority is not None and priority != before:
            yield Problem(
                pointer=("spec", "supportedModelFormats", index, "priority"),
                message=f"the format {shown(name)} has priority {before} and priority {priority}",
                hint="give all versions of a format the same priority",
            )


@rule(code="ADM107", title="Two runtimes do not claim a format with the same priority", stage="webhook", kinds=RUNTIME)
def same_priority(manifest: Manifest) -> Iterator[Problem]:
    """Where both speak one protocol, KServe could not choose; known only where the other runtime is."""
    if _disabled(manifest.spec) or not manifest.peers:
        return
    mine = {_claim(item): index for index, item in _selected(manifest.spec) if number(item.get("priority")) is not None}
    for other in _rivals(manifest) if mine else ():
        for _, item in _selected(mapping(other.get("spec"))):
            index = mine.get(_claim(item))
            if index is not None:
                yield Problem(
                    pointer=("spec", "supportedModelFormats", index, "priority"),
                    message=f"the runtime {shown(mapping(other.get('metadata')).get('name'))} claims the format "
                    f"{shown(item.get('name'))} with the same priority",
                    hint="give them different priorities, or switch autoSelect off",
                )


def _selected(spec: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, item in mappings(spec.get("supportedModelFormats")):
        if item.get("autoSelect") is True:
            yield index, item


def _claim(item: Mapping[str, Any]) -> tuple[str, object, int | None]:
    version = item.get("version")
    return text(item.get("name")).lower(), version if isinstance(version, str) else None, number(item.get("priority"))


def _rivals(manifest: Manifest) -> Iterator[Mapping[str, Any]]:
    protocols = {text(protocol) for protocol in items(manifest.spec.get("protocolVersions"))}
    for name, other in manifest.peers.get(("ServingRuntime", manifest.namespace), {}).items():
        spec = mapping(other.get("spec"))
        if (
            name != manifest.name
            and not _disabled(spec)
            and bool(spec.get("multiModel")) == bool(manifest.spec.get("multiModel"))
            and any(protocol in protocols for protocol in items(spec.get("protocolVersions")))
        ):
            yield other


@rule(
    code="ADM108",
    title="Some environment variables are not allowed in a runtime",
    stage="webhook",
    kinds=RUNTIME,
    when=having("blockedEnv"),
)
def blocked_env(manifest: Manifest) -> Iterator[Problem]:
    """Variables by which code could be slipped into a model server."""
    if _disabled(manifest.spec):
        return
    for pointer, pod in (("spec",), manifest.spec), (WORKER, mapping(manifest.spec.get("workerSpec"))):
        for index, container in mappings(pod.get("containers")):
            for place, name in env_named(container, manifest.capabilities["blockedEnv"]):
                yield Problem(
                    pointer=(*pointer, "containers", index, "env", place, "name"),
                    message=f"the environment variable {name} is not allowed",
                    hint="build what it adds into the image",
                )
