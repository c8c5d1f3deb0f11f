"""LLMInferenceServices: what a distributed deployment (llm-d) says in its template call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelfleet.render.values import list_or_none, own_entries, profile_values, said_of, stop_word
from modelfleet.resolve.distributed import Group, Llm, Pods, quoted
from modelfleet.resolve.downloads import download_secret
from modelfleet.resolve.model import Model, Project


def distributed(project: Project, model: Model, llm: Llm) -> dict[str, Any]:
    """The values of an LLMInferenceService. Its `model.uri` is written as the webhook would leave it."""
    refs = [*([model.name] if llm.config else []), *llm.base_refs]
    scheduler = llm.scheduler if isinstance(llm.scheduler, Mapping) else {}
    config = scheduler.get("config")
    own_server = not refs  # a configuration of one's own may have another server, with other probes
    probes = project.environment.can("llmStartupProbe") if own_server else {}
    reference = {"ref": {"name": config["configMap"], "key": config["key"]}} if config else None
    return {
        "api_version": project.environment.term("llmApiVersion"),
        "name": model.name,
        "served_name": model.served_name or model.name,
        **own_entries(model),
        "display_name": model.display_name,
        "description": model.description,
        "gen_ai_asset": model.gen_ai_asset,
        "queue": model.queue,
        "model_type": "generative",
        "stopped": stop_word(project, model),
        "enable_auth": None if model.guarded else "false",
        "storage_secret": download_secret(model),
        **dict.fromkeys(("connection_name", "connection_path", "storage_uri")),
        **model.location.carried("distributed"),
        "base_refs": [{"name": name} for name in refs] or None,
        "gateway": {"refs": [dict(llm.gateway)]} if llm.gateway else {},
        "scheduler": None
        if llm.scheduler is False
        else {k: v for k, v in (("replicas", scheduler.get("replicas")), ("config", reference)) if v},
        **dict.fromkeys(("replicas", "scaling", "parallelism", "template", "worker")),
        **_group(llm.main, probes.get("decode" if llm.prefill else "server")),
        "prefill": _group(llm.prefill, probes.get("server")) if llm.prefill else None,
        **profile_values(model.hardware),
        **said_of(model),
    }


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
    }
    return {key: value for key, value in found.items() if value is not None}


def _pod(pods: Pods, startup_probe: Mapping[str, Any] | None, *, inline: bool) -> dict[str, Any]:
    """A pod; where a hardware profile places the head, nobody does so for the workers."""
    hardware = pods.hardware
    env = list(pods.env)
    if pods.args:
        env.append({"name": "VLLM_ADDITIONAL_ARGS", "value": " ".join(map(quoted, pods.args))})
    container = {
        "name": "main",
        "env": env or None,
        "resources": hardware.resources,
        "startupProbe": dict(startup_probe) if startup_probe else None,
        **pods.container,
    }
    found = {
        "nodeSelector": (hardware.whole_node_selector if inline else hardware.own_node_selector) or None,
        "tolerations": list_or_none(hardware.all_tolerations if inline else hardware.own_tolerations),
        **pods.spec,
        "containers": [{key: value for key, value in container.items() if value is not None}],
    }
    return {key: value for key, value in found.items() if value is not None}
