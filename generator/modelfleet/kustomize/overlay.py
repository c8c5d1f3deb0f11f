"""Kustomize bases and overlays from objects: what differs becomes a JSON 6902 patch, what is new a resource.

`built` does to such a folder what `kustomize build` does (the few of its transformers that are used), so that every
overlay is known to build to exactly what was meant before the real kustomize is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelfleet.kubernetes.differences import KnownDifferences
from modelfleet.kubernetes.json_patch import PatchStep, apply_patch, patch_between
from modelfleet.kubernetes.objects import Identity, Object, ObjectsByIdentity, by_identity, same_value
from modelfleet.layout import file_name
from modelfleet.records import dataclass


@dataclass(frozen=True, slots=True)
class Patch:
    """Steps for one object of the base; no steps remove it."""

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


def overlay(base: ObjectsByIdentity, wanted: ObjectsByIdentity, namespace: str) -> Overlay:
    """The overlay that makes the wanted objects of the base."""
    patches = []
    known: KnownDifferences = {}
    for key, old in base.items():
        new = wanted.get(key)
        if new is old:
            continue
        steps = None if new is None else tuple(_difference(old, new, known))
        if steps is None or steps:
            patches.append(Patch(key, str(old["apiVersion"]), str(old["metadata"]["name"]), steps))
    resources = tuple(item for key, item in wanted.items() if key not in base)
    return Overlay(namespace, resources, tuple(patches))


def _difference(old: Object, new: Object, known: KnownDifferences) -> list[PatchStep]:
    named = _named(new, old)
    return patch_between(old, named, known if named is new else None)  # only what stays has an id


def _named(new: Object, old: Object) -> Object:
    """A Namespace gets its name from kustomize, not from a patch."""
    if new["kind"] != "Namespace":
        return new
    return {**new, "metadata": {**new["metadata"], "name": old["metadata"]["name"]}}


def build_in_memory(base: ObjectsByIdentity, layer: Overlay) -> dict[Identity, Object]:
    """What `kustomize build` makes of the overlay, before it puts everything into the namespace."""
    found = dict(base)
    for patch in layer.patches:
        item = found.pop(patch.target)
        if patch.steps is not None:
            found[patch.target] = apply_patch(item, patch.steps)
    return found | by_identity(layer.resources)


def mismatches(base: ObjectsByIdentity, layer: Overlay, wanted: ObjectsByIdentity) -> list[Identity]:
    """The objects that the overlay does not build as they are wanted: none, or there is a bug of ours."""
    found = build_in_memory(base, layer)
    patched = {patch.target for patch in layer.patches}
    wrong = list(found.keys() ^ wanted.keys())
    for key in found.keys() & wanted.keys():
        item = found[key]
        meant = _named(wanted[key], item)
        # What no patch touches was found to be the same when the overlay was made; equality is enough to see a mix-up.
        if item is not meant and not (same_value(item, meant) if key in patched else item == meant):
            wrong.append(key)
    return sorted(wrong)


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
