"""Kustomize bases and overlays from objects: what differs becomes a JSON 6902 patch, what is new a resource.

`build` does to such a folder what `kustomize build` does (the few of its transformers that are used), so that every
overlay is known to build to exactly what was meant before the real kustomize is asked.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.model import Object
from generator.rules.patches import apply

Identity = tuple[str, str, str]
"""Group, kind and name: what an object is within its namespace."""


def group_of(item: Mapping[str, Any]) -> str:
    """The API group; empty for the core."""
    group, slash, _ = str(item["apiVersion"]).partition("/")
    return group if slash else ""


def identity(item: Mapping[str, Any]) -> Identity:
    """A Namespace is the one of the overlay, whatever it is called: kustomize gives it the overlay's `namespace`."""
    name = "" if item["kind"] == "Namespace" else str(item["metadata"]["name"])
    return (group_of(item), str(item["kind"]), name)


def placed(item: Object, namespace: str) -> Object:
    """The object as kustomize's `namespace:` leaves it."""
    metadata = item["metadata"]
    if item["kind"] == "Namespace":
        return {**item, "metadata": {**metadata, "name": namespace}}
    found = {**item, "metadata": {"name": metadata["name"], "namespace": namespace, **metadata}}
    if item["kind"] == "RoleBinding":
        found["subjects"] = [
            {**subject, "namespace": namespace} if subject.get("kind") == "ServiceAccount" else subject
            for subject in item["subjects"]
        ]
    return found


def difference(old: Any, new: Any, path: str = "") -> list[dict[str, Any]]:
    """The JSON 6902 steps that make one value of another; a list that differs is replaced whole."""
    if same(old, new):
        return []
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [{"op": "replace", "path": path, "value": new}]
    steps: list[dict[str, Any]] = []
    for key, value in new.items():
        inner = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in old:
            steps.append({"op": "add", "path": inner, "value": value})
        else:
            steps += difference(old[key], value, inner)
    for key in old:
        if key not in new:
            steps.append({"op": "remove", "path": f"{path}/{key.replace('~', '~0').replace('/', '~1')}"})
    return steps


def same(one: Any, other: Any) -> bool:
    """Equality in which true is not 1. Nearly always both are alike to the byte, which C code finds out."""
    return bool(one == other) and (marshal.dumps(one, 2) == marshal.dumps(other, 2) or _alike(one, other))


def _alike(one: Any, other: Any) -> bool:
    """Whether equal values are of the same types throughout."""
    if isinstance(one, dict):
        return all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return all(map(_alike, one, other))
    return type(one) is type(other)


@dataclass(frozen=True, slots=True)
class Patch:
    """Steps for one object of the base; no steps take it away."""

    target: Identity
    version: str
    name: str
    steps: tuple[dict[str, Any], ...] | None


@dataclass(frozen=True, slots=True)
class Overlay:
    """What one environment adds to a base."""

    namespace: str
    resources: tuple[Object, ...]
    patches: tuple[Patch, ...]


def overlay(base: Sequence[Object], wanted: Sequence[Object], namespace: str) -> Overlay:
    """The overlay that makes the wanted objects of the base."""
    below = {identity(item): item for item in base}
    above = {identity(item): item for item in wanted}
    patches = []
    for key, old in below.items():
        new = above.get(key)
        steps = None if new is None else tuple(difference(old, _named(new, old)))
        if steps is None or steps:
            patches.append(Patch(key, str(old["apiVersion"]), str(old["metadata"]["name"]), steps))
    resources = tuple(item for key, item in above.items() if key not in below)
    return Overlay(namespace, resources, tuple(patches))


def _named(new: Object, old: Object) -> Object:
    """A Namespace gets its name from kustomize, not from a patch."""
    if new["kind"] != "Namespace":
        return new
    return {**new, "metadata": {**new["metadata"], "name": old["metadata"]["name"]}}


def build(base: Sequence[Object], layer: Overlay) -> list[Object]:
    """What `kustomize build` makes of the overlay."""
    patches = {patch.target: patch for patch in layer.patches}
    built = []
    for item in (*base, *layer.resources):
        patch = patches.get(identity(item))
        if patch is None:
            built.append(placed(item, layer.namespace))
        elif patch.steps is not None:
            built.append(placed(apply(item, patch.steps), layer.namespace))
    return built


# ---- files -----------------------------------------------------------------------------------------------------------


def file_name(kind: str, name: str) -> str:
    """The file of an object."""
    return f"{kind}-{name}.yaml".lower()


def base_files(base: Iterable[Object]) -> dict[str, Any]:
    """The base's files as data, by name."""
    files: dict[str, Any] = {file_name(item["kind"], item["metadata"]["name"]): item for item in base}
    return {"kustomization.yaml": _kustomization(None, list(files), []), **files}


def overlay_files(layer: Overlay, base: str) -> dict[str, Any]:
    """The overlay's files as data, by name; `base` is the relative path of its base."""
    files: dict[str, Any] = {file_name(item["kind"], item["metadata"]["name"]): item for item in layer.resources}
    resources = [base, *files]
    patches: list[dict[str, Any]] = []
    for patch in layer.patches:
        group, kind, _ = patch.target
        version = patch.version.rpartition("/")[2]
        name = "patch-" + file_name(kind, patch.name)
        target = {"group": group, "version": version, "kind": kind, "name": patch.name}
        if patch.steps is None:
            gone: Object = {
                "$patch": "delete",
                "apiVersion": patch.version,
                "kind": kind,
                "metadata": {"name": patch.name},
            }
            files[name] = gone
            patches.append({"path": name})
        else:
            files[name] = list(patch.steps)
            patches.append({"path": name, "target": {key: text for key, text in target.items() if text}})
    return {"kustomization.yaml": _kustomization(layer.namespace, resources, patches), **files}


def _kustomization(namespace: str | None, resources: list[str], patches: list[Any]) -> dict[str, Any]:
    whole = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": resources,
        "patches": patches or None,
    }
    return {key: value for key, value in whole.items() if value is not None}
