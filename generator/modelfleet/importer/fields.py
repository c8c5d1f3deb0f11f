"""The fields of models and servers, read back from objects: `data/fields.yaml` backwards.

Where a field ends up stands there; here is only what a value at such a place means in the spec. What no reader takes out of
an object is found when the spec is rendered, and becomes a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import accumulate
from typing import Any

from modelfleet.importer.canary import canary_field
from modelfleet.importer.hardware import env_field, hardware_fields, names_profile, replicas_field
from modelfleet.importer.llmd import llmd_field, main_server, published, server_args, server_env
from modelfleet.importer.scaling import replicas_of_service
from modelfleet.importer.source import FieldSource, undecided
from modelfleet.kubernetes.names import (
    CONNECTION_PATH,
    CONNECTIONS,
    FIRST_VERSION,
    HARDWARE_PROFILE,
    OVMS_VERSION,
    STORAGE_SECRET,
    volume_of,
)
from modelfleet.kubernetes.objects import items, mapping, text
from modelfleet.resolve.catalog import engine_of_runtime
from modelfleet.resolve.connections import connection_kinds
from modelfleet.resolve.downloads import is_token, token_key
from modelfleet.resolve.platform import platform_facts
from modelfleet.resolve.runtime import SERVING_CONTAINER, Engine, Format, json_list
from modelfleet.resolve.shared_runtimes import engine_of_format
from modelfleet.spec.fields import container_fields, decided_metadata, fields, pod_fields, template_fields

FieldReader = Callable[[FieldSource], Any]


def fields_of(source: FieldSource) -> dict[str, Any]:
    """What a spec says of a workload, in the order of the fields."""
    found: dict[str, Any] = {}
    for name, field in fields().items():
        if field.nested or source.workload in field.refusals or not source.offered(name):
            continue
        reader = READERS.get(name)
        value = reader(source) if reader is not None else None
        if value is not None:
            found[name] = value
    _put_as_written(source, found)
    found |= _hardware(source)
    if source.own_program and "size" in found:
        found["containers"] = [_without_resources(one) for one in found["containers"]]
    return found


def _without_resources(container: Mapping[str, Any]) -> dict[str, Any]:
    """The container without what the size says, where it is the one that serves."""
    own = container.get("name") == SERVING_CONTAINER
    return {key: value for key, value in container.items() if key != "resources" or not own}


def _put_as_written(source: FieldSource, found: dict[str, Any]) -> None:
    """Puts in the fields that stand in an object, a pod or its container as they are written."""
    put_in = (field for field in template_fields() if not field.nested and field.name not in READERS)
    for field in (*put_in, *pod_fields(), *container_fields()):
        value = source.value_of(field.name)
        around = [fields()[name] for name in accumulate(field.pointer, "{}.{}".format) if name in fields()]
        taken = all(source.workload not in one.refusals and source.offered(one.name) for one in around)
        if taken and value not in (None, "", [], {}):
            holder = found
            for step in field.pointer[:-1]:
                holder = holder.setdefault(step, {})
            holder[field.pointer[-1]] = value


def _hardware(source: FieldSource) -> dict[str, Any]:
    item, spec = source.item, mapping(source.item.get("spec"))
    annotations = mapping(item["metadata"].get("annotations"))
    if source.workload == "served":
        return {}
    pod = mapping(
        spec.get({"InferenceService": "predictor", "LLMInferenceService": "template"}.get(str(item["kind"]), ""))
    )
    if item["kind"] == "ServingRuntime":
        pod = spec
    resources = source.first("size")
    if source.own_program:
        serving = (
            mapping(one) for one in items(pod.get("containers")) if mapping(one).get("name") == SERVING_CONTAINER
        )
        resources = next(serving, {}).get("resources")
    return hardware_fields(source.environment, pod, resources, annotations)


# ---- one field each --------------------------------------------------------------------------------------------------


def _display_name(source: FieldSource) -> Any:
    found = text(source.first("displayName")).strip()
    return found if found and found != source.given.name else None


def _description(source: FieldSource) -> Any:
    return text(source.first("description")).strip() or None


def _framework(source: FieldSource) -> Any:
    name, version = source.named("framework", "name"), source.named("framework", "version")
    if not isinstance(name, str):
        return None
    return f"{name}-{version}" if version is not None else name


def _mode(source: FieldSource) -> Any:
    """`advanced`, in the word of any release; where nothing is said, the release's own default."""
    written = source.first("mode") or source.environment.can("defaultMode")
    return "advanced" if platform_facts().modes.get(str(written)) == "advanced" else None


