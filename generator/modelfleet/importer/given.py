"""The objects that are imported: read from files, folders or standard input, and the values of secrets dropped at once.

Nothing after this sees the value of a Secret, or what looks like one elsewhere: it is not kept, so that no file and no
message can hold it.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from modelfleet.admit.admit import STDIN, gather
from modelfleet.finding import Finding, Location, Pointer, Rejected, Severity
from modelfleet.importer.facts import is_kept_by_cluster, is_live, without_cluster_writes
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.kubernetes.shape import without_nulls, wrong_shape
from modelfleet.kubernetes.yaml import Unreadable, read_documents
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.resolve.connections import connection_kinds
from modelfleet.spec import secrets
from modelfleet.spec.load import Document, parse
from modelfleet.spec.secret_names import redacted_pointer
from modelfleet.spec.secret_shapes import HIDDEN

_OF_THE_CLUSTER = ("Node", "Infrastructure", "ClusterServiceVersion")
_KIND, _NAME = lazy_pattern(r"[A-Za-z][-A-Za-z0-9]{0,62}"), lazy_pattern(r"[^/%\x00-\x1f\x7f]{1,253}")
"""What the API server takes: a name becomes a part of a path."""
_SUFFIXES = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenObject:
    """An object without what a cluster wrote into it and without the values of secrets.

    `live`: a server gave it out. `owned`: another object is named as its owner. `of_cluster`: the cluster keeps it by
    itself. `keys` are those of a Secret, `settings` what of it is no secret; `hidden` are the places whose values were
    dropped elsewhere. `unfit` says why it could not even be searched for secrets; nothing of it is then kept.
    """

    object: Object
    at: Location
    live: bool
    owned: bool
    of_cluster: bool
    keys: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[Pointer, ...] = ()
    unfit: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    """What a Node, the cluster's Infrastructure and the like say of themselves; empty for other kinds."""

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.object["metadata"]["name"])

    @property
    def label(self) -> str:
        """Kind and name, as people write them."""
        return f"{self.kind}/{self.name}"

    @property
    def namespace(self) -> str | None:
        """The namespace it names."""
        found = self.object["metadata"].get("namespace")
        return None if found is None else str(found)


def read_given(
    sources: Sequence[str], stdin: Callable[[], bytes], unread: list[Finding] | None = None
) -> list[GivenObject]:
    """Every object of the sources; `-` stands for standard input. Of two with one identity the later counts.

    Raises Rejected for what cannot be read or is not an object, MachineFailed where a file cannot be opened. Where `unread`
    is given, what is so in a folder is noted there instead: such as patches of Kustomize and templates of a chart.
    """
    findings: list[Finding] = []
    found: dict[tuple[str, str, str, str], GivenObject] = {}
    for file in gather(_files(sources), None, stdin):
        refused = findings if unread is None or file.file in sources else unread
        for document in read_documents(file.content, file.file):
            if isinstance(document, Unreadable):
                refused.append(_finding(document.at, document.message, document.hint))
            elif (reason := _no_object(document.data)) is not None:
                refused.append(_finding(document.at(()), *reason))
            elif (wrong := wrong_shape(data := without_nulls(document.data))) is not None:
                pointer, wanted = wrong
                message = f"{redacted_pointer(pointer)} of {data['kind']} must be {wanted}"
                refused.append(_finding(document.at(pointer), message, "a cluster would refuse the object"))
            else:
                one = given_object(data, document.at(()))
                group = str(one.object["apiVersion"]).rpartition("/")[0]
                found[group, one.kind, one.namespace or "", one.name] = one
    if not found and not findings:
        where = "(stdin)" if STDIN in sources else sources[0]
        findings.append(_finding(Location(where), "there is no object in it", "name what `oc get ... -o yaml` printed"))
    if findings:
        raise Rejected(findings)
    return list(found.values())


def _files(sources: Sequence[str]) -> list[str]:
    """The files themselves, and those of folders that can hold objects."""
    found: list[str] = []
    for source in sources:
        if source != STDIN and Path(source).is_dir():
            inside = sorted(path for path in Path(source).rglob("*") if path.suffix in _SUFFIXES and path.is_file())
            found += [str(path) for path in inside if path.name not in _KUSTOMIZATIONS and not path.is_symlink()]
        else:
            found.append(source)
    return found


def _finding(at: Location, message: str, hint: str = "") -> Finding:
    return Finding(at=at, code="IMP001", message=message, hint=hint, severity=Severity.ERROR)


def _no_object(data: Any) -> tuple[str, str] | None:
    """Why a document is not an object of Kubernetes."""
    hint = "an import reads what `oc get ... -o yaml` or `kustomize build` prints"
    if not isinstance(data, dict):
        return "this is not a Kubernetes object", hint
    for key in ("apiVersion", "kind"):
        if not isinstance(data.get(key), str) or not data[key]:
            return f"the object has no {key}", hint
    if not _KIND.fullmatch(data["kind"]):
        return "the kind is not the name of a kind", hint
    name = mapping(data.get("metadata")).get("name")
    if not isinstance(name, str) or not name:
        return "the object has no metadata.name", hint
    if not _NAME.fullmatch(name) or name in (".", ".."):
        return "metadata.name is not the name of an object", hint
    return None


