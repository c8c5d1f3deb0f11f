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
from modelfleet.spec.fields import container_fields, copied_fields, pod_fields


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
    parts, serving = _structures(copied_fields(written, "pod")), _structures(copied_fields(written, "container"))
    beside = written.get("containers") or ()
    if parts or serving or beside:
        yield (), {**parts, "containers": [{"name": "serving", **serving}, *beside]}
    if transformer := written.get("transformer"):
        yield ("transformer",), {key: value for key, value in transformer.items() if key != "replicas"}


def _structures(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What the project schema leaves to Kubernetes' own: it knows plain values itself."""
    return {key: value for key, value in fields.items() if isinstance(value, dict | list)}


def _place(pointer: Pointer, *, own: bool) -> Pointer:
    """Where in the entry a part of such a pod is written."""
    steps = pointer[1:]
    if own or not steps:
        return steps
    if steps[0] != "containers":
        return _written_as(steps, {field.pod: field.pointer for field in pod_fields()})
    if len(steps) < 2:
        return steps
    index = int(steps[1])
    if index:
        return ("containers", index - 1, *steps[2:])
    return _written_as(steps[2:], {field.container: field.pointer for field in container_fields()})


def _written_as(steps: Pointer, names: Mapping[str, Pointer]) -> Pointer:
    return (*names.get(str(steps[0]), steps[:1]), *steps[1:]) if steps else steps


@lru_cache(maxsize=8)
def _pod_check(kubernetes: str) -> SchemaCheck:
    from modelfleet.kubernetes.schemas import self_contained
    from modelfleet.tools.crds import core_definitions, core_schema
    from modelfleet.tools.folder import pinned

    schema = core_schema(kubernetes, "", "v1", "Pod")
    assert schema is not None
    return schema_check(self_contained(schema, core_definitions(kubernetes, pinned()["schemas"]["core"]["optional"])))
