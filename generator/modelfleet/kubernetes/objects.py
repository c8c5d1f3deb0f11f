"""Any Kubernetes object as plain data: what it is called, and its parts whatever somebody wrote there."""

from __future__ import annotations

import marshal
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

Object = dict[str, Any]
"""A Kubernetes object as plain data."""

Identity = tuple[str, str, str]
"""Group, kind and name: what an object is within its namespace."""

ObjectsByIdentity = Mapping[Identity, Object]
"""The objects of one namespace."""

Peers = Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]
"""Objects by kind and namespace, and then by name."""

_NOTHING: Mapping[str, Any] = {}


def group_of(item: Mapping[str, Any]) -> str:
    """The API group; empty for the core."""
    group, slash, _ = str(item["apiVersion"]).partition("/")
    return group if slash else ""


def identity(item: Mapping[str, Any]) -> Identity:
    """A Namespace is the one of the overlay, whatever it is called: kustomize gives it the overlay's `namespace`."""
    name = "" if item["kind"] == "Namespace" else str(item["metadata"]["name"])
    return (group_of(item), str(item["kind"]), name)


def with_namespace(item: Object, namespace: str) -> Object:
    """The object as kustomize's `namespace:` leaves it.

    An account that a binding names is of this namespace unless it says another; that of every namespace is always this one's.
    """
    metadata = item["metadata"]
    if item["kind"] == "Namespace":
        return {**item, "metadata": {**metadata, "name": namespace}}
    found = {**item, "metadata": {"name": metadata["name"], "namespace": namespace, **metadata}}
    if item["kind"] == "RoleBinding" and isinstance(item.get("subjects"), list):
        found["subjects"] = [_subject_in(subject, namespace) for subject in item["subjects"]]
    return found


def _subject_in(subject: Any, namespace: str) -> Any:
    if not isinstance(subject, dict):
        return subject
    other = subject.get("namespace") not in (None, "") and subject.get("name") != "default"
    return subject if subject.get("kind") != "ServiceAccount" or other else {**subject, "namespace": namespace}


def same_value(one: Any, other: Any) -> bool:
    """Equality in which true is not 1, and 1.0 is, as in JSON. Nearly always both are alike to the byte, which C finds out."""
    if one is other or (isinstance(one, str) and one == other):
        return True
    return bool(one == other) and (marshal.dumps(one, 2) == marshal.dumps(other, 2) or _alike(one, other))


def _alike(one: Any, other: Any) -> bool:
    """Whether equal values are truth values in the same places."""
    if isinstance(one, dict):
        return all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return all(map(_alike, one, other))
    return isinstance(one, bool) is isinstance(other, bool)


def by_identity(items: Iterable[Object]) -> dict[Identity, Object]:
    """Objects by what they are within their namespace, in their order."""
    return {identity(item): item for item in items}


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def items(value: object) -> Sequence[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def text(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """The value if it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mappings(value: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The mappings of a list with their places in it."""
    for index, item in enumerate(items(value)):
        if isinstance(item, dict):
            yield index, item


def env_named(container: Mapping[str, Any], names: Collection[str]) -> Iterator[tuple[int, str]]:
    """The environment variables of a container that have one of these names, with their places in `env`."""
    for index, entry in mappings(container.get("env")):
        if entry.get("name") in names:
            yield index, entry["name"]


def by_name(objects: Iterable[Mapping[str, Any]]) -> Peers:
    """Objects as peers of each other; of two with the same name the later counts."""
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for item in objects:
        metadata = mapping(item.get("metadata"))
        place = text(item.get("kind")), text(metadata.get("namespace"))
        found.setdefault(place, {})[text(metadata.get("name"))] = item
    return found
