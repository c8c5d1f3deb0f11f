"""Which manifests a resolved project consists of, and the values that their templates put in.

A template sees plain values and words, never a release. `SOURCES` says from which field of the spec a value came, so that
what is found in a rendered object is reported on the line that caused it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.catalog import images
from generator.finding import Pointer
from generator.model import (
    Connection,
    Environment,
    EnvSecret,
    Group,
    Hardware,
    Llm,
    Model,
    ModelLocation,
    Pods,
    Project,
    Runtime,
    ServedModel,
    Server,
    Workload,
)
from generator.resolve import argocd_settings, store_settings

SOURCES: Mapping[str, Pointer] = {
    "accelerator_name": ("accelerator",),
    "args": ("args",),
    "autoscaler_class": ("multiNode",),
    "connection_name": ("location", "connection"),
    "connection_path": ("location", "path"),
    "deployment_mode": ("mode",),
    "description": ("description",),
    "display_name": ("displayName",),
    "enable_auth": ("tokens",),
    "env": ("env",),
    "format_name": ("framework",),
    "format_version": ("framework",),
    "max_replicas": ("replicas",),
    "min_replicas": ("replicas",),
    "model_type": ("modelType",),
    "node_selector": ("accelerator",),
    "pipeline": ("multiNode", "pipelineParallelSize"),
    "profile_name": ("accelerator",),
    "profile_namespace": ("accelerator",),
    "pull_secrets": ("location", "connection"),
    "resources": ("size",),
    "route_timeout": ("route", "timeout"),
    "runtime": ("runtime",),
    "spec": ("runtime",),
    "storage_key": ("location", "connection"),
    "storage_path": ("location", "path"),
    "storage_uri": ("location",),
    "strategy": ("strategy",),
    "tensor": ("multiNode", "tensorParallelSize"),
    "timeout": ("timeout",),
    "token": ("tokens",),
    "tolerations": ("accelerator",),
    "use_case": ("genAiAsset", "useCase"),
    "worker_tolerations": ("accelerator",),
}

SHARED_MEMORY_MOUNT = {"name": "shm", "mountPath": "/dev/shm"}
SHARED_MEMORY_VOLUME = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}
"""What the dashboard of 2.x adds to each runtime (odh-dashboard v2.35.0, frontend/src/api/k8s/servingRuntimes.ts)."""

DASHBOARD = "opendatahub.io/dashboard"

OURS = frozenset(
    {
        "enable-auth",
        "enable-route",
        "opendatahub.io/accelerator-name",
        "opendatahub.io/accelerator-profile-namespace",
        "opendatahub.io/apiProtocol",
        "opendatahub.io/hardware-profile-name",
        "opendatahub.io/hardware-profile-namespace",
        "opendatahub.io/serving-runtime-scope",
        "opendatahub.io/template-display-name",
        "opendatahub.io/template-name",
        "openshift.io/display-name",
    }
)
"""Annotations of a runtime that the spec and the environment decide, whatever an exported one carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A template and what goes into it. `pointer` is the entry of the spec that the object is made for."""

    template: str
    pointer: Pointer
    values: Mapping[str, Any]
    patches: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    runtime: Runtime | None = None


def manifests(project: Project) -> Iterator[Manifest]:
    """Everything that the project consists of in its environment, in the order in which it is read best."""
    if project.environment.managed:
        yield _namespace(project)
    for connection in project.connections.values():
        if connection.secret:
            yield _connection(project, connection)
    for secret in project.secrets.values():
        if not secret.existing:
            yield _env_secret(project, secret)
    specs: dict[str, dict[str, Any]] = {}
    for model in project.models:
        yield from _model(project, model, specs)
    for server in project.servers:
        yield from _server(project, server)


def _namespace(project: Project) -> Manifest:
    values = {
        "namespace": project.namespace,
        "modelmesh_enabled": "true" if project.platform == "multi-model" else "false",
        "display_name": project.display_name,
        "description": project.description,
        "sync_wave": _wave_of_secrets(project.environment),
    }
    return Manifest(template="namespace", pointer=(), values=values)


# ---- Secrets from the store ------------------------------------------------------------------------------------------

CONNECTION_KEYS = {"s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "oci": (".dockerconfigjson",)}
"""What the store holds for a connection; the rest of its Secret stands in the spec."""


def _wave_of_secrets(environment: Environment) -> str | None:
    """The sync wave of what has to be there before a model is applied; a model itself never has one: it would be copied to
    its pods."""
    return "-1" if argocd_settings(environment)["secretsFirst"] else None


def _store(project: Project) -> dict[str, Any]:
    settings = store_settings(project.environment)
    store = settings.get("store")
    return {
        "api_version": settings["apiVersion"],
        "refresh_interval": settings["refreshInterval"],
        "store": {"kind": store["kind"], "name": store["name"]} if store else None,
        "sync_wave": _wave_of_secrets(project.environment),
    }


def _connection(project: Project, connection: Connection) -> Manifest:
    can, given = project.environment.can, connection.settings
    s3 = connection.kind == "s3"
    if s3:
        written = {
            "AWS_S3_ENDPOINT": given.get("endpoint"),
            "AWS_DEFAULT_REGION": given.get("region"),
            "AWS_S3_BUCKET": given.get("bucket"),
        }
    else:
        written = {"OCI_HOST": given.get("host")}
    values = _store(project) | {
        "name": connection.name,
        "s3": s3,
        "type": "Opaque" if s3 else "kubernetes.io/dockerconfigjson",
        "display_name": connection.display_name,
        "description": connection.description if connection.description or can("connectionDescriptionAlways") else None,
        "type_ref": "s3" if s3 else "oci-v1",
        "protocol": connection.kind if can("connectionProtocolAnnotation") else None,
        "settings": {key: value for key, value in written.items() if value is not None},
        "properties": CONNECTION_KEYS[connection.kind],
        "key": connection.key,
    }
    return Manifest(template="externalsecret-connection", pointer=connection.pointer, values=values)


def _env_secret(project: Project, secret: EnvSecret) -> Manifest:
    values = _store(project) | {"name": secret.name, "properties": secret.keys, "key": secret.key}
    return Manifest(template="externalsecret-env", pointer=secret.pointer, values=values)


# ---- the single-model platform ---------------------------------------------------------------------------------------


def _model(project: Project, model: Model, specs: dict[str, dict[str, Any]]) -> Iterator[Manifest]:
    """`specs` are those of runtimes that were met before: deployments with one runtime share the very same spec."""
    if model.llm is not None:
        yield from _distributed(project, model, model.llm)
        return
    if model.runtime is not None:
        if model.runtime.name not in specs:
            specs[model.runtime.name] = single_model_spec(project, model.runtime)
        yield Manifest(
            template="servingruntime",
            pointer=model.pointer,
            values=_runtime_values(project, model, model.runtime)
            | {
                "spec": specs[model.runtime.name],
                "exposed_server": False,
                "guarded_server": False,
            },
            patches=model.patches,
            runtime=model.runtime,
        )
    yield Manifest(
        template="inferenceservice",
        pointer=model.pointer,
        values=inference_service(project, model),
        patches=model.patches,
    )
    if model.tokens:
        yield from _access(model, "inferenceservices", role=True)


def inference_service(project: Project, model: Model) -> dict[str, Any]:
    """The values of a deployment's InferenceService."""
    can, term = project.environment.can, project.environment.term
    standard = model.mode == "standard"
    hardware = model.hardware
    always = can("argsEnvAlways")
    scaled = not model.multi_node  # a group of nodes is no Deployment that an autoscaler could size
    return {
        "name": model.name,
        "display_name": model.display_name,
        "description": (model.description or "") if can("inferenceDescription") else None,
        "exposed_standard": model.route and standard,
        "internal_advanced": not model.route and not standard,
        "advanced": not standard,
        "deployment_mode": term("modeStandard" if standard else "modeAdvanced"),
        "autoscaler_class": term("autoscalerMultiNode") if model.multi_node else None,
        "gen_ai_asset": model.gen_ai_asset,
        "use_case": model.use_case,
        "model_type": model.model_type if can("modelType") else None,
        "stopped": model.stopped,
        "enable_auth": _enable_auth(model, can("enableAuthAlways")),
        "return_401": model.return_401,
        "route_timeout": model.route_timeout,
        "timeout": model.timeout,
        "strategy": {"rolling": "RollingUpdate", "recreate": "Recreate", None: None}[model.strategy],
        "min_replicas": model.minimum if scaled else None,
        "max_replicas": model.maximum if scaled else None,
        "format_name": model.format.name if model.format else None,
        "format_version": model.format.version if model.format else None,
        "runtime": model.name,
        "args": list(model.args) if model.args or always else None,
        "env": list(model.env) if model.env or always else None,
        "resources": hardware.resources,
        "node_selector": hardware.node_selector,
        "tolerations": _listed(hardware.tolerations),
        "multi_node": model.multi_node,
        "pipeline": model.pipeline,
        "tensor": model.tensor,
        "worker_node_selector": hardware.node_selector,
        "worker_tolerations": _worker_tolerations(hardware),
        **_profile(hardware),
        **_storage(model.location, by_annotation=can("connectionAnnotation")),
    }


