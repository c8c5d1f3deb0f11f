"""The escape hatch: what a patch may not touch, and a patch that does not apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes import json_patch
from modelfleet.kubernetes.objects import Object
from modelfleet.rules import Violation
from modelfleet.spec.fields import ObjectPath, locked_paths


def locked_field(steps: tuple[Mapping[str, Any], ...], item: Object, pointer: Pointer = ()) -> Iterator[Violation]:
    """Steps that would change what the spec decides in an object."""
    for index, step in enumerate(steps):
        path = json_patch.pointer_steps(str(step["path"]))
        touched = (
            place for place in locked_paths() if place.kind in ("", item["kind"]) and _touches(path, place.steps)
        )
        place = next(touched, None)
        if place is not None and not _means_the_same(place, path, step, item):
            yield Violation(
                pointer=(*pointer, index, "path"),
                message=f"a patch cannot change {'/'.join(place.steps)}",
                hint=place.lock,
                policy=place.policy,
            )


def _means_the_same(place: ObjectPath, path: tuple[str, ...], step: Mapping[str, Any], item: Object) -> bool:
    """Whether the step puts a value where another stood that means the same."""
    if path != place.steps or item["kind"] != place.kind:
        return False
    before: Any = item
    for key in path:
        before = before.get(key) if isinstance(before, dict) else None
    return before in place.alike and step.get("value") in place.alike


def wrong_kind(before: Any, after: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str, str]]:
    """Where a patched object can no longer be one of its kind: the place, what is wrong, what to do."""
    if after is None:
        yield pointer, "null is not a value", "use op: remove"
    elif isinstance(before, dict | list) and type(before) is not type(after):
        yield pointer, f"{_kind(after)} replaces {_kind(before)}", "keep its shape"
    elif pointer[:1] == ("metadata",) and pointer[1:2] in (("labels",), ("annotations",)) and len(pointer) == 3:
        if not isinstance(after, str):
            yield pointer, f"{pointer[1]} hold text, and this is not text", "put it in quotes"
    elif isinstance(after, dict):
        old = before if isinstance(before, dict) else {}
        for key in old:
            if key not in after and not pointer:
                yield (), f"{key} is gone", "keep it"
        for key, value in after.items():
            yield from wrong_kind(old.get(key), value, (*pointer, key))
    elif isinstance(after, list):
        for index, value in enumerate(after):
            yield from wrong_kind(None, value, (*pointer, index)) if value is None else ()


def _kind(value: Any) -> str:
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a scalar"


def _touches(path: tuple[str, ...], place: tuple[str, ...]) -> bool:
    """Whether a step at `path` would change the value at the place: at it, below it, or a map around it."""
    return path[: len(place)] == place or place[: len(path)] == path
