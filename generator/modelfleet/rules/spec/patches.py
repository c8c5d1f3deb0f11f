"""The escape hatch: what a patch may not touch, and a patch that does not apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.rules import Violation

LOCKED: Mapping[str, str] = {
    "/apiVersion": "it would be another object, which nothing points to",
    "/kind": "it would be another object, which nothing points to",
    "/metadata/name": "it would be another object, which nothing points to",
    "/metadata/namespace": "the overlay decides the namespace",
    "/metadata/annotations/security.opendatahub.io~1enable-auth": "the spec's tokens decide who may call",
    "/metadata/annotations/security.opendatahub.io~1auth-proxy-type": "the spec's return401 decides",
    "/metadata/annotations/enable-auth": "the spec's tokens decide who may call",
    "/metadata/annotations/enable-route": "the spec's route decides",
    "/metadata/annotations/serving.kserve.io~1deploymentMode": "the spec's mode decides",
    "/metadata/labels/networking.kserve.io~1visibility": "the spec's route decides",
    "/metadata/labels/networking.knative.dev~1visibility": "the spec's route decides",
    "/metadata/ownerReferences": "an owner is known by its uid alone",
    "/status": "the cluster writes it",
}
"""Paths that only the spec decides, and the reason."""

FIELDS: Mapping[str, str] = {
    "/spec/predictor/model/args": "write args in the spec",
    "/spec/predictor/model/runtime": "write runtime in the spec",
    "/spec/predictor/minReplicas": "write replicas in the spec",
    "/spec/predictor/maxReplicas": "write replicas in the spec",
    "/spec/predictor/workerSpec/pipelineParallelSize": "write multiNode in the spec",
    "/spec/predictor/workerSpec/tensorParallelSize": "write multiNode in the spec",
    "/spec/replicas": "write replicas in the spec",
}
"""Paths that have a field of the spec, whose rules a patch would pass by."""


def locked_field(steps: tuple[Mapping[str, Any], ...], pointer: Pointer) -> Iterator[Violation]:
    """Steps that would change what the spec decides."""
    for index, step in enumerate(steps):
        path = str(step["path"])
        for locked_path, reason in {**LOCKED, **FIELDS}.items():
            if _touches(path, locked_path):
                yield Violation(
                    pointer=(*pointer, index, "path"),
                    message=f"a patch cannot change {locked_path.lstrip('/').replace('~1', '/')}",
                    hint=reason,
                    policy=locked_path in LOCKED,
                )
                break


def misshapen(before: Any, after: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str, str]]:
    """Where a patched object can no longer be one of its kind: the place, what is wrong, what to do."""
    if after is None:
        yield pointer, "null is no value", "use op: remove"
    elif isinstance(before, dict | list) and type(before) is not type(after):
        yield pointer, f"{_kind(after)} takes the place of {_kind(before)}", "keep its shape"
    elif pointer[:1] == ("metadata",) and pointer[1:2] in (("labels",), ("annotations",)) and len(pointer) == 3:
        if not isinstance(after, str):
            yield pointer, f"{pointer[1]} hold texts, and this is none", "put it in quotes"
    elif isinstance(after, dict):
        old = before if isinstance(before, dict) else {}
        for key in old:
            if key not in after and not pointer:
                yield (), f"{key} is gone", "keep it"
        for key, value in after.items():
            yield from misshapen(old.get(key), value, (*pointer, key))
    elif isinstance(after, list):
        for index, value in enumerate(after):
            yield from misshapen(None, value, (*pointer, index)) if value is None else ()


def _kind(value: Any) -> str:
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a scalar"


def _touches(path: str, locked_path: str) -> bool:
    """Whether a step at `path` would change the value at `locked_path`: at it, below it, or a map around it."""
    return path == locked_path or path.startswith(locked_path + "/") or locked_path.startswith(path + "/") or not path
