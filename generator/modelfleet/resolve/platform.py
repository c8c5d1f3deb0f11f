"""What holds for OpenShift AI whatever the release is: `data/platform.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from modelfleet.packaged import packaged_data
from modelfleet.records import dataclass

DeploymentWay = Literal["standard", "advanced", "server"]
"""How an InferenceService is served: an ordinary Deployment, Knative, or a ModelMesh server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """The facts. `modes` says what each word for a deployment mode means; `gateway` is that of models with llmd,
    `maas_gateway` that of published ones, whose API keys are made at `maas_keys`.
    """

    modes: Mapping[str, DeploymentWay]
    system_namespaces: frozenset[str]
    system_prefixes: tuple[str, ...]
    shared_memory_mount: Mapping[str, Any]
    shared_memory_volume: Mapping[str, Any]
    gateway: Mapping[str, str]
    maas_gateway: Mapping[str, str]
    maas_keys: str

    def is_system(self, namespace: str) -> bool:
        """Whether a namespace belongs to the cluster or the platform."""
        return namespace in self.system_namespaces or namespace.startswith(self.system_prefixes)


@lru_cache(maxsize=1)
def platform_facts() -> PlatformFacts:
    """The facts, read once."""
    data = packaged_data("platform")
    return PlatformFacts(
        modes=data["modes"],
        system_namespaces=frozenset(data["namespaces"]["names"]),
        system_prefixes=tuple(data["namespaces"]["prefixes"]),
        shared_memory_mount=data["sharedMemory"]["mount"],
        shared_memory_volume=data["sharedMemory"]["volume"],
        gateway=data["gateway"],
        maas_gateway=data["maas"]["gateway"],
        maas_keys=data["maas"]["keys"],
    )