def _enable_auth(model: Model, always: bool | None) -> str | None:
    if model.tokens:
        return "true"
    return "false" if always else None


def _listed(values: tuple[Mapping[str, Any], ...] | None) -> list[Mapping[str, Any]] | None:
    return list(values) if values else None


def _worker_tolerations(hardware: Hardware) -> list[Mapping[str, Any]] | None:
    """A worker's pods get theirs from nobody else: the hardware profile's webhook looks at the head alone."""
    return _listed(hardware.accelerator.tolerations) if hardware.accelerator else None


def _profile(hardware: Hardware) -> dict[str, Any]:
    profile = hardware.profile or {}
    return {"profile_name": profile.get("name"), "profile_namespace": profile.get("namespace")}


def _storage(location: ModelLocation, by_annotation: bool | None) -> dict[str, Any]:
    """By fields up to 2.25; on 3.x by annotation, from which the operator's webhook fills the fields."""
    connection = location.connection
    found: dict[str, Any] = dict.fromkeys(
        ("storage_key", "storage_path", "storage_uri", "pull_secrets", "connection_name", "connection_path")
    )
    found["storage_uri"] = location.storage_uri
    if connection is None:
        return found
    if connection.kind == "s3":
        key, path = ("connection_name", "connection_path") if by_annotation else ("storage_key", "storage_path")
        return found | {key: connection.name, path: location.path}
    if connection.kind == "oci":
        return found | (
            {"connection_name": connection.name} if by_annotation else {"pull_secrets": [{"name": connection.name}]}
        )
    if connection.existing and by_annotation:
        return found | {"connection_name": connection.name, "storage_uri": None}
    return found


