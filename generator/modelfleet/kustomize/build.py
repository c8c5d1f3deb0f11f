"""What a committed folder of generated files builds to: here, as kustomize would do it, or with the real one.

Nothing is checked out. What this cannot build, somebody's own kustomization, is said and left to the real one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from modelfleet.kubernetes.json_patch import PatchFailed, apply_patch
from modelfleet.kubernetes.kinds import cluster_kinds
from modelfleet.kubernetes.objects import Object, group_of, with_namespace
from modelfleet.kubernetes.shape import without_nulls, wrong_shape
from modelfleet.kubernetes.yaml import UnreadableYaml, yaml_documents
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.spec.secret_names import redacted_pointer
from modelfleet.wording import printable

_KUSTOMIZATION = "kustomization.yaml"
KUSTOMIZE_SECONDS = 60.0
_DEEPEST = 8


_MAX_VALUES = 100_000  # of a file with its aliases written out


class NotBuilt(Exception):
    """Something in a committed folder that only the real kustomize can build; the text says what."""


class HostileFile(Exception):
    """A committed file that is not read, by us or by the real kustomize; the text says which and why."""


@dataclass(frozen=True, slots=True)
class BuiltOverlay:
    """What a committed overlay makes: the namespace that it sets, and the objects."""

    namespace: str | None
    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """Committed files by path. What is in them is remembered by their ids: environments share their bases."""

    contents: Mapping[str, bytes]
    blobs: Mapping[str, str]
    known: dict[str, list[Any]]

    def documents(self, path: str) -> list[Any]:
        """What a file holds. Raises `NotBuilt` where it is not there or no YAML."""
        if path not in self.contents:
            message = f"{printable(path)} is not there"
            raise NotBuilt(message)
        blob = self.blobs[path]
        if blob not in self.known:
            try:
                found = yaml_documents(self.contents[path], _MAX_VALUES, alike=True)
            except UnreadableYaml as error:
                message = f"{printable(path)} cannot be read"
                raise NotBuilt(message) from error
            self.known[blob] = [without_nulls(item) for item in found if item]
        return self.known[blob]

    def document(self, path: str) -> Any:
        """The one document of a file."""
        found = self.documents(path)
        if len(found) != 1:
            message = f"{printable(path)} does not hold one document"
            raise NotBuilt(message)
        return found[0]


@dataclass(frozen=True, slots=True)
class KnownObjects:
    """What files are known to come to in a namespace, by path: those that a fresh render writes, too, and patches nowhere."""

    namespace: str
    objects: Mapping[str, Object]


NOTHING_KNOWN = KnownObjects("", {})


def build_overlay(folder: str, texts: Texts, known: KnownObjects = NOTHING_KNOWN, depth: int = 0) -> BuiltOverlay:
    """What `kustomize build` makes of a folder of generated files. Raises `NotBuilt` where it is not sure."""
    kustomization = texts.document(f"{folder}/{_KUSTOMIZATION}")
    if not isinstance(kustomization, dict) or depth > _DEEPEST:
        message = f"{folder}/{_KUSTOMIZATION} is not a kustomization"
        raise NotBuilt(message)
    if odd := sorted(map(str, kustomization.keys() - {"apiVersion", "kind", "namespace", "resources", "patches"})):
        message = f"{folder}/{_KUSTOMIZATION} has {printable(odd[0])}"
        raise NotBuilt(message)
    for field, kind in (("resources", str), ("patches", dict)):
        given = kustomization.get(field, [])
        if not isinstance(given, list) or not all(isinstance(entry, kind) for entry in given):
            message = f"{folder}/{_KUSTOMIZATION} has {field} of another form"
            raise NotBuilt(message)
    namespace = kustomization.get("namespace")
    if not isinstance(namespace, str | None):
        message = f"{folder}/{_KUSTOMIZATION} has an unexpected kind of namespace"
        raise NotBuilt(message)
    if str(namespace) != known.namespace and (namespace is not None or depth == 0):
        known = NOTHING_KNOWN
    objects: list[Object] = []
    for entry in kustomization.get("resources") or ():
        path = _joined(folder, str(entry))
        if path in known.objects:
            objects.append(known.objects[path])
        elif f"{path}/{_KUSTOMIZATION}" in texts.contents:
            objects += build_overlay(path, texts, known, depth + 1).objects
        else:
            objects += _objects(path, texts)
    for entry in kustomization.get("patches") or ():
        objects = _patched(folder, entry, objects, texts)
    if namespace is not None:
        objects = [with_namespace(item, str(namespace)) for item in objects]
    return BuiltOverlay(None if namespace is None else str(namespace), tuple(objects))


def _joined(folder: str, entry: str) -> str:
    steps: list[str] = []
    for step in PurePosixPath(folder, entry).parts:
        if step == ".." and steps:
            steps.pop()
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def _is_foreign(group: str, kind: str) -> bool:
    """Whether it is an instruction for kustomize, or an object without a namespace other than the project's Namespace."""
    return group.endswith("kustomize.config.k8s.io") or (kind in cluster_kinds() and kind != "Namespace")


