"""Distributed inference, read back from an LLMInferenceService: groups of pods, their servers, the scheduler before them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.importer.hardware import env_field, hardware_fields
from modelfleet.importer.source import FieldSource
from modelfleet.kubernetes.objects import items, mapping
from modelfleet.render.llm import TRACING_KEYS
from modelfleet.resolve.catalog import engines
from modelfleet.spec.fields import template_fields

ARGUMENTS = "VLLM_ADDITIONAL_ARGS"
"""The variable in which llm-d's servers find the arguments of the spec."""


def llmd_field(source: FieldSource) -> Any:
    """The field `llmd`; None where the object is of another kind."""
    if source.workload != "distributed":
        return None
    spec = mapping(source.item.get("spec"))
    router = mapping(spec.get("router"))
    found: dict[str, Any] = {}
    gateways = _gateways(source)
    if published(source) is not None:
        gateways = [one for one in gateways if one != source.environment.maas.gateway]
    if len(gateways) == 1 and set(mapping(gateways[0])) == {"name", "namespace"}:
        found["gateway"] = dict(gateways[0])
    share = mapping(router.get("route"))
    if {"group", "weight"} <= share.keys() and source.offered("llmd.traffic"):
        found["traffic"] = {key: share[key] for key in ("group", "weight")}
    if "scheduler" not in router:
        found["scheduler"] = False
    elif scheduler := _scheduler(source, mapping(router["scheduler"])):
        found["scheduler"] = scheduler
    found |= _server(source, mapping(spec.get("template"))) | _spread(source, spec, {})
    if isinstance(prefill := spec.get("prefill"), dict):
        over = _spread(source, prefill, spec)
        if isinstance(prefill.get("replicas"), int) and prefill["replicas"] != 1:
            over["replicas"] = prefill["replicas"]
        found["prefill"] = over
    found |= _chosen(source) | _beside(source, spec) | dict(_put_in(source))
    references = [mapping(one).get("name") for one in items(spec.get("baseRefs"))]
    chosen = {found.get("topologyConfig"), found.get("routingConfig")}
    if others := [name for name in references if name not in chosen]:
        found["baseRefs"] = others
    return found or True


def _put_in(source: FieldSource) -> Iterator[tuple[str, Any]]:
    """Parts of the field that stand in the object as they are written."""
    for field in template_fields():
        if field.pointer[:-1] == ("llmd",) and source.offered(field.name) and (value := source.value_of(field.name)):
            yield field.pointer[-1], value


def _gateways(source: FieldSource) -> list[Any]:
    router = mapping(mapping(source.item.get("spec")).get("router"))
    return list(items(mapping(router.get("gateway")).get("refs")))


def published(source: FieldSource) -> Any:
    """The field `maas`, where the model is published as a spec does it; None where it is not."""
    one = source.model_ref
    if one is None or source.workload != "distributed" or not source.offered("maas"):
        return None
    spec = mapping(one.object.get("spec"))
    shown, metadata = mapping(source.item["metadata"].get("annotations")), one.object["metadata"]
    alike = all(shown.get(key) == text for key, text in mapping(metadata.get("annotations")).items())
    if not alike or metadata.get("labels") or source.environment.maas.gateway not in _gateways(source):
        return None
    return {"endpoint": spec["endpointOverride"]} if "endpointOverride" in spec else True