# ---- distributed inference -------------------------------------------------------------------------------------------


def _distributed(project: Project, model: Model, llm: Llm) -> Iterator[Manifest]:
    if llm.config and model.runtime is not None:
        source = model.runtime.object
        annotations = source["metadata"].get("annotations") or {}
        yield Manifest(
            template="llminferenceserviceconfig",
            pointer=model.pointer,
            values={
                "api_version": source["apiVersion"],
                "name": model.name,
                "labels": source["metadata"].get("labels"),
                "template_name": model.runtime.name,
                "other_annotations": [
                    item for item in annotations.items() if item[0] != "opendatahub.io/template-name"
                ],
                "spec": source.get("spec"),
            },
            patches=model.patches,
            runtime=model.runtime,
        )
    yield Manifest(
        template="llminferenceservice",
        pointer=model.pointer,
        values=distributed(project, model, llm),
        patches=model.patches,
    )
    if model.tokens:
        yield from _access(model, "llminferenceservices", role=True)


def distributed(project: Project, model: Model, llm: Llm) -> dict[str, Any]:
    """The values of an LLMInferenceService. Its `model.uri` is written as the webhook would leave it."""
    location = model.location
    connection = location.connection
    s3 = connection is not None and connection.kind == "s3"
    by_secret = connection is not None and (connection.kind != "uri" or connection.existing)
    refs = [*([model.name] if llm.config else []), *llm.base_refs]
    scheduler = llm.scheduler if isinstance(llm.scheduler, Mapping) else {}
    config = scheduler.get("config")
    reference = {"ref": {"name": config["configMap"], "key": config["key"]}} if config else None
    return {
        "api_version": project.environment.term("llmApiVersion"),
        "name": model.name,
        "display_name": model.display_name,
        "description": model.description,
        "gen_ai_asset": model.gen_ai_asset,
        "use_case": model.use_case,
        "model_type": "generative",
        "stopped": model.stopped,
        "open": not model.tokens,
        "connection_name": connection.name if connection is not None and by_secret else None,
        "connection_path": location.path if s3 else None,
        "storage_uri": f"s3://{connection.settings.get('bucket')}/{location.path}"
        if connection is not None and s3
        else location.storage_uri,
        "base_refs": [{"name": name} for name in refs] or None,
        "gateway": {"refs": [dict(llm.gateway)]} if llm.gateway else {},
        "scheduler": None
        if llm.scheduler is False
        else {k: v for k, v in (("replicas", scheduler.get("replicas")), ("config", reference)) if v},
        **dict.fromkeys(("replicas", "scaling", "parallelism", "template", "worker")),
        **_group(llm.main),
        "prefill": _group(llm.prefill) if llm.prefill else None,
        **_profile(model.hardware),
    }


