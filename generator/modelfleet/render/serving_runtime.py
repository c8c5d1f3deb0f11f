"""ServingRuntimes: the runtime of the catalogue with what a deployment or a server wants of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelfleet.kubernetes.names import (
    ACCELERATOR_NAME,
    DISPLAY_NAME,
    HARDWARE_PROFILE,
    HARDWARE_PROFILE_NAMESPACE,
    SERVER_AUTH,
    SERVER_ROUTE,
    TEMPLATE_NAME,
)
from modelfleet.kubernetes.objects import Object
from modelfleet.resolve.catalog import images
from modelfleet.resolve.model import Project, Server, Workload
from modelfleet.resolve.platform import platform_facts
from modelfleet.resolve.runtime import Runtime
from modelfleet.resolve.shared_runtimes import SharedRuntime

DASHBOARD = "opendatahub.io/dashboard"

OURS = frozenset(
    {
        SERVER_AUTH,
        SERVER_ROUTE,
        ACCELERATOR_NAME,
        "opendatahub.io/accelerator-profile-namespace",
        "opendatahub.io/apiProtocol",
        HARDWARE_PROFILE,
        HARDWARE_PROFILE_NAMESPACE,
        "opendatahub.io/serving-runtime-scope",
        "opendatahub.io/template-display-name",
        TEMPLATE_NAME,
        DISPLAY_NAME,
    }
)
"""Annotations of a runtime that the spec and the environment decide, whatever an exported one carries."""


# ---- the serving runtime, once for each deployment and model server --------------------------------------------------


def runtime_values(project: Project, workload: Workload, runtime: Runtime) -> dict[str, Any]:
    """What the templates of a ServingRuntime want to know."""
    can = project.environment.can
    metadata = runtime.object["metadata"]
    own = dict(metadata.get("annotations") or {})
    labels = dict(metadata.get("labels") or {})
    if can("runtimeForcesDashboardLabel"):
        labels[DASHBOARD] = "true"
    if isinstance(workload, Server):
        labels |= workload.labels
        own |= workload.annotations
    named = can("runtimeDisplayName")
    typed = workload.display_name if isinstance(workload, Server) else workload.name
    by_template = can("runtimeTemplateName") == "template"
    accelerator = workload.hardware.accelerator
    written = {
        "api_version": runtime.object["apiVersion"],
        "name": workload.name,
        "labels": labels or None,
        "display_name": runtime.display_name if named == "template" else typed,
        "template_name": runtime.template_name if by_template else runtime.name,
        "template_display_name": runtime.display_name,
        "scope": "global" if can("runtimeScope") else None,
        "accelerator_name": (accelerator.name if accelerator else "") if can("runtimeAcceleratorName") else None,
        "api_protocol": runtime.api_protocol or own.get("opendatahub.io/apiProtocol"),
    }
    return written | {"other_annotations": [(key, text) for key, text in own.items() if key not in OURS]}


def shared_values(project: Project, shared: SharedRuntime, runtime: Runtime) -> dict[str, Any]:
    """The same for a runtime that several models share. One of a user's file is what the file says, and nothing else."""
    can = project.environment.can
    metadata = runtime.object["metadata"]
    labels, own = dict(metadata.get("labels") or {}), dict(metadata.get("annotations") or {})
    if not shared.as_filed:
        own = {
            DISPLAY_NAME: runtime.display_name,
            TEMPLATE_NAME: runtime.template_name if can("runtimeTemplateName") == "template" else runtime.name,
            "opendatahub.io/template-display-name": runtime.display_name,
            "opendatahub.io/serving-runtime-scope": "global" if can("runtimeScope") else None,
            "opendatahub.io/apiProtocol": runtime.api_protocol or own.get("opendatahub.io/apiProtocol"),
            **{key: text for key, text in own.items() if key not in OURS},
        }
        labels |= {DASHBOARD: "true"} if can("runtimeForcesDashboardLabel") else {}
    own |= {DISPLAY_NAME: shared.display_name} if shared.display_name else {}
    by_workload = (
        "template_name",
        "template_display_name",
        "scope",
        "api_protocol",
        "display_name",
        "accelerator_name",
    )
    return dict.fromkeys(by_workload) | {
        "api_version": runtime.object["apiVersion"],
        "name": shared.name,
        "labels": {**labels, **shared.labels} or None,
        "spec": _as_filed(runtime)
        if shared.as_filed
        else single_model_spec(project, runtime, kept_resources=runtime.multi_node),
        "other_annotations": list({**own, **shared.annotations}.items()),
        "exposed_server": False,
        "guarded_server": False,
    }


