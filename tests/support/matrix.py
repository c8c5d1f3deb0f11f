"""Every combination that a release claims: each of its runtimes on each platform, in each mode, with each framework.

`claims` lists them and `repository_of` makes a repository of them, so that other tests can render, build and verify it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.resolve.catalog import release, shipped_runtime
from modelfleet.resolve.release import Release
from modelfleet.resolve.runtime import Format, Runtime
from repository import images

CLUSTER = "cluster"
"""The one environment of a repository that `repository_of` makes."""

PROFILES = "redhat-ods-applications"


@dataclass(frozen=True, slots=True)
class Claim:
    """One combination. `name` is unique within its release."""

    name: str
    runtime: Runtime
    platform: str
    mode: str
    framework: Format


def claims(name: str) -> Iterator[Claim]:
    """All combinations that a release claims, but for LLMInferenceService, which has no runtime."""
    known = release(name).capabilities
    for runtime_name in release(name).runtimes:
        runtime = shipped_runtime(name, runtime_name)
        for platform in sorted(runtime.platforms):
            advanced = known["serverless"] and platform == "single-model" and not runtime.multi_node
            for mode in ("standard", "advanced") if advanced else ("standard",):
                for index, framework in enumerate(runtime.formats):
                    yield Claim(
                        f"{runtime_name[:24]}-{mode[0]}{index}".replace(".", "-"), runtime, platform, mode, framework
                    )


def environment_of(name: str) -> dict[str, Any]:
    """An environment of a release that offers an accelerator of every kind, as the release wants them."""
    chosen = release(name)
    known = chosen.capabilities
    return {
        "version": 1,
        "release": name,
        "cluster": {"name": CLUSTER, "appsDomain": "apps.example.org"},
        "platforms": {"serverless": known["serverless"], "modelMesh": known["modelMesh"], "rawServiceConfig": "Headless"},
        "sizes": {"Medium": _profiled(chosen, "medium", {
            "requests": {"cpu": "4", "memory": "8Gi"},
            "limits": {"cpu": "8", "memory": "10Gi"},
        })},
        "accelerators": {
            label(identifier): _profiled(chosen, label(identifier), {
                "identifier": identifier,
                "tolerations": [{"key": identifier, "operator": "Exists", "effect": "NoSchedule"}],
                "perNode": 8,
            })
            for identifier in identifiers(name)
        },
        "runtimes": images(name),
        "secrets": {
            "provider": "external-secrets",
            "apiVersion": "external-secrets.io/v1beta1",
            "store": {"kind": "ClusterSecretStore", "name": "vault"},
            "keyPrefix": "models",
        },
        "namespaces": "managed",
        "autoscaling": {"keda": True, "prometheus": "https://thanos-querier.openshift-monitoring.svc:9092"},
        "argocd": {
            "namespace": "openshift-gitops",
            "repoURL": "https://git.example.org/team/models.git",
            "revision": "main",
            "version": "2.14",
        },
    }  # fmt: skip


def _profiled(chosen: Release, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with a hardware profile where nothing else places the pods; the tolerations are then the workers' alone."""
    if chosen.capabilities["acceleratorProfiles"]:
        return dict(facts)
    return dict(facts) | {"hardwareProfile": {"name": name, "namespace": PROFILES}}


def identifiers(name: str) -> list[str]:
    """The resources of all accelerators that the runtimes of a release are made for."""
    found = (
        identifier for runtime in release(name).runtimes for identifier in shipped_runtime(name, runtime).recommended
    )
    return sorted(set(found))


def label(identifier: str) -> str:
    """An accelerator's name in the environment, of its resource."""
    return identifier.replace("/", "-").replace(".", "-").replace("_", "-")


def repository_of(name: str) -> dict[str, Any]:
    """A repository in which one environment of a release has every combination that it claims."""
    found = list(claims(name))
    single = {one.name: model_of(one) for one in found if one.platform == "single-model"}
    if release(name).capabilities["llm"]:
        single |= distributed_models(name)
    files: dict[str, Any] = {
        f"environments/{CLUSTER}": environment_of(name),
        "projects/single": _project("single-model", models=single),
    }
    servers: dict[str, Any] = {}
    for one in found:
        if one.platform == "multi-model":
            server = servers.setdefault(one.runtime.name, {"runtime": one.runtime.name, "size": "Medium", "models": {}})
            server["models"][one.name] = {
                "framework": str(one.framework),
                "location": {"connection": "models", "path": one.name},
            }
    if servers:
        files["projects/multi"] = _project("multi-model", servers=servers)
    return files


def _project(platform: str, **content: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "platform": platform,
        "connections": {"models": {"s3": {"endpoint": "https://s3.example.org", "bucket": "models"}}},
        **content,
        "environments": {CLUSTER: {}},
    }


def model_of(one: Claim) -> dict[str, Any]:
    """A single-model deployment that uses a combination."""
    model: dict[str, Any] = {
        "runtime": one.runtime.name,
        "framework": str(one.framework),
        "mode": one.mode,
        "size": "Medium",
        "location": {"connection": "models", "path": one.name},
    }
    if one.runtime.recommended and one.runtime.accelerator != "none":
        model["accelerator"] = label(one.runtime.recommended[0])
    if one.runtime.multi_node:
        model["accelerator"] = {"name": model["accelerator"], "count": 4}
        model["multiNode"] = {"pipelineParallelSize": 2, "tensorParallelSize": 4}
        model["location"] = {"pvc": "weights", "path": one.name}
    return model


def distributed_models(name: str) -> dict[str, Any]:
    """LLMInferenceServices: a plain one, one over several nodes, one with pods of its own for prompts, one that scales."""
    gpus = {"name": label("nvidia.com/gpu"), "count": 4}
    shared = {
        "size": "Medium",
        "accelerator": gpus,
        "tokens": ["web"],
        "location": {"connection": "models", "path": "llm"},
    }
    found: dict[str, Any] = {
        "llmd": {**shared, "llmd": True, "replicas": 2, "args": ["--max-model-len=8192"]},
        "llmd-nodes": {
            **shared,
            "llmd": {"parallelism": {"tensor": 1, "data": 8, "dataLocal": 4, "expert": True}, "worker": True},
        },
        "llmd-prefill": {
            **shared,
            "llmd": {"parallelism": {"tensor": 4}, "prefill": {"replicas": 2, "parallelism": {"tensor": 4}}},
        },
    }
    if release(name).capabilities["llmScaling"]:
        found["llmd-scaled"] = {**shared, "llmd": {"scaling": {"min": 1, "max": 3, "by": "keda"}}}
    return found