def _group(group: Group) -> dict[str, Any]:
    """A head with its workers, as an LLMInferenceService describes both."""
    scaling = group.scaling
    found = {
        "replicas": group.replicas,
        "scaling": None
        if scaling is None
        else {
            "minReplicas": scaling["min"],
            "maxReplicas": scaling["max"],
            "wva": {**({"variantCost": scaling["cost"]} if "cost" in scaling else {}), scaling["by"]: {}},
        },
        "parallelism": dict(group.parallelism) or None,
        "template": _pod(group.head, inline=group.head.hardware.profile is None),
        "worker": _pod(group.worker, inline=True) if group.worker else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _pod(pods: Pods, inline: bool) -> dict[str, Any]:
    """A pod; where a hardware profile places the head, nobody does so for the workers."""
    accelerator, hardware = pods.hardware.accelerator, pods.hardware
    env = list(pods.env)
    if pods.args:
        env.append({"name": "VLLM_ADDITIONAL_ARGS", "value": " ".join(pods.args)})
    container = {"name": "main", "env": env or None, "resources": hardware.resources}
    tolerations = accelerator.tolerations if accelerator is not None and inline else None
    found = {
        "nodeSelector": (accelerator.node_selector if accelerator is not None and inline else None) or None,
        "tolerations": _listed(tolerations),
        "containers": [{key: value for key, value in container.items() if value is not None}],
    }
    return {key: value for key, value in found.items() if value is not None}


# ---- the serving runtime, once for each deployment and model server --------------------------------------------------


def _runtime_values(project: Project, workload: Workload, runtime: Runtime) -> dict[str, Any]:
    can = project.environment.can
    metadata = runtime.object["metadata"]
    own = dict(metadata.get("annotations") or {})
    labels = dict(metadata.get("labels") or {})
    if can("runtimeForcesDashboardLabel"):
        labels[DASHBOARD] = "true"
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


def single_model_spec(project: Project, runtime: Runtime) -> dict[str, Any]:
    """The runtime's spec for a deployment. A group of nodes keeps what its runtime asks for each node."""
    can = project.environment.can
    chosen = _images(project, runtime)
    keep = can("runtimeKeepsResources") or runtime.multi_node
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
    """The runtime's spec for a ModelMesh model server: size and accelerator on every container."""
    chosen = _images(project, runtime)
    spec = dict(runtime.spec)
    spec["replicas"] = server.minimum
    spec["containers"] = [
        _container(container, chosen, {"resources": server.hardware.resources})
        for container in spec.get("containers") or ()
    ]
    if server.hardware.tolerations:
        spec["tolerations"] = list(server.hardware.tolerations)
    if server.hardware.node_selector:
        spec["nodeSelector"] = server.hardware.node_selector
    return _with_shared_memory(spec)


def _images(project: Project, runtime: Runtime) -> dict[str, str | None]:
    entry = project.environment.get("runtimes", runtime.name) or {}
    return dict(images(runtime, entry.get("images") or {}))


def _container(
    container: Mapping[str, Any], chosen: Mapping[str, str | None], over: Mapping[str, Any]
) -> dict[str, Any]:
    """A container with its image after its name, and with `over` laid over it; None takes a field away."""
    name = container["name"]
    whole = {
        "name": name,
        "image": chosen.get(name),
        **{k: v for k, v in container.items() if k not in ("name", "image")},
    }
    return {key: value for key, value in {**whole, **over}.items() if value is not None}


def _with_shared_memory(spec: dict[str, Any]) -> dict[str, Any]:
    mount, volume = SHARED_MEMORY_MOUNT, SHARED_MEMORY_VOLUME
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


# ---- the multi-model platform ----------------------------------------------------------------------------------------


def _server(project: Project, server: Server) -> Iterator[Manifest]:
    if server.runtime is not None:
        yield Manifest(
            template="servingruntime",
            pointer=server.pointer,
            values=_runtime_values(project, server, server.runtime)
            | {
                "spec": model_server_spec(project, server, server.runtime),
                "exposed_server": server.route,
                "guarded_server": bool(server.tokens),
            },
            patches=server.patches,
            runtime=server.runtime,
        )
    for model in server.models:
        yield Manifest(
            template="inferenceservice-modelmesh",
            pointer=model.pointer,
            values=_served(model, server),
            patches=model.patches,
        )
    if server.tokens:
        yield from _access(server, "inferenceservices", role=False)


def _served(model: ServedModel, server: Server) -> dict[str, Any]:
    return {
        "name": model.name,
        "display_name": model.display_name,
        "format_name": model.format.name if model.format else None,
        "format_version": model.format.version if model.format else None,
        "runtime": server.name,
        **_storage(model.location, by_annotation=False),
    }


# ---- token authorization ---------------------------------------------------------------------------------------------


def token_secret(token: str, workload: Workload) -> str:
    """The name of the Secret that holds a token."""
    return f"{token}-{workload.service_account}"


def _access(workload: Workload, resource: str, role: bool) -> Iterator[Manifest]:
    """Who may call: a ServiceAccount, its right to see the model, and a token Secret each."""
    values: dict[str, Any] = {
        "name": workload.name,
        "service_account": workload.service_account,
        "role": f"{workload.name}-view-role" if role else None,
        "role_binding": f"{workload.name}-view",
        "resource": resource,
    }
    templates = ("serviceaccount", "role", "rolebinding") if role else ("serviceaccount", "rolebinding")
    for template in templates:
        patched = template == "serviceaccount"
        yield Manifest(
            template=template,
            pointer=workload.pointer if patched else (*workload.pointer, "tokens"),
            values=values,
            patches=workload.patches if patched else {},
        )
    for index, token in enumerate(workload.tokens):
        secret = values | {"secret": token_secret(token, workload), "token": token}
        yield Manifest(template="secret-token", pointer=(*workload.pointer, "tokens", index), values=secret)
