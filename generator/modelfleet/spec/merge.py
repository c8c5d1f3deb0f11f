"""Lays one hand-written document over another and remembers where each value was written.

`environments/<env>.yaml` is laid over `base.yaml`, and a spec's `environments.<env>` block over the rest of the spec: maps
merge key by key, what `replaced_whole` names is replaced whole like lists and scalars, and null removes an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from modelfleet.finding import Finding, Location, Pointer, dotted
from modelfleet.packaged import packaged_data
from modelfleet.records import dataclass
from modelfleet.wording import did_you_mean

if TYPE_CHECKING:
    from modelfleet.spec.load import Document


ANY = "*"
_SIZED: Mapping[str, Any] = {key: {} for key in ("size", "accelerator", "replicas", "route", "location", "multiNode")}

_WHOLE: Mapping[str, Mapping[str, Any]] = {
    "project": {
        "models": {
            ANY: {
                **_SIZED,
                "canary": {**_SIZED, "env": {ANY: {}}},
                "weights": {},
                "env": {ANY: {}},
                "affinity": {},
                "securityContext": {},
                "podSecurityContext": {},
                "probes": {},
                "rollingUpdate": {},
                "logger": {},
                "batcher": {},
                "transformer": {},
                "llmd": {ANY: {}},
            }
        },
        "servers": {ANY: {**_SIZED, "models": {ANY: {"location": {}}}}},
        "runtimes": {ANY: {"env": {ANY: {}}}},
    },
    "environment": {
        "sizes": {ANY: {}},
        "accelerators": {ANY: {"hardwareProfile": {}}},
        "secrets": {"store": {}},
        "limitRange": {},
        "queues": {ANY: {}},
    },
}


@lru_cache(maxsize=1)
def _kinds_of_connection() -> frozenset[str]:
    return frozenset(packaged_data("connections"))


def replaced_whole(kind: str) -> Mapping[str, Any]:
    """What is replaced whole although it is a map, by kind of document: the leaves of this tree."""
    if kind != "project":
        return _WHOLE[kind]
    return {"connections": {ANY: {key: {} for key in (*_kinds_of_connection(), "credentials")}}, **_WHOLE[kind]}


def _one_of(kind: str) -> Mapping[tuple[str, ...], frozenset[str]]:
    """Keys of which a map holds one: the upper layer's choice puts the lower layer's aside."""
    if kind == "project":
        return {("connections", ANY): _kinds_of_connection()}
    return {("cluster",): frozenset({"name", "server"})}


class Source(NamedTuple):
    """Where a merged value stands: a document and a pointer into it."""

    document: Document
    pointer: Pointer


@dataclass(frozen=True, slots=True)
class Merged:
    """Plain merged data and, for each subtree that an upper layer wrote, its source."""

    data: Any
    source: Source
    replaced: Mapping[Pointer, Source] = field(default_factory=dict)
    top: Source | None = None
    """What the whole stands for where a lower layer is only shared: the environment's own file, not base.yaml."""

    def find(self, pointer: Pointer) -> Source:
        """The document and the place in it that a merged pointer speaks of."""
        if not pointer and self.top is not None:
            return self.top
        for length in range(len(pointer), 0, -1):
            if (source := self.replaced.get(pointer[:length])) is not None:
                return Source(source.document, source.pointer + pointer[length:])
        return Source(self.source.document, self.source.pointer + pointer)

    def at(self, pointer: Pointer) -> Location:
        """Where the value stands, or the nearest thing around it that was written."""
        source = self.find(pointer)
        return source.document.at(source.pointer)

    def key_at(self, pointer: Pointer) -> Location:
        """Where the key stands."""
        source = self.find(pointer)
        return source.document.key_at(source.pointer)


def as_layer(document: Document, without: str | None = None) -> Merged:
    """A document as the lowest layer, without one of its keys."""
    data = document.data
    if without is not None and isinstance(data, dict):
        data = {key: value for key, value in data.items() if key != without}
    return Merged(data, Source(document, ()))


@dataclass(slots=True)
class _Laying:
    """One laying of a document over a merged one."""

    document: Document
    one_of: Mapping[tuple[str, ...], frozenset[str]]
    replaced: dict[Pointer, Source]
    findings: list[Finding]

    def over(self, below: Any, above: Any, places: tuple[Pointer, Pointer], whole: Mapping[str, Any]) -> Any:
        pointer, source = places
        merged = dict(below)
        chosen = next((keys for path, keys in self.one_of.items() if _fits(pointer, path)), frozenset())
        if chosen & above.keys():
            merged = {key: value for key, value in merged.items() if key not in chosen or key in above}
        for key, value in above.items():
            inner, written = (*pointer, key), (*source, key)
            deeper = whole.get(key, whole.get(ANY))
            if value is None:
                self.remove(merged, key, written)
                continue
            existing = below.get(key)
            if not isinstance(existing, dict) or not isinstance(value, dict) or deeper == {}:
                self.replaced[inner] = Source(self.document, written)
                existing = {}
            if isinstance(value, dict) and deeper != {}:
                merged[key] = self.over(existing, value, (inner, written), deeper or {})
            else:
                merged[key] = value
        return merged

    def remove(self, merged: dict[str, Any], key: str, written: Pointer) -> None:
        if key in merged:
            del merged[key]
            return
        self.findings.append(
            Finding(
                at=self.document.at(written),
                code="SPEC090",
                path=dotted(written),
                message=f"null removes {key!r}, which is not there",
                hint=did_you_mean(key, merged, "remove the line"),
            )
        )


def _fits(pointer: Pointer, path: tuple[str, ...]) -> bool:
    return len(pointer) == len(path) and all(want in (ANY, step) for step, want in zip(pointer, path, strict=True))


def overlay_document(below: Merged, above: Document, kind: str, prefix: Pointer = ()) -> tuple[Merged, list[Finding]]:
    """`below` with a document, or the part of it at `prefix`, laid over it; and what is wrong with the removals."""
    data: Any = above.data
    for step in prefix:
        data = data[step]
    laying = _Laying(above, _one_of(kind), dict(below.replaced), [])
    if not isinstance(data, dict) or not isinstance(below.data, dict):
        return below, []
    merged = laying.over(below.data, data, ((), prefix), replaced_whole(kind))
    top = below.top if prefix else Source(above, ())
    return Merged(merged, below.source, laying.replaced, top), laying.findings
