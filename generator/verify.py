"""Proves the generated tree with the real tools: every overlay builds to exactly what was meant, and clusters take it.

What kustomize builds is compared object for object, key for key and type for type; then kubeconform and the schemas of
kubernetes-validate judge it. An overlay that was found good before is not built again as long as its files, its
objects, the tools and the schemas are the same. What is meant is settled elsewhere, and nothing is repaired here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from generator.api_schemas import Schemas
from generator.crds import bundled_schemas
from generator.finding import Finding, Location, Pointer, plural, pointer_in, printable
from generator.kubernetes_yaml import Built, objects_of
from generator.overlay import file_name, group_of, same
from generator.processes import Done
from generator.rules.patches import escaped, steps_of
from generator.toolbox import Say
from generator.tools import Tool, kubeconform, kustomize_builds
from generator.verified import bases_of, folder_content, key_of, remember, remembered

_BATCH_OBJECTS = 100  # kustomize's time grows with the square of the objects in a build; a process costs it 15 ms
_BATCH_OVERLAYS = 100
_TELL_S = 5.0  # between two words about how far it is
_MOST_DIFFERENCES = 10  # of one object
_MOST_SHOWN = 300  # characters of what a tool says

_EDITED = "`modelfleet render --check` tells whether a generated file was edited"

Identity = tuple[str, str, str, str]
"""Group, kind, namespace and name: what an object is in its cluster."""


Cause = Callable[[Mapping[str, Any], Pointer], tuple[Location, str] | None]
"""Where in the hand-written files a part of an object comes from, and what the field there is called."""


@dataclass(frozen=True, slots=True)
class Meant:
    """One overlay: its folder relative to the root, and the complete objects that it has to build to.

    `cause` finds what a fault in an object comes from; without it, the generated file has to do.
    """

    environment: str
    folder: str
    objects: tuple[Mapping[str, Any], ...]
    cause: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was verified: all overlays and objects, how many overlays were known to be good, and what is wrong."""

    overlays: int
    objects: int
    unchanged: int
    findings: tuple[Finding, ...]


def verify(
    root: Path, meant: Sequence[Meant], tools: Mapping[str, Tool], schemas: Mapping[str, Schemas], say: Say
) -> Verified:
    """Builds and checks every overlay. `tools` by name, `schemas` by environment. Raises MachineFailed.

    VER001 to VER005, for what kustomize builds, point into the generated files; VER010 to VER012, for what kubeconform
    says of it, and VER020, for kubernetes-validate, into the hand-written file that caused it, where that is known.
    """
    content = cache(partial(folder_content, root))
    used = {name: [*map(str, tools.values()), found.key] for name, found in schemas.items()}
    keys = {one.folder: key_of(one.folder, one.objects, used[one.environment], content) for one in meant}
    known = {name: remembered(root, name) for name in {one.environment for one in meant}}
    fresh = [one for one in meant if known[one.environment].get(one.folder) != keys[one.folder]]
    findings = _judged(root, fresh, tools, schemas, say) if fresh else {}
    for name, old in known.items():
        good = [one.folder for one in fresh if one.environment == name and not findings[one.folder]]
        remember(root, name, old | {folder: keys[folder] for folder in good})
    return Verified(
        overlays=len(meant),
        objects=sum(len(one.objects) for one in meant),
        unchanged=len(meant) - len(fresh),
        findings=tuple(wrong for found in findings.values() for wrong in found),
    )


def _judged(
    root: Path, meant: Sequence[Meant], tools: Mapping[str, Tool], schemas: Mapping[str, Schemas], say: Say
) -> dict[str, list[Finding]]:
    """What is wrong with each overlay."""
    total = plural(len(meant), "overlay")
    say(f"building {total} with {tools['kustomize']}")
    told = time.monotonic()
    findings: dict[str, list[Finding]] = {one.folder: [] for one in meant}
    built: dict[str, list[Built]] = {}
    for one, outcome in _builds(root, meant, tools["kustomize"]):
        if isinstance(outcome, Finding):
            findings[one.folder].append(outcome)
            continue
        built[one.folder] = outcome
        items = [each.item for each in outcome]
        findings[one.folder] += [*compare(root, one, items), *foreign_secrets(root, one, items)]
        if time.monotonic() - told > _TELL_S:
            told = time.monotonic()
            say(f"built {len(built)} of {total}")
    for found, group in _grouped(schemas, meant):
        checked = [one for one in group if built.get(one.folder)]
        for folder, wrong in _conforming(root, checked, built, (tools["kubeconform"], found), say):
            findings[folder].append(wrong)
    return findings


def _grouped(schemas: Mapping[str, Schemas], meant: Sequence[Meant]) -> Iterator[tuple[Schemas, list[Meant]]]:
    """Overlays that are checked with the same schemas: a run costs kubeconform their compilation."""
    for found in dict.fromkeys(schemas[one.environment] for one in meant):
        yield found, [one for one in meant if schemas[one.environment] == found]