def _as_filed(runtime: Runtime) -> dict[str, Any]:
    """The spec as it stands in its file, with the images that are chosen."""
    chosen = dict(images(runtime))

    def whole(pod: Mapping[str, Any]) -> dict[str, Any]:
        return {**pod, "containers": [_container(container, chosen, {}) for container in pod.get("containers") or ()]}

    spec = whole(runtime.spec)
    return {**spec, "workerSpec": whole(spec["workerSpec"])} if runtime.multi_node else spec


def single_model_spec(project: Project, runtime: Runtime, *, kept_resources: bool) -> dict[str, Any]:
    """The runtime's spec for a deployment."""
    can = project.environment.can
    chosen = dict(images(runtime))
    keep = can("runtimeKeepsResources") or kept_resources
    spec = {key: value for key, value in runtime.spec.items() if key != "replicas"}
    spec["containers"] = [
        _container(container, chosen, {"resources": container.get("resources") if keep else None})
        for container in spec.get("containers") or ()
    ]
    if runtime.multi_node:
        worker = spec["workerSpec"]
        inner = [_container(container, chosen, {}) for container in worker.get("containers") or ()]
        spec["workerSpec"] = {**worker, "containers": inner}
    return _with_shared_memory(spec) if can("runtimeSharedMemory") else spec


def model_server_spec(project: Project, server: Server, runtime: Runtime) -> dict[str, Any]:
    """The runtime's spec for a ModelMesh model server: size and accelerator on every container, which without a size keeps what
    it asks for."""
    chosen = dict(images(runtime))
    spec = dict(runtime.spec)
    spec["replicas"] = server.minimum
    spec["containers"] = [
        _container(container, chosen, {"resources": _server_resources(container, server)})
        for container in spec.get("containers") or ()
    ]
    if server.hardware.tolerations:
        spec["tolerations"] = list(server.hardware.tolerations)
    if server.hardware.node_selector:
        spec["nodeSelector"] = server.hardware.node_selector
    return _with_shared_memory(spec)


def _server_resources(container: Mapping[str, Any], server: Server) -> Object | None:
    given = server.hardware.resources or {}
    if not server.kept_resources:
        return given
    there = container.get("resources") or {}
    parts = {part: {**(there.get(part) or {}), **(given.get(part) or {})} for part in ("requests", "limits")}
    return {part: amounts for part, amounts in parts.items() if amounts} or None


def _container(
    container: Mapping[str, Any], chosen: Mapping[str, str | None], over: Mapping[str, Any]
) -> dict[str, Any]:
    """A container with its image after its name, and with `over` laid over it; None removes a field."""
    name = container["name"]
    whole = {
        "name": name,
        "image": chosen.get(name),
        **{k: v for k, v in container.items() if k not in ("name", "image")},
    }
    return {key: value for key, value in {**whole, **over}.items() if value is not None}


def _with_shared_memory(spec: dict[str, Any]) -> dict[str, Any]:
    mount, volume = platform_facts().shared_memory_mount, platform_facts().shared_memory_volume
    containers = []
    for container in spec["containers"]:
        mounts = container.get("volumeMounts") or []
        if not any(other.get("mountPath") == mount["mountPath"] for other in mounts):
            container = {**container, "volumeMounts": [*mounts, mount]}
        containers.append(container)
    volumes = spec.get("volumes") or []
    if not any(other.get("name") == volume["name"] for other in volumes):
        volumes = [*volumes, volume]
    return {**spec, "containers": containers, "volumes": volumes}