def given_object(data: Mapping[str, Any], at: Location) -> GivenObject:
    """An object as it is kept: values of secrets go before anything else is done with it."""
    raw: Object = deepcopy(dict(data))
    keys, settings = _without_values(raw) if raw["kind"] in ("Secret", "SealedSecret") else ((), {})
    one = GivenObject(
        object=without_cluster_writes(raw),
        at=at,
        live=is_live(raw),
        owned=bool(raw["metadata"].get("ownerReferences")),
        of_cluster=is_kept_by_cluster(raw),
        keys=keys,
        settings=settings,
        status=mapping(raw.get("status")) if raw["kind"] in _OF_THE_CLUSTER else {},
    )
    return one if one.of_cluster else _searched(one)


# ---- Secrets ---------------------------------------------------------------------------------------------------------


def _without_values(secret: Object) -> tuple[tuple[str, ...], dict[str, str]]:
    """Takes all values from a Secret; its keys, and those values that a connection writes in the spec."""
    encoded, plain = mapping(secret.pop("data", None)), mapping(secret.pop("stringData", None))
    spec = secret.get("spec") if secret["kind"] == "SealedSecret" else None
    if isinstance(spec, dict):
        encoded = {**encoded, **dict.fromkeys(mapping(spec.pop("encryptedData", None)), "")}
    known = {key for kind in connection_kinds().values() if kind.secret for key in kind.secret.settings.values()}
    known |= {_URI}
    settings = {}
    for key in known & (encoded.keys() | plain.keys()):
        value = str(plain[key]) if key in plain else _decoded(encoded[key])
        if value and value.isprintable() and secrets.redacted(value) != HIDDEN:
            settings[key] = value
    return tuple(map(str, dict.fromkeys((*encoded, *plain)))), settings


_URI = "URI"
"""The key of a connection's Secret that holds nothing but an address."""


def _decoded(value: object) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


# ---- what looks like a secret elsewhere ------------------------------------------------------------------------------

_ROUNDS = 50


def _searched(one: GivenObject) -> GivenObject:
    """The object without values that are or look like secrets."""
    item, hidden = one.object, list(one.hidden)
    for _ in range(_ROUNDS):
        try:
            document = parse(emit.dump(item).encode(), one.at.file)
        except Rejected as rejected:
            return _unfit(one, rejected.findings[0].message)
        places = {found: None for finding in secrets.scan(document) if (found := _pointer_at(document, finding.at))}
        if not places:
            return replace(one, object=item, hidden=tuple(hidden))
        item = deepcopy(item)
        for pointer in sorted(places, key=backwards):
            if not _take_out(item, pointer):
                return _unfit(one, "it looks like a secret, in a field that the object needs")
        hidden += places
    return _unfit(one, "it holds too many values that look like secrets")


def _unfit(one: GivenObject, reason: str) -> GivenObject:
    """Nothing is kept but what the object is called."""
    metadata = {key: one.object["metadata"][key] for key in ("name", "namespace") if key in one.object["metadata"]}
    shell: Object = {"apiVersion": one.object["apiVersion"], "kind": one.kind, "metadata": metadata}
    return replace(one, object=shell, unfit=reason)


def _pointer_at(document: Document, at: Location) -> Pointer:
    """The value that a finding speaks of: the one that stands there, or that began before it."""
    for pointer, place in document.keys.items():
        if place == at and pointer:
            return pointer
    places = sorted((place, len(pointer), pointer) for pointer, place in document.values.items() if pointer)
    index = bisect([(place.line, place.column) for place, _, _ in places], (at.line, at.column))
    return places[max(index - 1, 0)][2] if places else ()


def backwards(pointer: Pointer) -> tuple[int, list[tuple[bool, int, str]]]:
    """Sorts so that taking one out of a list moves none that is still to be taken out, and what is inside goes first."""
    steps = [(isinstance(step, str), -step if isinstance(step, int) else 0, str(step)) for step in pointer]
    return -len(pointer), steps


def _take_out(item: Any, pointer: Pointer) -> bool:
    """Removes a value, with the variable or the option that it is the value of; says whether that was possible."""
    if not pointer or pointer in (("kind",), ("apiVersion",), ("metadata",), ("metadata", "name")):
        return False
    parents: list[Any] = [item]
    for step in pointer[:-1]:
        try:
            parents.append(parents[-1][step])
        except (KeyError, IndexError, TypeError):
            return True  # gone with something around it
    holder, step = parents[-1], pointer[-1]
    if isinstance(holder, dict) and step == "value" and len(pointer) > 1 and isinstance(pointer[-2], int):
        holder, step = parents[-2], pointer[-2]
    if isinstance(holder, dict):
        holder.pop(step, None)
    elif isinstance(step, int) and step < len(holder):
        before = holder[step - 1] if step else None
        del holder[step]
        if isinstance(before, str) and before.startswith("-") and "=" not in before:
            del holder[step - 1]
    return True
