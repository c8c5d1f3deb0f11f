"""JSON 6902: patches applied as kustomize applies them, and the patch between two objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.differences import ABSENT, FieldDifference, KnownDifferences, differences
from modelfleet.patterns import lazy_pattern
from modelfleet.wording import choices

PatchStep = dict[str, Any]
"""One step of a JSON 6902 patch."""


def patch_between(old: Any, new: Any, known: KnownDifferences | None = None) -> list[PatchStep]:
    """The JSON 6902 steps that make one value of another; a list that differs is replaced whole."""
    return [_patch_step(step) for step in differences(old, new, known=known)]


def _patch_step(step: FieldDifference) -> PatchStep:
    path = pointer_text(step.pointer)
    if step.after is ABSENT:
        return {"op": "remove", "path": path}
    return {"op": "add" if step.before is ABSENT else "replace", "path": path, "value": step.after}


class PatchFailed(Exception):
    """A step does not fit the object; `index` is the step's."""

    def __init__(self, index: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.index, self.message, self.hint = index, message, hint


def apply_patch(document: Any, steps: tuple[Mapping[str, Any], ...]) -> Any:
    """The object after the JSON 6902 steps; the given one stays as it is. Raises `PatchFailed`."""
    for index, step in enumerate(steps):
        operation, path = step["op"], _split(step["path"])
        if operation in ("add", "replace"):
            document = _put(document, path, step.get("value"), index, existing=operation == "replace")
        elif operation == "remove":
            document = _remove(document, path, index)
    return document


def pointer_steps(path: str) -> tuple[str, ...]:
    """The steps of a JSON pointer."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:])


def pointer_text(pointer: Pointer) -> str:
    """The steps as a JSON pointer spells them."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in pointer)


def _split(path: str) -> list[str]:
    return list(pointer_steps(path))


_INDEX = lazy_pattern(r"0|[1-9][0-9]{0,8}", re.ASCII)


def _index(container: list[Any], step: str, index: int, end: bool) -> int:
    if step == "-" and end:
        return len(container)
    if not _INDEX.fullmatch(step) or int(step) >= len(container) + end:
        raise PatchFailed(
            index, f"the list has no item {step!r}", f"it has {len(container)}, counted from 0; '-' is its end"
        )
    return int(step)


def _there(document: Any) -> str:
    return choices(list(document)) if isinstance(document, dict) and document else ""


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
