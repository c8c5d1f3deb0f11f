"""The resolved form of distributed inference (llm-d): groups of pods, each a head with its workers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelfleet.resolve.hardware import Hardware


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """The pods of one role in a distributed deployment. `spec` and `container` are what the model's fields add to the spec of
    each, and to its container that serves."""

    hardware: Hardware
    args: tuple[str, ...]
    env: tuple[Mapping[str, Any], ...]
    spec: Mapping[str, Any]
    container: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A head with its workers: the model's own, or the one that reads prompts (prefill)."""

    head: Pods
    worker: Pods | None
    parallelism: Mapping[str, Any]
    replicas: int | None
    scaling: Mapping[str, Any] | None

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
    administrator's LLMInferenceServiceConfigs, without llm-d's scheduler."""

    main: Group
    prefill: Group | None
    gateway: Mapping[str, str] | None
    scheduler: bool | Mapping[str, Any]
    base_refs: tuple[str, ...]
    config: bool

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups of pods."""
        return (self.main, self.prefill) if self.prefill else (self.main,)


_OPTION = re.compile(r"(--[A-Za-z][\w.-]*=)(.+)", re.ASCII | re.DOTALL)
"""An option with its value."""


def quoted(arg: str) -> str:
    """An argument as the shell of the presets is given it: with quotes, where it would take it apart."""
    option = _OPTION.fullmatch(arg)
    return option[1] + shlex.quote(option[2]) if option else shlex.quote(arg)
