"""What a cluster writes by itself, as `data/imported.yaml` says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from modelfleet.kubernetes.kinds import owned_name
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.packaged import packaged_data

_KEPT = ("name", "namespace", "labels", "annotations")
"""What of an object's metadata its author writes."""


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Any]:
    found: Mapping[str, Any] = packaged_data("imported")
    return found


def without_cluster_writes(item: Object) -> Object:
    """The object without its status, without what a cluster wrote into its metadata, and without nulls."""
    metadata = {}
    for key, value in item["metadata"].items():
        if key in ("labels", "annotations"):
            patterns = _data()[key]
            value = {
                name: text
                for name, text in mapping(value).items()
                if not any(fnmatchcase(name, pattern) for pattern in patterns)
            }
        if key in _KEPT and value not in (None, {}):
            metadata[key] = value
    found = {key: value for key, value in item.items() if key not in ("status", "metadata")}
    ordered = {key: found.pop(key) for key in ("apiVersion", "kind")}
    whole: Object = _without_nulls({**ordered, "metadata": metadata, **found})
    return whole


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value if child is not None]
    return value


def is_live(item: Object) -> bool:
    """Whether a server gave the object out: it has an identity there."""
    return any(item["metadata"].get(key) is not None for key in ("uid", "resourceVersion"))


def is_kept_by_cluster(item: Object) -> bool:
    """Whether every namespace has such an object, or a controller keeps it without owning it by a reference."""
    kind, metadata = str(item["kind"]), item["metadata"]
    if kind in _data()["kinds"] and is_live(item):
        return True
    owner = owned_name(kind, str(metadata["name"]))
    if owner is not None and owner.labelled.items() <= mapping(metadata.get("labels")).items():
        return True
    for entry in _data()["objects"]:
        labels = entry.get("labelled", {})
        if (
            kind in entry["kinds"]
            and any(fnmatchcase(str(metadata["name"]), pattern) for pattern in entry["names"])
            and labels.items() <= mapping(metadata.get("labels")).items()
        ):
            return True
    return False


def filled_places(item: Object, *, live: bool) -> tuple[tuple[str, ...], ...]:
    """The places of an object that a webhook or the server fills in where nothing is said; `live`: they had it."""
    annotations = mapping(item["metadata"].get("annotations"))
    return tuple(
        tuple(step.replace("~1", "/").replace("~0", "~") for step in entry["at"].split("/")[1:])
        for entry in _data()["filled"].get(str(item["kind"]), ())
        if (entry.get("annotated") is None or annotations.get(entry["annotated"]))
        and (live or not entry.get("live"))
        and (not entry.get("empty") or _value_at(item, entry["at"].split("/")[1:]) == [])
    )


def _value_at(item: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        item = mapping(item).get(step)
    return item
