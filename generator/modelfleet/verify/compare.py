"""What was built against what was meant, object for object and key for key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Location, Pointer, pointer_in
from modelfleet.kubernetes.differences import ABSENT, differences, item_by_item
from modelfleet.kubernetes.json_patch import pointer_steps, pointer_text
from modelfleet.kubernetes.names import ACCOUNT_OF_TOKEN
from modelfleet.kubernetes.objects import group_of, same_value
from modelfleet.kubernetes.yaml import ParsedDocument, read_documents
from modelfleet.layout import file_name
from modelfleet.records import dataclass
from modelfleet.verify.cache import bases_of
from modelfleet.wording import plural, printable

_MAX_FILE_NAME = 200
_MOST_DIFFERENCES = 10  # of one object
MAX_QUOTED = 300  # characters of what a tool says
HAND_EDITED_HINT = "`modelfleet render --check` tells whether a generated file was edited"

ClusterIdentity = tuple[str, str, str, str]
"""Group, kind, namespace and name: what an object is in its cluster."""

Cause = Callable[[Mapping[str, Any], Pointer], tuple[Location, str] | None]
"""Where in the hand-written files a part of an object comes from, and what the field there is called."""

_TOKEN = "kubernetes.io/service-account-token"


@dataclass(frozen=True, slots=True)
class ExpectedOverlay:
    """One overlay: its folder relative to the root, and the complete objects that it has to build to.

    `cause` finds what a fault in an object comes from; without it, the generated file has to do.
    """

    environment: str
    folder: str
    objects: tuple[Mapping[str, Any], ...]
    cause: Cause | None = None


def cluster_identity(item: Mapping[str, Any]) -> ClusterIdentity:
    """What no two objects of a cluster share."""
    metadata = item.get("metadata") or {}
    namespace, name = str(metadata.get("namespace", "")), str(metadata.get("name", ""))
    return (group_of(item), str(item.get("kind")), namespace, name)


# ---- comparing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OverlayObject:
    """An object of an overlay of which something is to be said."""

    root: Path
    overlay: ExpectedOverlay
    item: Mapping[str, Any]

    def finding(self, code: str, pointer: Pointer, message: str, hint: str = "") -> Finding:
        """What is said of a part of the object, at its line in the generated file."""
        return Finding(
            at=_place(self, pointer),
            code=code,
            path=pointer_text(pointer),
            message=message,
            hint=hint,
            environments=(self.overlay.environment,),
        )

    def refused(self, code: str, pointer: Pointer, what: str, by: str) -> Finding:
        """What a schema says of it. It may quote values, so nothing of that is shown where they could be secrets."""
        shown = "does not fit its schema" if self.item["kind"] == "Secret" else printable(what)[:MAX_QUOTED]
        cause = self.overlay.cause(self.item, pointer) if self.overlay.cause else None
        if cause is None:
            return self.finding(code, pointer, f"{_named(self.item)}: {shown} ({by})")
        there = f"{pointer_text(pointer)}: " if pointer else ""
        found = self.finding(code, pointer, f"{_named(self.item)}: {there}{shown} ({by})")
        return replace(found, at=cause[0], path=cause[1], see=found.at)


def compare_built(root: Path, one: ExpectedOverlay, built: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Where the objects that were built are not those that were meant."""
    wanted = {cluster_identity(item): item for item in one.objects}
    found = {cluster_identity(item): item for item in built}
    findings = []
    for key in wanted.keys() - found.keys():
        message = f"kustomize does not build {_named(wanted[key])}, which was meant"
        findings.append(OverlayObject(root, one, wanted[key]).finding("VER002", (), message, HAND_EDITED_HINT))
    for key in found.keys() - wanted.keys():
        message = f"kustomize builds {_named(found[key])}, which was not meant"
        findings.append(OverlayObject(root, one, found[key]).finding("VER003", (), message, HAND_EDITED_HINT))
    for key in wanted.keys() & found.keys():
        if not same_value(wanted[key], found[key]):
            findings += _differences(OverlayObject(root, one, found[key]), wanted[key])
    return sorted(findings, key=lambda finding: finding.order)