def _replicas(source: FieldSource) -> Any:
    if source.given.kind == "InferenceService":
        return replicas_of_service(source)
    count = source.first("replicas")
    return replicas_field(count, count)


def _route(source: FieldSource) -> Any:
    if source.workload == "server":
        return True if source.first("route") == "true" else None
    labels = mapping(source.item["metadata"].get("labels"))
    advanced = _mode(source) == "advanced"
    hidden = labels.get("networking.knative.dev/visibility") == "cluster-local"
    shown = labels.get("networking.kserve.io/visibility") == "exposed"
    if not (not hidden if advanced else shown):
        return None
    timeout = source.first("route.timeout")
    return {"timeout": timeout} if isinstance(timeout, str) and not advanced else True


def _tokens(source: FieldSource) -> Any:
    return list(source.tokens) or None


def _callers(source: FieldSource) -> Any:
    """Only where it asks for a token at all: otherwise naming them would shut the others out."""
    asks = source.first("tokens") != "false" if source.workload == "distributed" else source.first("tokens") == "true"
    if not asks or published(source) is not None:
        return None
    return [dict(one) for one in source.callers] or (None if source.tokens else [])


def _args(source: FieldSource) -> Any:
    """Without the name under which the model answers where that stands last: a spec passes it there."""
    if source.given.kind == "LLMInferenceService":
        return server_args(source, main_server(source))
    found, name = _named_args(source)
    found = found[:-1] if name and found[-1] == f"{_name_option(source)}={name}" else found
    return found or ([] if source.first("args") == [] and source.workload == "served" else None)


def _served_name(source: FieldSource) -> Any:
    if source.workload == "distributed":
        name = source.first("servedName")
        return name if isinstance(name, str) and name not in ("", source.given.name) else None
    return _named_args(source)[1]


def _queue(source: FieldSource) -> Any:
    """Not where the hardware profile puts it there anyway."""
    name = source.first("queue")
    profile = source.environment.profiles.get(source.annotation(HARDWARE_PROFILE) or "")
    return name if isinstance(name, str) and name and not (profile and profile.queue == name) else None


def _name_option(source: FieldSource) -> str | None:
    """The option that tells the engine of the runtime, else of the model's format, a name."""
    served = Format(str(source.named("framework", "name")), None)
    if source.runtime is not None:
        engine: Engine | None = engine_of_runtime(source.runtime.object)
    else:
        engine = engine_of_format(served, workers=source.workload == "multi-node")
    return engine.facts["servedNameArg"] if engine is not None else None


def _named_args(source: FieldSource) -> tuple[list[str], str | None]:
    """The arguments, and the name under which the model answers where they give one."""
    found, wanted = list(map(str, items(source.first("args")))), _name_option(source)
    for index, word in enumerate(found):
        option, equals, value = word.partition("=")
        if option != wanted:
            continue
        if equals and value:
            return found, value
        following = found[index + 1 : index + 3]
        if following and not (len(following) == 2 and not following[1].startswith("-")):
            return found, following[0]
    return found, None


def _env(source: FieldSource) -> Any:
    if source.given.kind == "LLMInferenceService":
        return server_env(main_server(source))
    predictor = mapping(mapping(source.item.get("spec")).get("predictor"))
    written = mapping(predictor.get("model")).get("env")
    return env_field(items(written)) or ({} if written == [] and source.workload == "served" else None)


def _multi_node(source: FieldSource) -> Any:
    pipeline = source.first("multiNode.pipelineParallelSize")
    tensor = source.first("multiNode.tensorParallelSize")
    if source.workload != "multi-node":
        return None
    return {"pipelineParallelSize": pipeline or 1, "tensorParallelSize": tensor or 1}


def _stopped(source: FieldSource) -> Any:
    return {"true": True, "false": False}.get(str(source.first("stopped")))


