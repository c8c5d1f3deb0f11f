"""The resolved form of distributed inference (llm-d): groups of pods, each a head with its workers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from modelfleet.finding import Pointer
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass

if TYPE_CHECKING:
    from modelfleet.resolve.hardware import Hardware
    from modelfleet.resolve.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """The pods of one role in a distributed deployment. `spec` and `container` are what the model's fields add to the spec of
    each, and to its container that serves; `beside` are further containers.

    `image`, `command`, `ports` and `probes` are those of its server, where they are not the preset's; `args` are the arguments of a
    command of its own, and else what the preset's script is told.
    """

    hardware: Hardware
    args: tuple[str, ...]
    env: tuple[Mapping[str, Any], ...]
    spec: Mapping[str, Any]
    container: Mapping[str, Any]
    image: str | None
    command: tuple[str, ...]
    ports: tuple[Mapping[str, Any], ...]
    probes: Mapping[str, Mapping[str, Any]]
    beside: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A head with its workers: the model's own, or the one that reads prompts (prefill)."""

    head: Pods
    worker: Pods | None
    parallelism: Mapping[str, Any]
    replicas: int | None
    scaling: Mapping[str, Any] | None
    cache_offload: Mapping[str, Any] | None

    @property
    def nodes(self) -> int:
        """Nodes of one replica."""
        if self.worker is None:
            return 1
        data, local = self.parallelism.get("data"), self.parallelism.get("dataLocal")
        if data and local:
            return max(int(data) // int(local), 1)
        return int(self.parallelism.get("pipeline") or 1)

    @property
    def most_replicas(self) -> int:
        """Replicas at the busiest time."""
        return int(self.scaling["max"]) if self.scaling else int(self.replicas or 0)

    @property
    def gpus(self) -> int:
        """Accelerators of all replicas at the busiest time."""
        workers = self.worker.hardware.gpus * (self.nodes - 1) if self.worker else 0
        return (self.head.hardware.gpus + workers) * self.most_replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class Llm:
    """Distributed inference (llm-d): an LLMInferenceService. `config` says that it rests on a runtime that is one of the
    administrator's LLMInferenceServiceConfigs, without llm-d's scheduler. `presets` are copies of the platform's."""

    main: Group
    prefill: Group | None
    traffic: Mapping[str, Any] | None
    gateway: Mapping[str, str] | None
    scheduler: bool | Mapping[str, Any]
    base_refs: tuple[str, ...]
    config: bool
    lora: Mapping[str, Any] | None
    tracing: Mapping[str, Any] | None
    topology_config: str | None
    routing_config: str | None
    pinned: bool
    presets: Mapping[str, Runtime]

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups of pods."""
        return (self.main, self.prefill) if self.prefill else (self.main,)

    @property
    def pods(self) -> Iterator[tuple[Pointer, Pods]]:
        """The pods of each role, and where below the model the spec writes what is special about them."""
        for place, group in zip(((), ("llmd", "prefill")), self.groups, strict=False):
            yield place, group.head
            if group.worker is not None:
                yield (*(place or ("llmd",)), "worker"), group.worker

    @property
    def references(self) -> tuple[str, ...]:
        """The configurations that are laid over the presets, the last of which counts most."""
        chosen = (self.topology_config, self.routing_config)
        return tuple(dict.fromkeys((*self.base_refs, *(name for name in chosen if name))))

    @property
    def preset_names(self) -> tuple[str, ...]:
        """The presets that the controller takes for it, without what a release puts before their names.

        kserve: pkg/controller/v1alpha2/llmisvc/config_merge.go. That of the route depends on the cluster's gateway, and the
        controller takes it in its newest form.
        """
        roles = [("decode-" if self.prefill else "", self.main)]
        roles += [("prefill-", self.prefill)] if self.prefill else []
        found = [f"{role}{'worker-data-parallel' if group.worker else 'template'}" for role, group in roles]
        found += [] if self.scheduler is False else ["scheduler"]
        found += ["tracing"] if self.tracing is not None else []
        return tuple(f"config-llm-{name}" for name in found)


_OPTION = lazy_pattern(r"(--[A-Za-z][\w.-]*=)(.+)", re.ASCII | re.DOTALL)
"""An option with its value."""


def quoted(arg: str) -> str:
    """An argument as the shell of the presets is given it: with quotes, where it would take it apart."""
    option = _OPTION.fullmatch(arg)
    return option[1] + shlex.quote(option[2]) if option else shlex.quote(arg)