def _chosen(source: FieldSource) -> dict[str, Any]:
    """What was chosen in the wizard."""
    if not source.offered("llmd.topology"):
        return {}
    parts = ("topology", "topologyConfig", "routingConfig")
    found = {part: source.value_of(f"llmd.{part}") for part in parts}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _beside(source: FieldSource, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Adapters and traces, as far as the fields can say them."""
    found: dict[str, Any] = {}
    lora = mapping(mapping(spec.get("model")).get("lora"))
    adapters = {mapping(one).get("name"): mapping(one).get("uri") for one in items(lora.get("adapters"))}
    if (
        adapters
        and source.offered("llmd.lora")
        and all(isinstance(text, str) for pair in adapters.items() for text in pair)
    ):
        bounds = ("maxRank", "maxAdapters", "maxCpuAdapters")
        found["lora"] = {"adapters": adapters, **{key: lora[key] for key in bounds if key in lora}}
    if isinstance(tracing := spec.get("tracing"), dict) and source.offered("llmd.tracing"):
        found["tracing"] = {name: tracing[key] for name, key in TRACING_KEYS.items() if key in tracing} or True
    return found


def _scheduler(source: FieldSource, written: Mapping[str, Any]) -> dict[str, Any]:
    """What is special about the scheduler, of what the release has."""
    parts = ("template", "pool", "replicas", "labels", "annotations")
    found = {key: written[key] for key in parts if key in written and source.offered(f"llmd.scheduler.{key}")}
    config = mapping(written.get("config"))
    reference = mapping(config.get("ref"))
    if not source.offered("llmd.scheduler.config"):
        return found
    if set(reference) == {"name", "key"}:
        found["config"] = {"configMap": reference["name"], "key": reference["key"]}
    elif set(config) == {"inline"} and mapping(config["inline"]):
        found["config"] = {"inline": config["inline"]}
    return found


def _spread(source: FieldSource, group: Mapping[str, Any], main: Mapping[str, Any]) -> dict[str, Any]:
    """Parallelism, workers and scaling of a group of pods; and where there is a main group, how its pods differ."""
    found: dict[str, Any] = {}
    if isinstance(group.get("parallelism"), dict):
        found["parallelism"] = dict(group["parallelism"])
    head = mapping(group.get("template"))
    if isinstance(worker := group.get("worker"), dict):
        found["worker"] = _unlike(source, worker, head) | _server(source, worker, head) or True
    scaling = mapping(group.get("scaling"))
    actuators = [by for by in ("keda", "hpa") if by in mapping(scaling.get("wva"))]
    if actuators and source.offered("llmd.scaling"):
        found["scaling"] = {"min": scaling.get("minReplicas"), "max": scaling.get("maxReplicas"), "by": actuators[0]}
        if "variantCost" in scaling["wva"]:
            found["scaling"]["cost"] = scaling["wva"]["variantCost"]
    if (offload := _offload(mapping(group.get("kvCacheOffloading")))) and source.offered("llmd.cacheOffload"):
        found["cacheOffload"] = offload
    if main:
        found |= _unlike(source, head, mapping(main.get("template"))) | _server(
            source, head, mapping(main.get("template"))
        )
    return found


def _offload(written: Mapping[str, Any]) -> dict[str, Any]:
    disks = [_disk(mapping(mapping(one).get("fileSystem"))) for one in items(written.get("secondary"))]
    if "cpu" not in written or None in disks:
        return {}
    found = {"cpu": str(written["cpu"])}
    found |= {"evictionPolicy": written["evictionPolicy"]} if "evictionPolicy" in written else {}
    return found | ({"disks": disks} if disks else {})


def _disk(written: Mapping[str, Any]) -> dict[str, Any] | None:
    if "emptyDir" in written:
        return {"emptyDir": str(mapping(written["emptyDir"]).get("size"))}
    claim = mapping(written.get("pvc"))
    if reference := mapping(claim.get("ref")):
        return {"pvc": reference["name"]} | ({"path": reference["path"]} if "path" in reference else {})
    spec = mapping(claim.get("spec"))
    room = mapping(mapping(spec.get("resources")).get("requests")).get("storage")
    if room is None:
        return None
    return {"claim": str(room)} | ({"storageClass": spec["storageClassName"]} if "storageClassName" in spec else {})


# ---- servers ---------------------------------------------------------------------------------------------------------


def main_server(source: FieldSource) -> Mapping[str, Any]:
    """The container of the model's own server."""
    return _serving_container(mapping(mapping(source.item.get("spec")).get("template")))


def _serving_container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((mapping(one) for one in items(pod.get("containers")) if mapping(one).get("name") == "main"), {})


def server_args(source: FieldSource, container: Mapping[str, Any]) -> list[str] | None:
    """The arguments of a server: those of its own command, else what the preset's script is told."""
    if items(container.get("command")):
        return list(map(str, items(container.get("args")))) or None
    for variable in items(container.get("env")):
        if mapping(variable).get("name") == ARGUMENTS and isinstance(variable.get("value"), str):
            return _shell_words(variable["value"], str(source.first("servedName") or source.given.name))
    return None


def _shell_words(text: str, name: str) -> list[str] | None:
    """The arguments that a shell makes of a text; None where its quotes do not end, or a spec may not say them."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    facts = engines()["llm-d"]
    allowed = {facts["servedNameArg"]} if name in words else set()
    return (
        None
        if any(word.partition("=")[0] in facts["reservedArgs"].keys() - allowed for word in words)
        else words or None
    )


def server_env(container: Mapping[str, Any]) -> dict[str, Any] | None:
    """The variables of a server, without the one that its arguments travel in."""
    return env_field([one for one in items(container.get("env")) if mapping(one).get("name") != ARGUMENTS]) or None


def _server(source: FieldSource, pod: Mapping[str, Any], other: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Image, command, ports and probes of a server, without what is taken over from another or from the release."""
    container = _serving_container(pod)
    image = container.get("image")
    found: dict[str, Any] = {}
    if image and image != _serving_container(other or {}).get("image"):
        found["image"] = image
    if command := items(container.get("command")):
        found["command"] = list(map(str, command))
    if ports := items(container.get("ports")):
        found["ports"] = list(ports)
    kinds = ("startup", "liveness", "readiness")
    anyway = mapping(source.environment.can("llmStartupProbe")).values()
    given = {kind: container.get(f"{kind}Probe") for kind in kinds}
    if probes := {kind: probe for kind, probe in given.items() if probe and probe not in anyway}:
        found["probes"] = probes
    return found


def _unlike(source: FieldSource, pod: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What the container of some pods says otherwise than that of others."""
    mine, theirs = (_pod_fields(source, each) for each in (pod, other))
    return {key: value for key, value in mine.items() if theirs.get(key) != value}


def _pod_fields(source: FieldSource, pod: Mapping[str, Any]) -> dict[str, Any]:
    container = _serving_container(pod)
    annotations = mapping(source.item["metadata"].get("annotations"))
    found = hardware_fields(source.environment, pod, container.get("resources"), annotations)
    said = {"args": server_args(source, container), "env": server_env(container)}
    return found | {key: value for key, value in said.items() if value}
