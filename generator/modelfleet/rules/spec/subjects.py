"""What the rules on specs and environments look at, and how such a rule is declared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from modelfleet.finding import Pointer
from modelfleet.records import dataclass
from modelfleet.resolve.catalog import RuntimeCatalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.hardware import Accelerator, Hardware
from modelfleet.resolve.model import Model, ModelLocation, Platform, Project, ServedModel, Server, Workload
from modelfleet.resolve.release import Capabilities
from modelfleet.resolve.shared_runtimes import SharedRuntime
from modelfleet.rules import Rule, Violation, always


@dataclass(frozen=True, slots=True)
class OfEnvironment:
    """An environment, the runtimes that can be chosen there, and what else there is in the repository."""

    environment: Environment
    runtime_catalog: RuntimeCatalog
    environments: Collection[Environment]
    projects: Collection[str]


@dataclass(frozen=True, slots=True)
class OfProject:
    """A whole project in an environment."""

    project: Project
    runtime_catalog: RuntimeCatalog

    @property
    def environment(self) -> Environment:
        """Where it runs."""
        return self.project.environment


@dataclass(frozen=True, slots=True)
class OfWorkload(OfProject):
    """A deployment or a model server."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class OfSharedRuntime(OfProject):
    """A runtime that several models of a project share."""

    shared: SharedRuntime

    @property
    def written(self) -> Mapping[str, Any]:
        """The runtime as the merged spec has it."""
        found: Mapping[str, Any] = self.project.spec.data["runtimes"][self.shared.name]
        return found

    @property
    def users(self) -> tuple[Workload, ...]:
        """The models, their canaries and the servers that name it."""
        canaries = (model.canary.model for model in self.project.models if model.canary is not None)
        return tuple(workload for workload in (*self.project.workloads, *canaries) if workload.shared is self.shared)


@dataclass(frozen=True, slots=True)
class OfHardware(OfProject):
    """Pods that ask for hardware of their own: a workload's, and those of a distributed deployment that differ from it.

    `pointer` is where their size and accelerator are written.
    """

    hardware: Hardware
    pointer: Pointer
    written: Mapping[str, Any]

    @property
    def accelerator(self) -> Accelerator | None:
        """The accelerator, where it is written here and not taken over from the pods that these are like."""
        return self.hardware.accelerator if "accelerator" in self.written else None

    @property
    def size(self) -> str | None:
        """The name of the size, where it is written here."""
        return self.hardware.size if "size" in self.written else None


@dataclass(frozen=True, slots=True)
class OfModel(OfProject):
    """A deployment on the single-model platform.

    `arguments` are those that are written for it and for the parts of a distributed deployment, each with where it is
    written; `variables` are its environment likewise: where, the name, the value.
    """

    model: Model
    arguments: Sequence[tuple[Pointer, str]]
    variables: Sequence[tuple[Pointer, str, Any]]

    @property
    def written(self) -> Mapping[str, Any]:
        """The model as the merged spec has it."""
        found: Mapping[str, Any] = self.project.spec.data["models"][self.model.name]
        return found

    @property
    def parts(self) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
        """The model, and what a distributed deployment writes apart for its workers and for those that read prompts."""
        return parts(self.written, self.model.pointer)


@dataclass(frozen=True, slots=True)
class OfServer(OfProject):
    """A model server."""

    server: Server


@dataclass(frozen=True, slots=True)
class OfLocated(OfProject):
    """A deployment or a model on a server: whatever reads its files from somewhere."""

    located: Model | ServedModel
    server: Server | None

    @property
    def location(self) -> ModelLocation:
        """Where the files are."""
        return self.located.location


SpecSubject = TypeVar("SpecSubject", bound="OfEnvironment | OfProject")


