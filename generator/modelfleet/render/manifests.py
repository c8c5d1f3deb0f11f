"""Which manifests a resolved project consists of, and the values that their templates put in.

A template sees plain values and words, never a release. From which field of the spec a part of an object comes stands in
`data/fields.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.kubernetes.names import FIRST_VERSION, OVMS_VERSION, TEMPLATE_NAME, access_name
from modelfleet.render.canary import canary_entries
from modelfleet.render.containers import own_program, transformer
from modelfleet.render.fields import field_values, unsaid
from modelfleet.render.llm import distributed, preset_copy
from modelfleet.render.scaling import scaling_values
from modelfleet.render.secrets import connection_secret, env_secret, wave_of_secrets
from modelfleet.render.serving_runtime import (
    model_server_spec,
    runtime_values,
    shared_values,
    single_model_spec,
)
from modelfleet.render.values import (
    TemplateCall,
    list_or_none,
    metadata_entries,
    worker_tolerations,
)
from modelfleet.resolve.distributed import Llm
from modelfleet.resolve.downloads import is_downloaded, lands_without_version
from modelfleet.resolve.model import Model, ModelLocation, Project, ServedModel, Server, Workload
from modelfleet.resolve.runtime import Runtime

RuntimeSpecs = dict[tuple[str, bool], dict[str, Any]]
"""The specs of runtimes that were met before, by name and whether they keep their resources: the same runtime is one object."""


def manifests(project: Project) -> Iterator[TemplateCall]:
    """Everything that the project consists of in its environment, in the order in which it is read best."""
    if project.environment.managed:
        yield _namespace(project)
    for connection in project.connections.values():
        if connection.secret and connection.kind.secret is not None:
            yield connection_secret(project, connection, connection.kind.secret)
    for secret in project.secrets.values():
        if not secret.existing:
            yield env_secret(project, secret)
    for shared in project.runtimes.values():
        if shared.runtime is not None:
            yield TemplateCall(
                template="servingruntime",
                pointer=shared.pointer,
                values=shared_values(project, shared, shared.runtime),
                patches=shared.patches,
                runtime=shared.runtime,
            )
    specs: RuntimeSpecs = {}
    for model in project.models:
        yield from _model(project, model, specs)
    for server in project.servers:
        yield from _server(project, server)


def _namespace(project: Project) -> TemplateCall:
    values = {
        "namespace": project.namespace,
        "modelmesh_enabled": "true" if project.platform == "multi-model" else "false",
        "kueue_managed": "true" if any(model.waits_in for model in project.models) else None,
        "display_name": project.display_name,
        "description": project.description,
        "sync_wave": wave_of_secrets(project.environment),
        "labels": tuple(project.namespace_labels.items()),
        "annotations": tuple(project.namespace_annotations.items()),
    }
    return TemplateCall(template="namespace", pointer=(), values=values)


# ---- the single-model platform ---------------------------------------------------------------------------------------


def _model(project: Project, model: Model, specs: RuntimeSpecs) -> Iterator[TemplateCall]:
    if model.llm is not None:
        yield from _distributed(project, model, model.llm)
        return
    if model.runtime is not None and model.shared is None:
        key = (model.runtime.name, model.kept_resources)
        if key not in specs:
            specs[key] = single_model_spec(project, model.runtime, kept_resources=model.kept_resources)
        yield TemplateCall(
            template="servingruntime",
            pointer=model.pointer,
            values=runtime_values(project, model, model.runtime)
            | {
                "spec": specs[key],
                "exposed_server": False,
                "guarded_server": False,
            },
            patches=model.patches,
            runtime=model.runtime,
        )
    yield TemplateCall(
        template="inferenceservice",
        pointer=model.pointer,
        values=inference_service(project, model) | own_program(model) | unsaid(model),
        patches=model.patches,
    )
    if model.tokens or model.callers:
        yield from _access(project, model, "inferenceservices", role=True)


def inference_service(project: Project, model: Model) -> dict[str, Any]:
    """The values of a deployment's InferenceService."""
    can, term = project.environment.can, project.environment.term
    standard = model.mode == "standard"
    hardware = model.hardware
    return {
        **field_values(project, model),
        "name": model.name,
        "description": (model.description or "") if can("inferenceDescription") else None,
        "exposed_standard": model.route and standard,
        "internal_advanced": not model.route and not standard,
        "mesh": None if standard else "true",
        "deployment_mode": term("modeStandard" if standard else "modeAdvanced"),
        "model_type": model.model_type if can("modelType") else None,
        "enable_auth": _enable_auth(model, can("enableAuthAlways")),
        "route_timeout": model.route_timeout,
        "version_folder": made_version(model, can("ovmsAutoVersioning")),
        **scaling_values(project, model),
        "canary": canary_entries(model.canary),
        "format_name": model.format.name if model.format else None,
        "format_version": model.format.version if model.format else None,
        "runtime": model.serving_runtime,
        "args": list(model.args) or None,  # KServe drops empty lists, which Argo CD would report for ever
        "env": list(model.env) or None,
        "resources": hardware.resources,
        "worker_resources": hardware.resources,
        "worker_container": _WORKER if model.container_spec or not _UNSIZED.intersection(model.omit) else None,
        "node_selector": hardware.node_selector or None,
        "tolerations": list_or_none(hardware.tolerations),
        "containers": list_or_none(model.containers),
        "transformer": transformer(model.transformer) if model.transformer else None,
        "multi_node": model.multi_node,
        "pipeline": model.pipeline,
        "tensor": model.tensor,
        "worker_node_selector": hardware.node_selector or None,
        "worker_tolerations": worker_tolerations(hardware),
        **(storage := _storage(model.location, by_annotation=can("connectionAnnotation"))),
        "pod_spec": tuple(_with_pull_secrets(model.pod_spec, storage["pull_secrets"] or []).items()),
        "worker_pod_spec": tuple(model.pod_spec.items()),
    }


