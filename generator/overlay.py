"""Kustomize bases and overlays from objects: what differs becomes a JSON 6902 patch, what is new a resource.

`built` does to such a folder what `kustomize build` does (the few of its transformers that are used), so that every
overlay is known to build to exactly what was meant before the real kustomize is asked.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from generator.model import Object
from generator.rules.patches import apply, escaped

Identity = tuple[str, str, str]
"""Group, kind and name: what an object is within its namespace."""

Keyed = Mapping[Identity, Object]
"""The objects of one namespace."""


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


Step = dict[str, Any]
"""One step of a JSON 6902 patch."""

_Known = dict[tuple[int, int, str], list[Step]]
"""Differences by what they are of, and where: objects with one runtime share its spec, which is compared once."""


def difference(old: Any, new: Any, path: str = "", known: _Known | None = None) -> list[Step]:
    """The JSON 6902 steps that make one value of another; a list that differs is replaced whole."""
    if same(old, new):
        return []
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [{"op": "replace", "path": path, "value": new}]
    if known is None:
        return _steps(old, new, path, {})
    key = (id(old), id(new), path)
    if key not in known:
        known[key] = _steps(old, new, path, known)
    return known[key]


def _steps(old: Mapping[str, Any], new: Mapping[str, Any], path: str, known: _Known) -> list[Step]:
    steps: list[Step] = []
    for key, value in new.items():
        inner = f"{path}/{escaped(key)}"
        if key not in old:
            steps.append({"op": "add", "path": inner, "value": value})
        else:
            steps += difference(old[key], value, inner, known)
    for key in old:
        if key not in new:
            steps.append({"op": "remove", "path": f"{path}/{escaped(key)}"})
    return steps


def same(one: Any, other: Any) -> bool:
    """Equality in which true is not 1. Nearly always both are alike to the byte, which C code finds out."""
    if one is other or (isinstance(one, str) and one == other):
        return True
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


def keyed(items: Iterable[Object]) -> dict[Identity, Object]:
    """Objects by what they are within their namespace, in their order."""
    return {identity(item): item for item in items}


def overlay(base: Keyed, wanted: Keyed, namespace: str) -> Overlay:
    """The overlay that makes the wanted objects of the base."""
    patches = []
    known: _Known = {}
    for key, old in base.items():
        new = wanted.get(key)
        if new is old:
            continue
        steps = None if new is None else tuple(_difference(old, new, known))
        if steps is None or steps:
            patches.append(Patch(key, str(old["apiVersion"]), str(old["metadata"]["name"]), steps))
    resources = tuple(item for key, item in wanted.items() if key not in base)
    return Overlay(namespace, resources, tuple(patches))


def _difference(old: Object, new: Object, known: _Known) -> list[Step]:
    named = _named(new, old)
    return difference(old, named, known=known) if named is new else difference(old, named)  # only what stays has an id


def _named(new: Object, old: Object) -> Object:
    """A Namespace gets its name from kustomize, not from a patch."""
    if new["kind"] != "Namespace":
        return new
    return {**new, "metadata": {**new["metadata"], "name": old["metadata"]["name"]}}


def built(base: Keyed, layer: Overlay) -> dict[Identity, Object]:
    """What `kustomize build` makes of the overlay, before it puts everything into the namespace."""
    found = dict(base)
    for patch in layer.patches:
        item = found.pop(patch.target)
        if patch.steps is not None:
            found[patch.target] = apply(item, patch.steps)
    return found | keyed(layer.resources)


def unlike(base: Keyed, layer: Overlay, wanted: Keyed) -> list[Identity]:
    """The objects that the overlay does not build as they are wanted: none, or there is a bug of ours."""
    found = built(base, layer)
    patched = {patch.target for patch in layer.patches}
    wrong = list(found.keys() ^ wanted.keys())
    for key in found.keys() & wanted.keys():
        item = found[key]
        meant = _named(wanted[key], item)
        # What no patch touches was found to be the same when the overlay was made; equality is enough to see a mix-up.
        if item is not meant and not (same(item, meant) if key in patched else item == meant):
            wrong.append(key)
    return sorted(wrong)


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
