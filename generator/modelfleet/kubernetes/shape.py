"""Whether an object that somebody else has written holds the kinds of values that its readers expect: `data/shapes.yaml`.

No schema is at hand where committed files are read; what is checked here are the fields that are looked at later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.packaged import packaged_data

_WANTED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("text", lambda value: isinstance(value, str)),
    "map": ("a map", lambda value: isinstance(value, dict)),
    "maps": ("a list of maps", lambda value: _list_of(value, dict)),
    "texts": ("a list of strings", lambda value: _list_of(value, str)),
    "number": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "truth": ("true or false", lambda value: isinstance(value, bool)),
    "textMap": ("a map of strings", lambda value: isinstance(value, dict) and not _has_parts(value)),
}


def _list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _has_parts(value: Mapping[str, Any]) -> bool:
    return any(isinstance(inner, dict | list) for inner in value.values())


@cache
def _shapes() -> tuple[Mapping[str, str], Mapping[str, frozenset[str]], frozenset[str]]:
    data = packaged_data("shapes")
    kinds = frozenset(data.pop("kinds"))
    excepted = {name: frozenset(fields) for name, fields in data.pop("except").items()}
    return {field: shape for shape, fields in data.items() for field in fields}, excepted, kinds


def wrong_shape(item: Any) -> tuple[Pointer, str] | None:
    """The first field of an object that holds another kind of value than it should, and what it should hold."""
    if not isinstance(item, dict):
        return (), "a map"
    for field in ("apiVersion", "kind", "metadata"):
        if not item.get(field):
            return (field,), "text" if field != "metadata" else "a map"
    if not isinstance(item["metadata"], dict) or not item["metadata"].get("name"):
        return ("metadata", "name"), "text"
    is_known = item["kind"] in _shapes()[2] if isinstance(item["kind"], str) else True
    looked_at = item if is_known else {key: item[key] for key in ("apiVersion", "kind", "metadata")}
    return next(_wrong(looked_at, (), str(item["kind"])), None)


def _wrong(value: Any, pointer: Pointer, within: str) -> Iterator[tuple[Pointer, str]]:
    shapes, excepted, _ = _shapes()
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _wrong(inner, (*pointer, index), within)
    for key, inner in value.items() if isinstance(value, dict) else ():
        shape = shapes.get(key)
        if shape is not None and key not in excepted.get(within, ()):
            words, fits = _WANTED[shape]
            if not fits(inner):
                yield (*pointer, key), words
                return
            if shape == "textMap":
                continue
        yield from _wrong(inner, (*pointer, key), key if within not in ("ExternalSecret",) else within)


def without_nulls(value: Any) -> Any:
    """The value without keys that hold nothing, which a cluster drops."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
