"""LLMInferenceServices: what a distributed deployment (llm-d) says in its template call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from modelfleet.kubernetes.quantity import canonical_amount
from modelfleet.render.fields import field_values, unsaid
from modelfleet.render.values import list_or_none
from modelfleet.resolve.distributed import Group, Llm, Pods, quoted
from modelfleet.resolve.model import Model, Project


def distributed(project: Project, model: Model, llm: Llm) -> dict[str, Any]:
    """The values of an LLMInferenceService. Its `model.uri` is written as the webhook would leave it."""
    refs = [*map(partial(preset_copy, model), llm.presets), *([model.name] if llm.config else []), *llm.references]
    own_server = not refs  # a configuration of one's own may have another server, with other probes
    probes = project.environment.can("llmStartupProbe") if own_server else {}
    return {
        **field_values(project, model),
        "api_version": project.environment.term("llmApiVersion"),
        "name": model.name,
        "served_name": model.served_name or model.name,
        "description": model.description,
        "model_type": "generative",
        "enable_auth": _enable_auth(model),
        **dict.fromkeys(("connection_name", "connection_path", "storage_uri")),
        **model.location.carried("distributed"),
        "base_refs": [{"name": name} for name in refs] or None,
        "lora": _adapters(llm.lora) if llm.lora else None,
        "tracing": None if llm.tracing is None else _tracing(llm.tracing),
        "route": dict(llm.traffic or {}),
        "gateway": _gateway(project, model, llm),
        "scheduler": None if llm.scheduler is False else _scheduler(llm.scheduler),
        **dict.fromkeys(("replicas", "scaling", "parallelism", "template", "worker", "kvCacheOffloading")),
        **_group(llm.main, probes.get("decode" if llm.prefill else "server")),
        "prefill": _group(llm.prefill, probes.get("server")) if llm.prefill else None,
        **unsaid(model),
    }


def _enable_auth(model: Model) -> str | None:
    """It asks for tokens where nothing is said, which is said where no binding of the spec shows it."""
    if not model.guarded:
        return "false"
    return None if model.tokens or model.callers or model.published else "true"


def _gateway(project: Project, model: Model, llm: Llm) -> dict[str, Any]:
    """That of the spec, and that of Models-as-a-Service for what is published; the cluster's own where there is none."""
    chosen = [llm.gateway] if llm.gateway else []
    chosen += [project.environment.maas.gateway] if model.published else []
    refs = [dict(ref) for index, ref in enumerate(chosen) if ref not in chosen[:index]]
    return {"refs": refs} if refs else {}


def preset_copy(model: Model, preset: str) -> str:
    """The name of a model's own copy of a preset."""
    return f"{model.name}-{preset.removeprefix('config-llm-')}"


def _scheduler(written: bool | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(written, bool):
        return {}
    config = written.get("config") or {}
    reference = {"ref": {"name": config["configMap"], "key": config["key"]}} if "configMap" in config else config
    found = {**written, "config": reference}
    parts = ("replicas", "config", "template", "pool", "labels", "annotations")
    return {key: found[key] for key in parts if found.get(key)}


def _adapters(written: Mapping[str, Any]) -> dict[str, Any]:
    adapters = [{"name": name, "uri": uri} for name, uri in written["adapters"].items()]
    bounds = ("maxRank", "maxAdapters", "maxCpuAdapters")
    return {"adapters": adapters, **{key: written[key] for key in bounds if key in written}}


def _tracing(written: Mapping[str, Any]) -> dict[str, Any]:
    """Without a word the preset says all of it."""
    return {key: written[name] for name, key in TRACING_KEYS.items() if name in written}


TRACING_KEYS = {"endpoint": "exporterEndpoint", "exporter": "exporter", "sampler": "sampler", "ratio": "samplerArg"}
"""What the parts of the field `llmd.tracing` are called in the object."""


def _offload(written: Mapping[str, Any]) -> dict[str, Any]:
    policy = {"evictionPolicy": written["evictionPolicy"]} if "evictionPolicy" in written else {}
    disks = [{"fileSystem": _disk(disk)} for disk in written.get("disks") or ()]
    return {"cpu": canonical_amount(written["cpu"]), **policy, **({"secondary": disks} if disks else {})}


def _disk(written: Mapping[str, Any]) -> dict[str, Any]:
    if "emptyDir" in written:
        return {"emptyDir": {"size": canonical_amount(written["emptyDir"])}}
    if "pvc" in written:
        path = {"path": written["path"]} if "path" in written else {}
        return {"pvc": {"ref": {"name": written["pvc"], **path}}}
    storage = {"storageClassName": written["storageClass"]} if "storageClass" in written else {}
    room = {"requests": {"storage": canonical_amount(written["claim"])}}
    return {"pvc": {"spec": {"accessModes": ["ReadWriteOnce"], **storage, "resources": room}}}


def _group(group: Group, startup_probe: Mapping[str, Any] | None) -> dict[str, Any]:
    """A head with its workers, as an LLMInferenceService describes both. The head is what the presets probe."""
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
        "template": _pod(group.head, startup_probe, inline=group.head.hardware.profile is None),
        "worker": _pod(group.worker, None, inline=True) if group.worker else None,
        "kvCacheOffloading": _offload(group.cache_offload) if group.cache_offload else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _pod(pods: Pods, startup_probe: Mapping[str, Any] | None, *, inline: bool) -> dict[str, Any]:
    """A pod; where a hardware profile places the head, nobody does so for the workers."""
    hardware = pods.hardware
    env = list(pods.env)
    if pods.args and not pods.command:
        env.append({"name": "VLLM_ADDITIONAL_ARGS", "value": " ".join(map(quoted, pods.args))})
    waits = bool(pods.command) or not {"startup", "liveness"}.isdisjoint(pods.probes)  # as its own probes say
    needed = {"startup": startup_probe} if startup_probe and not waits else {}
    container = {
        "name": "main",
        "image": pods.image,
        "command": list(pods.command) or None,
        "args": (list(pods.args) or None) if pods.command else None,
        "ports": list(pods.ports) or None,
        "env": env or None,
        "resources": hardware.resources,
        **{f"{kind}Probe": dict(probe) for kind, probe in {**needed, **pods.probes}.items()},
        **pods.container,
    }
    found = {
        "nodeSelector": (hardware.whole_node_selector if inline else hardware.own_node_selector) or None,
        "tolerations": list_or_none(hardware.all_tolerations if inline else hardware.own_tolerations),
        **pods.spec,
        "containers": [{key: value for key, value in container.items() if value is not None}, *pods.beside],
    }
    return {key: value for key, value in found.items() if value is not None}
