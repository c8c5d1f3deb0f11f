"""The first draft of a spec: workloads, connections and Secrets of a namespace as fields say them, without patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from modelfleet.importer.callers import callers_of
from modelfleet.importer.connections import (
    absent_connections,
    connection_entries,
    named_connections,
    secret_entries,
    token_account,
)
from modelfleet.importer.fields import fields_of
from modelfleet.importer.given import GivenObject
from modelfleet.importer.source import Connections, FieldSource, undecided
from modelfleet.kubernetes.names import DEPLOYMENT_MODE, DISPLAY_NAME, TEMPLATE_NAME, access_name
from modelfleet.kubernetes.objects import Object, mapping, text
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.platform import platform_facts
from modelfleet.spec.fields import WorkloadKind, decided_of_namespace

SERVICES = ("InferenceService", "LLMInferenceService")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecDraft:
    """The spec of a project in one environment, and by entry the ServingRuntime from which its runtime is to come.

    `absent` are the names of those that were not given, `idle` those that nothing names.
    """

    spec: dict[str, Any]
    runtimes: dict[tuple[str, ...], GivenObject] = field(default_factory=dict)
    absent: dict[tuple[str, ...], str] = field(default_factory=dict)
    idle: list[GivenObject] = field(default_factory=list)


def namespace_of(given: Sequence[GivenObject], project: str) -> str:
    """The namespace in which most of the models stand; the project's name where none is named."""
    served = [one.namespace for one in given if one.kind in SERVICES and one.namespace]
    all_named = served or [one.namespace for one in given if one.namespace]
    spaces = all_named or [one.name for one in given if one.kind == "Namespace"]
    return max(spaces, key=spaces.count) if spaces else project


@dataclass(frozen=True, slots=True, kw_only=True)
class _Namespace:
    """What the fields of its workloads are understood with."""

    name: str
    given: Sequence[GivenObject]
    environment: Environment
    connections: Connections
    runtimes: dict[str, GivenObject]

    def model(self, one: GivenObject) -> FieldSource:
        """A model to read fields from."""
        refs = (each for each in self.given if (each.kind, each.name) == ("MaaSModelRef", one.name))
        return FieldSource(
            given=one,
            workload=workload_kind(one.object, self.runtimes, self.environment.can("defaultMode")),
            environment=self.environment,
            connections=self.connections,
            tokens=_tokens(one.name, self.given),
            callers=callers_of(one.name, self.given, self.name),
            model_ref=next(refs, None),
            runtime=self.runtimes.get(runtime_name(one.object) or ""),
        )

    def server(self, runtime: GivenObject) -> dict[str, Any]:
        """A model server as it stands in the spec, without its models."""
        source = FieldSource(
            given=runtime,
            workload="server",
            environment=self.environment,
            connections={},
            tokens=_tokens(runtime.name, self.given),
            callers=callers_of(runtime.name, self.given, self.name),
        )
        return {**fields_of(source), "models": {}}


def draft_of(project: str, namespace: str, given: Sequence[GivenObject], environment: Environment) -> SpecDraft:
    """What the objects of a namespace say as a spec."""
    runtimes = {one.name: one for one in given if one.kind == "ServingRuntime"}
    services = [one for one in given if one.kind in SERVICES]
    named = named_connections(one.object for one in services)
    connections = dict(connection_entries(given, named, environment, namespace))
    connections |= dict(absent_connections((one.object for one in services), connections))
    space = _Namespace(name=namespace, given=given, environment=environment, connections=connections, runtimes=runtimes)
    draft = SpecDraft(spec={"version": 1})
    models: dict[str, Any] = {}
    servers: dict[str, Any] = {}
    for source in map(space.model, services):
        one, runtime, called = source.given, source.runtime, runtime_name(source.item) or ""
        if source.workload != "served":
            models[one.name] = fields_of(source)
            draft.runtimes.update({("models", one.name): runtime} if runtime is not None else {})
            draft.absent.update({("models", one.name): called} if called and runtime is None else {})
        elif runtime is not None:
            if runtime.name not in servers:
                servers[runtime.name] = space.server(runtime)
                draft.runtimes["servers", runtime.name] = runtime
            servers[runtime.name]["models"][one.name] = fields_of(source)
    for name, runtime in runtimes.items():
        if mapping(runtime.object.get("spec")).get("multiModel") and name not in servers:
            servers[name] = space.server(runtime)
            draft.runtimes["servers", name] = runtime
    draft.idle.extend(one for one in runtimes.values() if one not in draft.runtimes.values())
    draft.spec.update(_head(project, namespace, given, environment, multi=bool(servers)))
    if connections:
        draft.spec["connections"] = connections
    if secrets := dict(secret_entries(given, _secrets_used(models), environment, namespace)):
        draft.spec["secrets"] = secrets
    draft.spec.update({key: entries for key, entries in (("models", models), ("servers", servers)) if entries})
    return draft