def spec_rule(
    code: str, title: str, when: Callable[[Capabilities], bool] = always
) -> Callable[[Callable[[SpecSubject], Iterator[Violation]]], Rule[SpecSubject]]:
    """Declares a rule on the spec; what it looks at is told by the annotation of its parameter."""

    def declare(check: Callable[[SpecSubject], Iterator[Violation]]) -> Rule[SpecSubject]:
        stage = "environment" if parameter(check) == OfEnvironment.__name__ else "spec"
        return Rule(code=code, title=title, stage=stage, check=check, when=when)

    return declare


def subjects(project: Project, runtime_catalog: RuntimeCatalog) -> Iterator[OfProject]:
    """Everything in a project that rules look at."""
    yield OfProject(project, runtime_catalog)
    for shared in project.runtimes.values():
        yield OfSharedRuntime(project, runtime_catalog, shared)
    for workload in project.workloads:
        yield OfWorkload(project, runtime_catalog, workload)
        section, name = workload.pointer
        yield OfHardware(
            project, runtime_catalog, workload.hardware, workload.pointer, project.spec.data[section][name]
        )
    for model in project.models:
        yield _of_model(project, runtime_catalog, model)
        yield OfLocated(project, runtime_catalog, model, None)
        if model.llm is not None or model.canary is not None:
            yield from _hardware_apart(project, runtime_catalog, model)
    for server in project.servers:
        yield OfServer(project, runtime_catalog, server)
        for served in server.models:
            yield OfLocated(project, runtime_catalog, served, server)


def _of_model(project: Project, runtime_catalog: RuntimeCatalog, model: Model) -> OfModel:
    arguments: list[tuple[Pointer, str]] = []
    variables: list[tuple[Pointer, str, Any]] = []
    for pointer, part in parts(project.spec.data["models"][model.name], model.pointer):
        arguments += [((*pointer, "args", index), arg) for index, arg in enumerate(part.get("args") or ())]
        variables += [((*pointer, "env", name), name, value) for name, value in (part.get("env") or {}).items()]
    return OfModel(project, runtime_catalog, model, arguments, variables)


def parts(written: Mapping[str, Any], pointer: Pointer) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    """A written model, its canary and the parts of its `llmd` that may have size, accelerator, args and env of their own."""
    yield pointer, written
    if isinstance(canary := written.get("canary"), dict):
        yield (*pointer, "canary"), canary
    groups: list[tuple[Pointer, Any]] = [((*pointer, "llmd"), written.get("llmd"))]
    if isinstance(groups[0][1], dict) and (prefill := groups[0][1].get("prefill")) is not None:
        inner = (*groups[0][0], "prefill")
        yield inner, prefill
        groups.append((inner, prefill))
    for place, group in groups:
        if isinstance(group, dict) and isinstance(worker := group.get("worker"), dict):
            yield (*place, "worker"), worker


def _hardware_apart(project: Project, runtime_catalog: RuntimeCatalog, model: Model) -> Iterator[OfHardware]:
    pods: dict[Pointer, Hardware] = {("canary",): model.canary.model.hardware} if model.canary else {}
    for place, group in zip(((), ("prefill",)), model.llm.groups if model.llm else (), strict=False):
        pods[("llmd", *place)] = group.head.hardware
        if group.worker is not None:
            pods[("llmd", *place, "worker")] = group.worker.hardware
    depth = len(model.pointer)
    for pointer, written in parts(project.spec.data["models"][model.name], model.pointer):
        if len(pointer) > depth and not {"size", "accelerator"}.isdisjoint(written):
            yield OfHardware(project, runtime_catalog, pods[pointer[depth:]], pointer, written)


def parameter(check: Callable[..., Any]) -> str:
    """The name of the kind of subject that a rule's function takes."""
    annotations = check.__annotations__
    return str(next(iter(annotations.values()))).rpartition(".")[2]


def platform_of(workload: Workload) -> Platform:
    """Which platform runs it: a project on its way from one to the other has workloads of both."""
    return "multi-model" if isinstance(workload, Server) else "single-model"