# ---- building --------------------------------------------------------------------------------------------------------


def _builds(root: Path, meant: Sequence[Meant], tool: Tool) -> Iterator[tuple[Meant, list[Built] | Finding]]:
    """Every overlay with what it builds to. A batch that does not build to its objects is built again one by one."""
    batches = list(_batches(meant))
    for batch, outcome in _run(root, batches, tool):
        parts = _split(batch, outcome) if len(batch) > 1 else None
        if parts is not None:
            yield from parts
            continue
        alone = [(batch, outcome)] if len(batch) == 1 else _run(root, [[one] for one in batch], tool)
        for (one,), done in alone:
            yield one, objects_of(done.out) if done.code == 0 else _no_build(root, one, done)


def _run(root: Path, batches: Sequence[list[Meant]], tool: Tool) -> Iterator[tuple[list[Meant], Done]]:
    """A batch's time limit lies far above what its objects need."""
    asked = [
        ([root / one.folder for one in batch], 60 + 0.2 * sum(len(one.objects) for one in batch)) for batch in batches
    ]
    return zip(batches, kustomize_builds(tool, asked), strict=True)


def _batches(meant: Iterable[Meant]) -> Iterator[list[Meant]]:
    """Overlays of one environment each: two environments may hold the same namespaces and names."""
    batch: list[Meant] = []
    objects = 0
    for one in sorted(meant, key=lambda one: (one.environment, one.folder)):
        full = objects + len(one.objects) > _BATCH_OBJECTS or len(batch) == _BATCH_OVERLAYS
        if batch and (full or batch[0].environment != one.environment):
            yield batch
            batch, objects = [], 0
        batch.append(one)
        objects += len(one.objects)
    if batch:
        yield batch


def _split(batch: list[Meant], done: Done) -> list[tuple[Meant, list[Built] | Finding]] | None:
    """The batch's objects by overlay; None where they are not those that were meant: nobody knows whose they are."""
    owners = {identity(item): one.folder for one in batch for item in one.objects}
    if done.code or len(owners) != sum(len(one.objects) for one in batch):
        return None
    parts: dict[str, list[Built]] = {one.folder: [] for one in batch}
    for each in objects_of(done.out):
        owner = owners.pop(identity(each.item), None)
        if owner is None:
            return None
        parts[owner].append(each)
    return None if owners else [(one, parts[one.folder]) for one in batch]


def identity(item: Mapping[str, Any]) -> Identity:
    """What no two objects of a cluster share."""
    metadata = item.get("metadata") or {}
    namespace, name = str(metadata.get("namespace", "")), str(metadata.get("name", ""))
    return (group_of(item), str(item.get("kind")), namespace, name)


def _no_build(root: Path, one: Meant, done: Done) -> Finding:
    said = done.complaint.replace(f"{root.resolve()}/", "").removeprefix("Error: ")
    return Finding(
        at=Location(f"{one.folder}/kustomization.yaml"),
        code="VER001",
        message=f"kustomize cannot build it: {said[:_MOST_SHOWN]}",
        hint=_EDITED,
        environments=(one.environment,),
    )


# ---- comparing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Subject:
    """An object of an overlay of which something is to be said."""

    root: Path
    overlay: Meant
    item: Mapping[str, Any]

    def finding(self, code: str, pointer: Pointer, message: str, hint: str = "") -> Finding:
        return Finding(
            at=_place(self, pointer),
            code=code,
            path=_pointer_text(pointer),
            message=message,
            hint=hint,
            environments=(self.overlay.environment,),
        )

    def refused(self, code: str, pointer: Pointer, what: str, by: str) -> Finding:
        """What a schema says of it. It may quote values, so nothing of that is shown where they could be secrets."""
        shown = "does not fit its schema" if self.item["kind"] == "Secret" else printable(what)[:_MOST_SHOWN]
        cause = self.overlay.cause(self.item, pointer) if self.overlay.cause else None
        if cause is None:
            return self.finding(code, pointer, f"{_named(self.item)}: {shown} ({by})")
        there = f"{_pointer_text(pointer)}: " if pointer else ""
        found = self.finding(code, pointer, f"{_named(self.item)}: {there}{shown} ({by})")
        return replace(found, at=cause[0], path=cause[1], see=found.at)