def _with_pull_secrets(pod: Mapping[str, Any], of_location: list[Any]) -> Mapping[str, Any]:
    """What is added to pods, with the Secret that pulls the model before those that pull images."""
    own = [one for one in pod.get("imagePullSecrets") or () if one not in of_location]
    return {**pod, "imagePullSecrets": [*of_location, *own]} if of_location else pod


_WORKER, _UNSIZED = "worker-container", frozenset({"size", "workerSize"})


def made_version(model: Model, made: bool | None) -> str | None:
    """The version under which the release puts a downloaded file that lies in no folder of a version, where it can."""
    if not made or OVMS_VERSION in model.annotations or not lands_without_version(model):
        return None
    return FIRST_VERSION if is_downloaded(model.location.scheme) else None


def _enable_auth(model: Model, always: bool | None) -> str | None:
    if model.guarded:
        return "true"
    return "false" if always else None


_STORAGE = ("storage_key", "storage_path", "storage_uri", "pull_secrets", "connection_name", "connection_path")


def _storage(location: ModelLocation, by_annotation: bool | None) -> dict[str, Any]:
    """By fields up to 2.25; on 3.x by annotation, from which the operator's webhook fills the fields."""
    return dict.fromkeys(_STORAGE) | location.carried("annotations" if by_annotation else "fields")


# ---- distributed inference -------------------------------------------------------------------------------------------


def _distributed(project: Project, model: Model, llm: Llm) -> Iterator[TemplateCall]:
    copies = {preset_copy(model, preset): runtime for preset, runtime in llm.presets.items()}
    if llm.config and model.runtime is not None:
        copies[model.name] = model.runtime
    for name, runtime in copies.items():
        yield _configuration(model, name, runtime)
    yield TemplateCall(
        template="llminferenceservice",
        pointer=model.pointer,
        values=distributed(project, model, llm),
        patches=model.patches,
    )
    if model.published:
        yield TemplateCall(
            template="maasmodelref",
            pointer=(*model.pointer, "maas"),
            values=field_values(project, model)
            | {"name": model.name, "description": model.description}
            | unsaid(model),
        )
    if model.tokens or model.callers:
        yield from _access(project, model, "llminferenceservices", role=True)


