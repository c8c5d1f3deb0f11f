"""The fields of models and servers, read back from objects: `data/fields.yaml` backwards.

Where a field ends up stands there; here is only what a value at such a place means in the spec. What no reader takes out of
an object is found when the spec is rendered, and becomes a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from modelfleet.importer.canary import canary_field
from modelfleet.importer.hardware import env_field, hardware_fields, replicas_field
from modelfleet.importer.llmd import llmd_field, main_server, published, server_args, server_env
from modelfleet.importer.scaling import replicas_of_service
from modelfleet.importer.source import FieldSource
from modelfleet.kubernetes.names import CONNECTIONS, HARDWARE_PROFILE
from modelfleet.kubernetes.objects import items, mapping, text
from modelfleet.resolve.connections import connection_kinds
from modelfleet.resolve.downloads import is_token, token_key
from modelfleet.resolve.platform import platform_facts
from modelfleet.resolve.runtime import Format, json_list
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
    found |= dict(_as_written(source))
    return found | _hardware(source)


def _as_written(source: FieldSource) -> Iterator[tuple[str, Any]]:
    """Fields that stand in an object, a pod or its container as they are written."""
    put_in = (field for field in template_fields() if not field.nested and field.name not in READERS)
    for field in (*put_in, *pod_fields(), *container_fields()):
        value = source.value_of(field.name)
        if value and source.workload not in field.refusals and source.offered(field.name):
            yield field.name, value


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
    return hardware_fields(source.environment, pod, source.first("size"), annotations)


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
    return (found[:-1] if name and found[-1] == f"{_name_option(source)}={name}" else found) or None


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
    """The option that tells the engine of the model's format a name."""
    served = Format(str(source.named("framework", "name")), None)
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
    return env_field(items(mapping(predictor.get("model")).get("env"))) or None


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
    }
    found = [field for field, written in said.items() if written and source.first(field) is None]
    found += [] if _names_storage_secret(source) else ["storageSecret"]
    labels = mapping(source.item["metadata"].get("labels"))
    return [*found, *([] if "opendatahub.io/dashboard" in labels else ["dashboard"])] or None


def _registry(source: FieldSource) -> Any:
    found = {part: source.first(f"registry.{part}") for part in ("name", "model", "version")}
    return {part: text for part, text in found.items() if isinstance(text, str) and text} or None


def _capabilities(source: FieldSource) -> Any:
    return list(json_list(source.first("capabilities"))) or None


def _names_storage_secret(source: FieldSource) -> bool:
    """Whether it names the Secret for its download, or would not do so anyway."""
    env, scheme = _env(source) or {}, str(mapping(_location(source)).get("uri")).partition("://")[0]
    tokens = [value for name, value in env.items() if is_token(name, scheme) and isinstance(value, dict)]
    return (
        not any(value.get("key") == token_key() for value in tokens)
        or source.annotation("serving.kserve.io/storageSecretName") is not None
    )


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
    path = source.annotation("opendatahub.io/connection-path") or storage.get("path")
    path = f"/{path}" if isinstance(path, str) and path.startswith("/") else path  # one is left out again
    name = name or storage.get("key") or _by_address(source, address)
    if name is not None and name in source.connections:
        return {"connection": name} | _below(source.connections[name], path, address)
    if isinstance(address, str) and address.startswith("pvc://"):
        claim, _, below = address.removeprefix("pvc://").partition("/")
        return {"pvc": claim, "path": below or "/"}
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
    decided = [steps[1] for steps, _ in decided_metadata(mode) if steps[0] == part]
    there = mapping(source.item["metadata"].get(part)).items()
    return {key: text for key, text in there if not any(fnmatchcase(key, one) for one in decided)} or None


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
