"""The escape hatch: what a patch may not touch, and a patch that does not apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.finding import Pointer, listed
from generator.rules import Problem

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


class PatchFailed(Exception):
    """A step does not fit the object; `index` is the step's."""

    def __init__(self, index: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.index, self.message, self.hint = index, message, hint


def locked(steps: tuple[Mapping[str, Any], ...], pointer: Pointer) -> Iterator[Problem]:
    """Steps that would change what only the spec decides."""
    for index, step in enumerate(steps):
        paths = [
            str(step.get(key)) for key in ("path", "from") if step.get(key) and (key == "path" or step["op"] == "move")
        ]
        for path in paths:
            for locked_path, reason in LOCKED.items():
                if _touches(path, locked_path, step):
                    shown = locked_path.lstrip("/").replace("~1", "/")
                    yield Problem(
                        pointer=(*pointer, index, "path"),
                        message=f"a patch cannot change {shown}",
                        hint=reason,
                        policy=True,
                    )
                    break


def _touches(path: str, locked_path: str, step: Mapping[str, Any]) -> bool:
    """Whether a step at `path` would change the value at `locked_path`: at it, below it, or a map around it."""
    if path == locked_path or path.startswith(locked_path + "/"):
        return True
    around = locked_path.startswith(path + "/") or path == ""
    return around and step["op"] in ("add", "replace", "remove", "move", "copy")


def apply(document: Any, steps: tuple[Mapping[str, Any], ...]) -> Any:
    """The object after the JSON 6902 steps; the given one stays as it is. Raises `PatchFailed`."""
    for index, step in enumerate(steps):
        operation, path = step["op"], _split(step["path"])
        if operation == "test":
            if _get(document, path, index) != step.get("value"):
                raise PatchFailed(index, "the test does not hold", "look at the rendered object")
        elif operation in ("add", "replace"):
            document = _put(document, path, step.get("value"), index, existing=operation == "replace")
        elif operation == "remove":
            document = _remove(document, path, index)
        else:
            source = _split(step["from"])
            moved = _get(document, source, index)
            if operation == "move":
                document = _remove(document, source, index)
            document = _put(document, path, moved, index, existing=False)
    return document


def _split(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _index(container: list[Any], step: str, index: int, end: bool) -> int:
    if step == "-" and end:
        return len(container)
    if not step.isdigit() or int(step) >= len(container) + end:
        raise PatchFailed(
            index, f"the list has no item {step!r}", f"it has {len(container)}, counted from 0; '-' is its end"
        )
    return int(step)


def _get(document: Any, path: list[str], index: int) -> Any:
    for step in path:
        if isinstance(document, list):
            document = document[_index(document, step, index, end=False)]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            raise PatchFailed(index, f"there is nothing called {step!r}", _there(document))
    return document


def _there(document: Any) -> str:
    return f"there are {listed(list(document))}" if isinstance(document, dict) and document else ""


def _put(document: Any, path: list[str], new: Any, index: int, existing: bool) -> Any:
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(document, list):
        at = _index(document, step, index, end=not rest and not existing)
        if rest:
            return [*document[:at], _put(document[at], rest, new, index, existing), *document[at + 1 :]]
        return [*document[:at], new, *document[at + existing :]]
    if not isinstance(document, dict) or (step not in document and (rest or existing)):
        raise PatchFailed(index, f"there is nothing called {step!r}", _there(document))
    return {**document, step: _put(document[step], rest, new, index, existing) if rest else new}


def _remove(document: Any, path: list[str], index: int) -> Any:
    if not path:
        raise PatchFailed(index, "an object cannot be removed by a patch", "take the model out of the spec")
    step, rest = path[0], path[1:]
    if isinstance(document, list):
        at = _index(document, step, index, end=False)
        middle = [_remove(document[at], rest, index)] if rest else []
        return [*document[:at], *middle, *document[at + 1 :]]
    if not isinstance(document, dict) or step not in document:
        raise PatchFailed(index, f"there is nothing called {step!r}", _there(document))
    if rest:
        return {**document, step: _remove(document[step], rest, index)}
    return {key: value for key, value in document.items() if key != step}