def _objects(path: str, texts: Texts) -> list[Object]:
    found = texts.documents(path)
    for item in found:
        named = isinstance(item, dict) and isinstance(item.get("metadata"), dict) and "name" in item["metadata"]
        kind = item.get("kind") if named and item.get("apiVersion") else None
        if not isinstance(kind, str) or _is_foreign(group_of(item), kind):
            message = f"{printable(path)} holds something other than a namespaced object"
            raise NotBuilt(message)
    check_shapes(path, found)
    for item in found:
        subjects = item.get("subjects", ())
        if item["kind"] == "RoleBinding" and not (subjects and all(isinstance(one, dict) for one in subjects)):
            message = f"{printable(path)} binds a role to nobody"
            raise NotBuilt(message)
    return found


def check_shapes(path: str, objects: Iterable[Object]) -> None:
    """Raises HostileFile for an object that holds something else than those who read it expect."""
    for item in objects:
        if wrong := wrong_shape(item):
            pointer, wanted = wrong
            message = f"{printable(path)}: {redacted_pointer(pointer)} must be {wanted}"
            raise HostileFile(message)


def refuse_hostile(contents: Mapping[str, bytes]) -> None:
    """Raises HostileFile for what would keep the real kustomize busy: bombs of aliases, and what nests without end."""
    for path, content in contents.items():
        try:
            yaml_documents(content, _MAX_VALUES)
        except UnreadableYaml as error:
            message = f"{printable(path)}:{error.line}:{error.column}: {error.message}"
            raise HostileFile(message) from error


def _patched(folder: str, entry: Any, objects: list[Object], texts: Texts) -> list[Object]:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or entry.keys() - {"path", "target"}:
        message = f"{folder}/{_KUSTOMIZATION} has an unexpected kind of patch"
        raise NotBuilt(message)
    path = _joined(folder, entry["path"])
    patch = texts.document(path)
    if isinstance(patch, dict) and patch.get("$patch") == "delete" and isinstance(patch.get("metadata"), dict):
        gone = (patch.get("apiVersion"), patch.get("kind"), patch["metadata"].get("name"))
        return [item for item in objects if (item["apiVersion"], item["kind"], item["metadata"]["name"]) != gone]
    if not isinstance(patch, list) or not isinstance(entry.get("target"), dict):
        message = f"{printable(path)} is not a JSON 6902 patch"
        raise NotBuilt(message)
    chosen = _chooser(entry["target"])
    try:
        return [apply_patch(item, tuple(patch)) if chosen(item) else item for item in objects]
    except (PatchFailed, KeyError, TypeError, AttributeError) as error:
        message = f"{printable(path)} does not apply"
        raise NotBuilt(message) from error


_PARTS: Mapping[str, Callable[[Object], str]] = {
    "name": lambda item: str(item["metadata"]["name"]),
    "kind": lambda item: str(item["kind"]),
    "version": lambda item: str(item["apiVersion"]).rpartition("/")[2],
    "group": group_of,
}

_WORD = lazy_pattern(r"[A-Za-z0-9-]*")
_SIMPLE = lazy_pattern(
    r"[^*+?{]*+(?:(?<!\))[*+?][^*+?{]*+)?"
)  # one repetition, and of no group: a longer text takes longer, no more


def _chooser(target: Mapping[str, Any]) -> Callable[[Object], bool]:
    """Each part of a target is a regular expression for the whole of what it speaks of, and nearly always a mere word."""
    if target.keys() - _PARTS.keys():
        message = "a patch selects its objects by something other than group, version, kind and name"
        raise NotBuilt(message)
    wanted = [(part, str(target[key])) for key, part in _PARTS.items() if key in target]
    words = [(part, text) for part, text in wanted if _WORD.fullmatch(text)]
    if not all(_SIMPLE.fullmatch(text) for _, text in wanted):
        message = "a patch selects its objects by a pattern that could take forever"
        raise NotBuilt(message)
    try:
        patterns = [(part, re.compile(text)) for part, text in wanted if not _WORD.fullmatch(text)]
    except re.error as error:
        message = "a patch selects its objects by an invalid pattern"
        raise NotBuilt(message) from error

    def chosen(item: Object) -> bool:
        alike = all(part(item) == text for part, text in words)
        return alike and all(pattern.fullmatch(part(item)) for part, pattern in patterns)

    return chosen