def _head(
    project: str, namespace: str, given: Sequence[GivenObject], environment: Environment, *, multi: bool
) -> dict[str, Any]:
    """What is said of the project as a whole."""
    space = next((one.object for one in given if one.kind == "Namespace" and one.name == namespace), None)
    annotations = mapping(space["metadata"].get("annotations")) if space else {}
    shown, description = annotations.get(DISPLAY_NAME), annotations.get("openshift.io/description")
    found: dict[str, Any] = {}
    if isinstance(shown, str) and shown.strip() not in ("", project):
        found["displayName"] = shown
    if isinstance(description, str) and description.strip():
        found["description"] = description
    if namespace != project:
        found["namespace"] = namespace
    if space is not None and environment.managed:
        for field, part in (("namespaceLabels", "labels"), ("namespaceAnnotations", "annotations")):
            if own := undecided(space, part, decided_of_namespace()):
                found[field] = own
    return found | {"platform": "multi-model" if multi else "single-model"}


def workload_kind(item: Object, runtimes: dict[str, GivenObject], default_mode: str | None) -> WorkloadKind:
    """What the fields of a model are written for."""
    if item["kind"] == "LLMInferenceService":
        return "distributed"
    mode = mapping(item["metadata"].get("annotations")).get(DEPLOYMENT_MODE)
    runtime = runtimes.get(runtime_name(item) or "")
    if mode == "ModelMesh" or (runtime and mapping(runtime.object.get("spec")).get("multiModel") is True):
        return "served"
    predictor = mapping(mapping(item.get("spec")).get("predictor"))
    if "workerSpec" in predictor:
        return "multi-node"
    return "advanced" if platform_facts().modes.get(str(mode or default_mode)) == "advanced" else "standard"


def runtime_name(item: Object) -> str | None:
    """The ServingRuntime that a model names."""
    predictor = mapping(mapping(item.get("spec")).get("predictor"))
    return text(mapping(predictor.get("model")).get("runtime")) or None


def template_of(runtime: GivenObject) -> str | None:
    """The name of the template from which the dashboard made a ServingRuntime."""
    annotations = mapping(runtime.object["metadata"].get("annotations"))
    return text(annotations.get(TEMPLATE_NAME)) or None


def _tokens(workload: str, given: Sequence[GivenObject]) -> tuple[str, ...]:
    """The tokens that open a workload, where their Secrets are called as those of a spec are."""
    account = access_name("ServiceAccount", workload)
    named = [one.name for one in given if token_account(one) == account and one.name.endswith(f"-{account}")]
    return tuple(name.removesuffix(f"-{account}") for name in named)


def _secrets_used(models: dict[str, Any]) -> dict[str, list[str]]:
    """The Secrets and keys that the variables of models name."""
    found: dict[str, list[str]] = {}
    waiting: list[Any] = list(models.values())
    while waiting:
        value = waiting.pop(0)
        if not isinstance(value, dict):
            continue
        for reference in mapping(value.get("env")).values():
            if isinstance(reference, dict) and "secret" in reference:
                keys = found.setdefault(str(reference["secret"]), [])
                keys += [reference["key"]] if reference["key"] not in keys else []
        waiting += [child for key, child in value.items() if key != "env"]
    return found
