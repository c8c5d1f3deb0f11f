"""Parts of pods that a spec says as Kubernetes does, held against the schema of a pod in the environment's Kubernetes.

What a release's own definition of the object has less than that, `verify` finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from modelfleet.finding import Finding, Pointer
from modelfleet.resolve.model import Project
from modelfleet.rules import Violation
from modelfleet.rules.admission.general import against_schema
from modelfleet.rules.admission.schema import SchemaCheck, schema_check
from modelfleet.rules.check import located

_OF_PODS = ("affinity", "volumes", "initContainers", "containers")
_OF_CONTAINERS = ("volumeMounts", "envFrom")


def pod_part_findings(project: Project) -> Iterator[Finding]:
    """What of the written parts of pods Kubernetes does not know or would refuse."""
    release = project.environment.release
    for model in project.models if release is not None else ():
        written = project.spec.data["models"][model.name]
        for pointer, pod in _pods(written):
            check = _pod_check(release.kubernetes if release else "")
            for violation in check({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod}):
                place = (*model.pointer, *pointer, *_place(violation.pointer, own=bool(pointer)))
                found = Violation(pointer=place, key=violation.key, message=violation.message, hint=violation.hint)
                yield located(against_schema.code, found, project.spec, project.environment.name)


def _pods(written: Mapping[str, Any]) -> Iterator[tuple[Pointer, dict[str, Any]]]:
    """The pods that an entry says parts of, each with where they are written."""
    parts = {key: written[key] for key in _OF_PODS if written.get(key)}
    serving = {key: written[key] for key in _OF_CONTAINERS if written.get(key)}
    if parts or serving:
        yield (), {**parts, "containers": [{"name": "serving", **serving}, *parts.get("containers", ())]}
    if transformer := written.get("transformer"):
        yield ("transformer",), {key: value for key, value in transformer.items() if key != "replicas"}


def _place(pointer: Pointer, *, own: bool) -> Pointer:
    """Where in the entry a part of such a pod is written."""
    steps = pointer[1:]
    if own or steps[:1] != ("containers",) or len(steps) < 2:
        return steps
    index = int(steps[1])
    return steps[2:] if index == 0 else ("containers", index - 1, *steps[2:])


@lru_cache(maxsize=8)
def _pod_check(kubernetes: str) -> SchemaCheck:
    from modelfleet.kubernetes.schemas import self_contained
    from modelfleet.tools.crds import core_definitions, core_schema
    from modelfleet.tools.folder import pinned

    schema = core_schema(kubernetes, "", "v1", "Pod")
    assert schema is not None
    return schema_check(self_contained(schema, core_definitions(kubernetes, pinned()["schemas"]["core"]["optional"])))