def _omit(source: FieldSource) -> Any:
    """Fields of which the object says nothing, though it would if it were rendered."""
    can, distributed = source.environment.can, source.workload == "distributed"
    said = {
        "displayName": True,
        "description": bool(can("inferenceDescription")) and not distributed,
        "mode": not distributed,
        "tokens": not (source.tokens or source.callers or published(source))
        if distributed
        else bool(can("enableAuthAlways")),
        "modelType": bool(can("modelType")) or distributed,
        "runtime": not distributed
        and bool(mapping(mapping(mapping(source.item.get("spec")).get("predictor")).get("model"))),
    }
    found = [field for field, written in said.items() if written and source.first(field) is None]
    found += [] if _names_storage_secret(source) else ["storageSecret"]
    found += [field for field, unsaid in _amounts_unsaid(source).items() if unsaid]
    labels = mapping(source.item["metadata"].get("labels"))
    return [*found, *([] if "opendatahub.io/dashboard" in labels else ["dashboard"])] or None


def _amounts_unsaid(source: FieldSource) -> dict[str, bool]:
    """Whether the object leaves amounts, and the version of its format, to others."""
    service = source.given.kind == "InferenceService"
    workers = items(
        mapping(mapping(mapping(source.item.get("spec")).get("predictor")).get("workerSpec")).get("containers")
    )
    hardware = _hardware(source)
    return {
        "replicas": not _counted(source),
        "size": service and "accelerator" in hardware and not source.first("size"),
        "hardwareProfile": source.annotation(HARDWARE_PROFILE) is None and names_profile(source.environment, hardware),
        "mesh": source.workload == "advanced" and not source.in_mesh,
        "workerSize": "size" in hardware
        and bool(workers)
        and not any(mapping(one).get("resources") for one in workers),
        "frameworkVersion": service and source.named("framework", "version") is None and _has_versions(source),
    }


def _counted(source: FieldSource) -> bool:
    """Whether the object says how many replicas there are, or what scales them; a group of nodes need not."""
    spec = mapping(source.item.get("spec"))
    if source.workload == "distributed":
        return "replicas" in spec or "scaling" in spec
    bounds = ("minReplicas", "maxReplicas")
    service = source.given.kind == "InferenceService" and source.workload not in ("multi-node", "served")
    return (
        not service or _replicas(source) is not None or any(source.named("replicas", one) is not None for one in bounds)
    )


def _has_versions(source: FieldSource) -> bool:
    """Whether the runtime serves the format in a version."""
    spec, name = mapping(source.runtime.object.get("spec")) if source.runtime else {}, source.named("framework", "name")
    formats = [mapping(one) for one in items(spec.get("supportedModelFormats"))]
    return any(one.get("name") == name and one.get("version") is not None for one in formats)


def _registry(source: FieldSource) -> Any:
    found = {part: source.first(f"registry.{part}") for part in ("name", "model", "version")}
    return {part: text for part, text in found.items() if isinstance(text, str) and text} or None


def _capabilities(source: FieldSource) -> Any:
    return list(json_list(source.first("capabilities"))) or None


def _names_storage_secret(source: FieldSource) -> bool:
    """Whether it names the Secret for its download, or would not do so anyway."""
    return not _token_secrets(source) or source.annotation(STORAGE_SECRET) is not None


def _token_secrets(source: FieldSource) -> list[str]:
    """The Secrets with a token for the download."""
    env, scheme = _env(source) or {}, str(mapping(_location(source)).get("uri")).partition("://")[0]
    tokens = [value for name, value in env.items() if is_token(name, scheme) and isinstance(value, dict)]
    return [str(value.get("secret")) for value in tokens if value.get("key") == token_key()]


def _model_type(source: FieldSource) -> Any:
    found = source.first("modelType")
    return found if found in ("generative", "predictive") and source.workload != "distributed" else None


def _asset(source: FieldSource) -> Any:
    use = source.first("genAiAsset.useCase")
    if source.first("genAiAsset") != "true":
        return None
    return {"useCase": use} if isinstance(use, str) and use.strip() else True


def _containers(source: FieldSource) -> Any:
    """All of a predictor; for llm-d those beside the one that serves."""
    found = [dict(mapping(one)) for one in items(source.first("containers"))]
    if source.workload == "distributed":
        found = [one for one in found if one.get("name") != "main"]
    return found or None


def _transformer(source: FieldSource) -> Any:
    written = mapping(source.first("transformer"))
    low, high = written.get("minReplicas"), written.get("maxReplicas")
    if not written.get("containers"):
        return None
    pod = {key: value for key, value in written.items() if key not in ("minReplicas", "maxReplicas")}
    if not isinstance(low, int) or not isinstance(high, int):
        return pod
    return {"replicas": low if low == high else {"min": low, "max": high}, **pod}


def _timeout(source: FieldSource) -> Any:
    found = source.first("timeout")
    return f"{found}s" if isinstance(found, int) and not isinstance(found, bool) else None