def _configuration(model: Model, name: str, runtime: Runtime) -> TemplateCall:
    """A model's own copy of an LLMInferenceServiceConfig."""
    annotations = runtime.object["metadata"].get("annotations") or {}
    return TemplateCall(
        template="llminferenceserviceconfig",
        pointer=model.pointer,
        values={
            "api_version": runtime.object["apiVersion"],
            "name": name,
            "labels": runtime.object["metadata"].get("labels"),
            "template_name": runtime.name,
            "other_annotations": [item for item in annotations.items() if item[0] != TEMPLATE_NAME],
            "spec": runtime.object.get("spec"),
        },
        patches=model.patches,
        runtime=runtime,
    )


# ---- the multi-model platform ----------------------------------------------------------------------------------------


def _server(project: Project, server: Server) -> Iterator[TemplateCall]:
    if server.runtime is not None:
        yield TemplateCall(
            template="servingruntime",
            pointer=server.pointer,
            values=runtime_values(project, server, server.runtime)
            | {
                "spec": model_server_spec(project, server, server.runtime),
                "exposed_server": server.route,
                "guarded_server": server.guarded,
            },
            patches=server.patches,
            runtime=server.runtime,
        )
    for model in server.models:
        yield TemplateCall(
            template="inferenceservice-modelmesh",
            pointer=model.pointer,
            values=_served(model, server),
            patches=model.patches,
        )
    if server.tokens or server.callers:
        yield from _access(project, server, "inferenceservices", role=False)


def _served(model: ServedModel, server: Server) -> dict[str, Any]:
    return {
        "name": model.name,
        **metadata_entries(model),
        "display_name": model.display_name,
        "format_name": model.format.name if model.format else None,
        "format_version": model.format.version if model.format else None,
        "runtime": server.name,
        "route_timeout": server.route_timeout,
        "protocol_version": model.written.get("protocolVersion"),
        **{key: None if model.written.get(key) is None else [] for key in ("args", "env")},
        **_storage(model.location, by_annotation=False),
    }


# ---- token authorization ---------------------------------------------------------------------------------------------


def token_secret(token: str, workload: Workload) -> str:
    """The name of the Secret that holds a token."""
    return f"{token}-{workload.service_account}"


def _access(project: Project, workload: Workload, resource: str, role: bool) -> Iterator[TemplateCall]:
    """Who may call: a ServiceAccount, its right to see the model, and a token Secret each."""
    values: dict[str, Any] = {
        "name": workload.name,
        "service_account": workload.service_account,
        "role": access_name("Role", workload.name) if role else None,
        "role_binding": access_name("RoleBinding", workload.name),
        "resource": resource,
        "subjects": list(_subjects(project, workload)),
    }
    field = "tokens" if workload.tokens else "callers"
    for template in (*(["serviceaccount"] if workload.tokens else []), *(["role"] if role else []), "rolebinding"):
        patched = template == "serviceaccount"
        yield TemplateCall(
            template=template,
            pointer=workload.pointer if patched else (*workload.pointer, field),
            values=values,
            patches=workload.patches if patched else {},
        )
    for index, token in enumerate(workload.tokens):
        secret = values | {"secret": token_secret(token, workload), "token": token}
        yield TemplateCall(template="secret-token", pointer=(*workload.pointer, "tokens", index), values=secret)


def _subjects(project: Project, workload: Workload) -> Iterator[dict[str, str]]:
    """Who is bound to the model: the account of its tokens, and callers that are there already."""
    if workload.tokens:
        yield {"kind": "ServiceAccount", "name": workload.service_account}
    for caller in workload.callers or ():
        if "group" in caller:
            yield {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": caller["group"]}
        else:
            namespace = caller.get("namespace") or project.namespace
            yield {"kind": "ServiceAccount", "name": caller["serviceAccount"], "namespace": namespace}