def foreign_secrets(root: Path, one: ExpectedOverlay, built: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Secrets that are not a bare token of one of the overlay's own ServiceAccounts: Argo CD may apply no others.

    This does not ask what was meant: it is the other half of the AppProject, which can allow kinds alone.
    """
    accounts = {cluster_identity(item)[2:] for item in built if cluster_identity(item)[:2] == ("", "ServiceAccount")}
    for item in built:
        if cluster_identity(item)[:2] != ("", "Secret"):
            continue
        metadata = item.get("metadata") or {}
        owner = str((metadata.get("annotations") or {}).get(ACCOUNT_OF_TOKEN))
        if item.get("type") != _TOKEN:
            wrong = f"its type is not {_TOKEN}"
        elif held := sorted(item.keys() & {"data", "stringData"}):
            wrong = f"it has {held[0]}, which the cluster fills in"
        elif (str(metadata.get("namespace", "")), owner) not in accounts:
            wrong = f"{ACCOUNT_OF_TOKEN} names no ServiceAccount of this folder"
        else:
            continue
        message = f"{_named(item)} is not a token of a model: {wrong}"
        hint = "write tokens into the spec; every other secret belongs in the environment's store"
        yield replace(OverlayObject(root, one, item).finding("VER005", (), message, hint), policy=True)


def _named(item: Mapping[str, Any]) -> str:
    _, kind, namespace, name = cluster_identity(item)
    return f"{kind} {name!r}" + (f" in namespace {namespace!r}" if namespace else "")


def _differences(built: OverlayObject, wanted: Mapping[str, Any]) -> Iterator[Finding]:
    what = f"{_named(built.item)} as built"
    differing = differences(wanted, built.item, item_by_item)
    for step in differing[:_MOST_DIFFERENCES]:
        pointer = step.pointer
        if step.after is ABSENT:
            message = f"lacks {_shown(wanted, pointer, step.before)}, which was meant"
        elif step.before is ABSENT:
            message = f"has {_shown(built.item, pointer, step.after)}, which was not meant"
        else:
            meant = _shown(wanted, pointer, step.before)
            message = f"has {_shown(built.item, pointer, step.after)}, but {meant} was meant"
        yield built.finding("VER004", pointer, f"{what} {message}", HAND_EDITED_HINT)
    if len(differing) > _MOST_DIFFERENCES:
        more = plural(len(differing) - _MOST_DIFFERENCES, "more place")
        yield built.finding("VER004", (), f"{what} differs from what was meant in {more}", HAND_EDITED_HINT)


def _shown(item: Mapping[str, Any], pointer: Pointer, value: object) -> str:
    """Who edits a generated file may have put a secret there."""
    from modelfleet.spec.secret_names import naming
    from modelfleet.spec.secret_shapes import HIDDEN
    from modelfleet.spec.secrets import redacted

    parent: Any = item
    for step in pointer[:-1]:
        parent = parent[step]
    return HIDDEN if item["kind"] == "Secret" else redacted(value, naming(parent, pointer[-1]) or "")


def _place(subject: OverlayObject, pointer: Pointer) -> Location:
    """Where it is written: the step of the overlay's patch, else the object in the overlay, else in its base."""
    root, top = subject.root, subject.overlay.folder
    _, kind, _, name = cluster_identity(subject.item)
    own = file_name(kind, name)
    if "/" in own or len(own) > _MAX_FILE_NAME:  # what is built may be called anything
        return Location(f"{top}/kustomization.yaml")
    for folder in (top, *bases_of(root, top)):
        for file in (f"{folder}/patch-{own}", f"{folder}/{own}"):
            if (root / file).is_file() and (place := _place_in(root, file, pointer)):
                return place
    return Location(f"{top}/kustomization.yaml")


def _place_in(root: Path, file: str, pointer: Pointer) -> Location | None:
    """None where the file is a patch that does not touch it."""
    part = next(read_documents((root / file).read_bytes(), file), None)
    if not isinstance(part, ParsedDocument):
        return Location(file)
    if not isinstance(part.data, list):
        return part.at(pointer)
    for index, step in enumerate(part.data):
        path = pointer_of_text(str(step.get("path", "")), None) if isinstance(step, dict) else ()
        if pointer and path == tuple(map(str, pointer[: len(path)])):
            return part.at((index, "value", *pointer[len(path) :]))
    return None


def pointer_of_text(text: str, item: Any) -> Pointer:
    """A JSON pointer as the steps that lead into an object."""
    return pointer_in(item, pointer_steps(text))