def _return401(source: FieldSource) -> Any:
    return True if source.first("return401") == "kube-rbac-proxy" else None


# ---- where the files are ---------------------------------------------------------------------------------------------


def _location(source: FieldSource) -> Any:
    """By the connection that is named, else by the storage key, else by the address."""
    if source.given.kind == "LLMInferenceService":
        address = source.first("location")
    else:
        address = next((one for one in source.all_of("location") if isinstance(one, str)), None)
    name = source.annotation(CONNECTIONS)
    storage = next((one for one in source.all_of("location") if isinstance(one, dict)), {})
    path = source.annotation(CONNECTION_PATH) or storage.get("path")
    path = f"/{path}" if isinstance(path, str) and path.startswith("/") else path  # one is left out again
    name = name or storage.get("key") or _by_address(source, address)
    if name is not None and name in source.connections:
        return {"connection": name} | _below(source.connections[name], path, address)
    if isinstance(address, str) and (volume := volume_of(address)):
        return {"pvc": volume[0], "path": volume[1] or "/"}
    if isinstance(address, str) and address:
        return {"uri": address}
    return "none" if _has_model(source) else None


def _has_model(source: FieldSource) -> bool:
    """Whether a runtime serves it, which then has its files from nobody else."""
    predictor = mapping(mapping(source.item.get("spec")).get("predictor"))
    return source.workload not in ("distributed", "served") and "model" in predictor


def _below(connection: Mapping[str, Any], path: Any, address: Any) -> dict[str, Any]:
    """What a location with such a connection says beside it."""
    kind = next(kind for name, kind in connection_kinds().items() if name in connection)
    wanted = {field for field, form in kind.location.items() if form.wanted}
    values = {"path": path, "uri": address}
    if "path" in wanted and path is None and isinstance(address, str):
        values["path"] = address.partition("://")[2].partition("/")[2]
    return {field: values[field] for field in ("path", "uri") if field in wanted and values[field]}


def _by_address(source: FieldSource, address: Any) -> str | None:
    """The registry whose pull secret the pods name."""
    predictor = mapping(mapping(source.item.get("spec")).get("predictor"))
    for reference in items(predictor.get("imagePullSecrets")):
        name = mapping(reference).get("name")
        if "oci" in source.connections.get(str(name), {}) and text(address).startswith("oci://"):
            return str(name)
    return None


def _labels(source: FieldSource) -> Any:
    return _own_metadata(source, "labels")


def _annotations(source: FieldSource) -> Any:
    return _own_metadata(source, "annotations")


def _own_metadata(source: FieldSource, part: str) -> dict[str, str] | None:
    """Labels or annotations that nothing else in a spec decides; those of a runtime come with it."""
    if source.workload == "server":
        return None
    mode = None if source.workload in ("distributed", "served") else _mode(source) or source.workload
    return undecided(source.item, part, [*decided_metadata(mode), *_made_anyway(source)])


def _made_anyway(source: FieldSource) -> Iterator[tuple[tuple[str, str], str]]:
    """Annotations that follow from the location and the variables."""
    if source.annotation(STORAGE_SECRET) in _token_secrets(source):
        yield ("annotations", STORAGE_SECRET), "env says it"
    if source.environment.can("ovmsAutoVersioning") and source.annotation(OVMS_VERSION) == FIRST_VERSION:
        yield ("annotations", OVMS_VERSION), "location says it"


READERS: Mapping[str, FieldReader] = {
    "labels": _labels,
    "annotations": _annotations,
    "displayName": _display_name,
    "description": _description,
    "framework": _framework,
    "mode": _mode,
    "replicas": _replicas,
    "route": _route,
    "tokens": _tokens,
    "callers": _callers,
    "location": _location,
    "args": _args,
    "servedName": _served_name,
    "env": _env,
    "containers": _containers,
    "transformer": _transformer,
    "queue": _queue,
    "canary": partial(canary_field, fields_of=lambda source: fields_of(source)),
    "multiNode": _multi_node,
    "stopped": _stopped,
    "modelType": _model_type,
    "genAiAsset": _asset,
    "timeout": _timeout,
    "return401": _return401,
    "omit": _omit,
    "registry": _registry,
    "capabilities": _capabilities,
    "maas": published,
    "llmd": llmd_field,
}
"""What a value at the paths of a field means. `runtime`, `size`, `accelerator` and fields of pods are read otherwise."""