def compare(root: Path, one: Meant, built: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Where the objects that were built are not those that were meant."""
    wanted = {identity(item): item for item in one.objects}
    found = {identity(item): item for item in built}
    findings = []
    for key in wanted.keys() - found.keys():
        message = f"kustomize builds no {_named(wanted[key])}, which was meant"
        findings.append(_Subject(root, one, wanted[key]).finding("VER002", (), message, _EDITED))
    for key in found.keys() - wanted.keys():
        message = f"kustomize builds {_named(found[key])}, which was not meant"
        findings.append(_Subject(root, one, found[key]).finding("VER003", (), message, _EDITED))
    for key in wanted.keys() & found.keys():
        if not same(wanted[key], found[key]):
            findings += _differences(_Subject(root, one, found[key]), wanted[key])
    return sorted(findings, key=lambda finding: finding.order)


_TOKEN = "kubernetes.io/service-account-token"
_TOKEN_OF = "kubernetes.io/service-account.name"


def foreign_secrets(root: Path, one: Meant, built: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Secrets that are not a bare token of one of the overlay's own ServiceAccounts: Argo CD may apply no others.

    This does not ask what was meant: it is the other half of the AppProject, which can allow kinds alone.
    """
    accounts = {identity(item)[2:] for item in built if identity(item)[:2] == ("", "ServiceAccount")}
    for item in built:
        if identity(item)[:2] != ("", "Secret"):
            continue
        metadata = item.get("metadata") or {}
        owner = str((metadata.get("annotations") or {}).get(_TOKEN_OF))
        if item.get("type") != _TOKEN:
            wrong = f"its type is not {_TOKEN}"
        elif held := sorted(item.keys() & {"data", "stringData"}):
            wrong = f"it has {held[0]}, which the cluster fills in"
        elif (str(metadata.get("namespace", "")), owner) not in accounts:
            wrong = f"{_TOKEN_OF} names no ServiceAccount of this folder"
        else:
            continue
        message = f"{_named(item)} is no token of a model: {wrong}"
        hint = "write tokens into the spec; every other secret belongs into the environment's store"
        yield replace(_Subject(root, one, item).finding("VER005", (), message, hint), policy=True)


def _named(item: Mapping[str, Any]) -> str:
    _, kind, namespace, name = identity(item)
    return f"{kind} {name!r}" + (f" in namespace {namespace!r}" if namespace else "")


def _differences(built: _Subject, wanted: Mapping[str, Any]) -> Iterator[Finding]:
    what = f"{_named(built.item)} as built"
    differing = list(_differing(wanted, built.item, ()))
    for pointer, old, new in differing[:_MOST_DIFFERENCES]:
        if new is _ABSENT:
            message = f"lacks {_shown(wanted, pointer, old)}, which was meant"
        elif old is _ABSENT:
            message = f"has {_shown(built.item, pointer, new)}, which was not meant"
        else:
            message = f"has {_shown(built.item, pointer, new)}, but {_shown(wanted, pointer, old)} was meant"
        yield built.finding("VER004", pointer, f"{what} {message}", _EDITED)
    if len(differing) > _MOST_DIFFERENCES:
        more = plural(len(differing) - _MOST_DIFFERENCES, "more place")
        yield built.finding("VER004", (), f"{what} differs from what was meant in {more}", _EDITED)


def _shown(item: Mapping[str, Any], pointer: Pointer, value: object) -> str:
    """Who edits a generated file may have put a secret there."""
    from generator.secret import HIDDEN, shown
    from generator.secret_names import naming

    parent: Any = item
    for step in pointer[:-1]:
        parent = parent[step]
    return HIDDEN if item["kind"] == "Secret" else shown(value, naming(parent, pointer[-1]) or "")


_ABSENT: Any = object()


def _differing(wanted: Any, found: Any, pointer: Pointer) -> Iterator[tuple[Pointer, Any, Any]]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(wanted.keys() | found.keys(), key=str):
            yield from _differing(wanted.get(key, _ABSENT), found.get(key, _ABSENT), (*pointer, key))
    elif isinstance(wanted, list) and isinstance(found, list):
        for index in range(max(len(wanted), len(found))):
            old, new = (each[index] if index < len(each) else _ABSENT for each in (wanted, found))
            yield from _differing(old, new, (*pointer, index))
    elif not same(wanted, found):
        yield pointer, wanted, found


def _pointer_text(pointer: Pointer) -> str:
    return "".join(f"/{escaped(str(step))}" for step in pointer)


def _place(subject: _Subject, pointer: Pointer) -> Location:
    """Where it is written: the step of the overlay's patch, else the object in the overlay, else in its base."""
    root, top = subject.root, subject.overlay.folder
    _, kind, _, name = identity(subject.item)
    own = file_name(kind, name)
    for folder in (top, *bases_of(root, top)):
        for file in (f"{folder}/patch-{own}", f"{folder}/{own}"):
            if (root / file).is_file() and (place := _place_in(root, file, pointer)):
                return place
    return Location(f"{top}/kustomization.yaml")


def _place_in(root: Path, file: str, pointer: Pointer) -> Location | None:
    """None where the file is a patch that does not touch it."""
    import yaml

    try:
        top = yaml.compose((root / file).read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return Location(file)
    if not isinstance(top, yaml.SequenceNode):
        return _mark(file, top, pointer)
    for index, step in enumerate(yaml.SafeLoader(b"").construct_object(top, deep=True)):
        path = _pointer(str(step.get("path", "")), None) if isinstance(step, dict) else ()
        if pointer and path == tuple(map(str, pointer[: len(path)])):
            return _mark(file, top, (index, "value", *pointer[len(path) :]))
    return None


def _mark(file: str, node: Any, pointer: Pointer) -> Location:
    """Where the value begins, or the nearest around it that is there."""
    for step in pointer:
        entries: list[Any] = node.value if isinstance(node.value, list) else []
        if isinstance(step, int):
            below = entries[step : step + 1]
        else:
            below = [pair[1] for pair in entries if isinstance(pair, tuple) and pair[0].value == step]
        if not below:
            break
        node = below[0]
    return Location(file, node.start_mark.line + 1, node.start_mark.column + 1)


# ---- checking --------------------------------------------------------------------------------------------------------


def _conforming(
    root: Path, meant: Sequence[Meant], built: Mapping[str, list[Built]], by: tuple[Tool, Schemas], say: Say
) -> Iterator[tuple[str, Finding]]:
    """What kubeconform finds wrong, and kubernetes-validate with what kubeconform finds right; by overlay."""
    tool, schemas = by
    objects = sum(len(built[one.folder]) for one in meant)
    if not objects:
        return
    say(f"checking {plural(objects, 'object')} with {tool}")
    overlays = {one.folder: one for one in meant}
    streams = {folder: b"---\n".join(each.text for each in built[folder]) for folder in overlays}
    outcome = kubeconform(tool, schemas, streams)
    refused = set()
    for verdict in outcome.verdicts:
        items = [each.item for each in built[verdict.label]]
        item = next((item for item in items if _is(item, verdict.kind, verdict.name)), {"kind": verdict.kind})
        refused.add((verdict.label, verdict.kind, verdict.name))
        subject = _Subject(root, overlays[verdict.label], item)
        code = "VER010" if verdict.status == "invalid" else "VER011"
        for text, what in verdict.problems:
            yield verdict.label, subject.refused(code, _pointer(text, item), what, str(tool))
    seen = outcome.valid + outcome.skipped + len(outcome.verdicts)
    if outcome.skipped or seen != objects:
        yield from _not_seen(meant, f"{tool} judged {seen - outcome.skipped} of {plural(objects, 'object')}")
    for one in meant:
        for each in built[one.folder]:
            if (one.folder, each.item["kind"], each.item["metadata"]["name"]) not in refused:
                yield from _core(_Subject(root, one, each.item), schemas.kubernetes)


def _is(item: Mapping[str, Any], kind: str, name: str) -> bool:
    return bool(item["kind"] == kind and item["metadata"]["name"] == name)


def _not_seen(meant: Sequence[Meant], message: str) -> Iterator[tuple[str, Finding]]:
    """Which ones is not known, so none of the overlays counts as verified."""
    for one in meant:
        at = Location(f"{one.folder}/kustomization.yaml")
        yield one.folder, Finding(at=at, code="VER012", message=message, hint="nothing may be skipped; report this")


def _pointer(text: str, item: Any) -> Pointer:
    return pointer_in(item, steps_of(text))


def _core(subject: _Subject, kubernetes: str) -> Iterator[tuple[str, Finding]]:
    """kubernetes-validate's word on a kind of Kubernetes itself. A fast engine finds, the package itself explains."""
    item = subject.item
    validator = _validators(kubernetes)(str(item["kind"]), str(item["apiVersion"]))
    if validator is None or validator.is_valid(item):
        return
    import kubernetes_validate

    pointer: Pointer = ()
    what = "does not fit its schema"
    try:
        kubernetes_validate.validate(item, kubernetes, strict=True)
    except kubernetes_validate.ValidationError as error:
        pointer, what = tuple(error.absolute_path), error.message
    by = f"kubernetes-validate, Kubernetes {kubernetes}"
    yield subject.overlay.folder, subject.refused("VER020", pointer, what, by)


@lru_cache(maxsize=4)
def _validators(kubernetes: str) -> Any:
    """A validator by kind and apiVersion, None for kinds that are not Kubernetes' own; each is compiled once."""
    import jsonschema_rs

    folder = bundled_schemas(kubernetes)
    definitions = json.loads((folder / "_definitions.json").read_bytes())
    registry = jsonschema_rs.Registry([(definitions["$id"], definitions)])

    @cache
    def validator(kind: str, api_version: str) -> Any:
        named = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)  # the package's own rule
        path = folder / f"{kind.lower()}-{named}.json"
        if not path.is_file():
            return None
        return jsonschema_rs.Draft202012Validator(json.loads(path.read_bytes()), registry=registry)

    return validator
