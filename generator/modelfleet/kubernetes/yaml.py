"""Reading manifests of any origin: hand-written, a chart's output, a dump of a cluster; many documents, YAML or JSON.

Unlike our own specs these may use all of YAML. Scalars mean what they mean to kubectl, whose Go parser knows more words
than YAML 1.2 does: a bare `y` is true and `0o17` is 15 (sigs.k8s.io/yaml, goyaml.v2/resolve.go). Documents are built
from libyaml's events in one loop without recursion, so that the time is linear and depth cannot overflow a stack.
"""

from __future__ import annotations

import math
import re
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from modelfleet.finding import Location, Pointer

DEPTH = 200
"""How deep a document may nest."""

NODES = 2_000_000
"""How many values a document may have when its aliases are written out."""

_STRING = "tag:yaml.org,2002:str"

_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}

_INTEGER = re.compile(r"([-+]?)(0b[01]+|0o[0-7]+|0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)", re.ASCII | re.IGNORECASE)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", re.ASCII)
_MOST_DIGITS = 19  # of a 64-bit number
_EXACT = 2**53
_MERGE = object()
_NO_KEY = object()


class YamlPlace(NamedTuple):
    """Where a value begins, and the places of what is inside of it: keys with values, or items."""

    line: int
    column: int
    inside: dict[str, tuple[tuple[int, int], YamlPlace]] | list[YamlPlace] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """A value of a file that should be an object, with its places. `twice` are keys of it that are written twice."""

    file: str
    data: Any
    place: YamlPlace
    twice: list[tuple[str, Location]] = field(default_factory=list)

    def at(self, pointer: Pointer, key: bool = False) -> Location:
        """Where a value stands, or its key; where it does not exist, its nearest ancestor that does."""
        place = self.place
        found = (place.line, place.column)
        for number, step in enumerate(pointer, 1):
            inside = place.inside
            if isinstance(inside, dict) and step in inside:
                where, place = inside[str(step)]
                found = where if key and number == len(pointer) else (place.line, place.column)
            elif isinstance(inside, list) and isinstance(step, int) and step < len(inside):
                place = inside[step]
                found = (place.line, place.column)
            else:
                break
        return Location(self.file, *found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A part of a file that is no YAML; what follows it in the file is not read."""

    at: Location
    message: str
    hint: str


class _Broken(Exception):
    """A document that libyaml reads and we do not."""

    def __init__(self, place: YamlPlace, message: str, hint: str) -> None:
        self.place, self.message, self.hint = place, message, hint
        super().__init__(message)


def read_documents(content: bytes, file: str) -> Iterator[ParsedDocument | Unreadable]:
    """The objects of a file in their order; a `kind: List` gives its items, an empty document nothing."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    events = yaml.parse(content, Loader=loader)
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                yield from _expanded(_Builder(file).document(events))
    except _Broken as broken:
        at = Location(file, broken.place.line, broken.place.column)
        yield Unreadable(at=at, message=broken.message, hint=broken.hint)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
        yield Unreadable(at=at, message=f"this is no YAML: {error.problem}", hint="what follows it is not judged")
    except yaml.reader.ReaderError as error:
        message = f"the file is no text in UTF-8 or holds a control character ({error.reason})"
        yield Unreadable(at=Location(file), message=message, hint="remove it; nothing behind it is judged")


def _place(event: Any, inside: Any = None) -> YamlPlace:
    mark = event.start_mark
    return YamlPlace(mark.line + 1, mark.column + 1, inside)


def _expanded(document: ParsedDocument) -> Iterator[ParsedDocument]:
    data, place = document.data, document.place
    if data is None:
        return
    listed = isinstance(data, dict) and isinstance(data.get("kind"), str) and data["kind"].endswith("List")
    items = place.inside.get("items") if listed and isinstance(place.inside, dict) else None
    if items is None or not isinstance(data["items"], list) or not isinstance(items[1].inside, list):
        yield document
        return
    places = items[1].inside
    starts = [(place.line, place.column) for place in places]
    twice: list[list[tuple[str, Location]]] = [[] for _ in places]
    for key, at in document.twice:
        if index := bisect(starts, (at.line, at.column)):
            twice[index - 1].append((key, at))
    for item, item_place, mine in zip(data["items"], places, twice, strict=True):
        yield ParsedDocument(file=document.file, data=item, place=item_place, twice=mine)


class _Open:
    """A mapping or list that is being read."""

    __slots__ = ("data", "event", "inside", "key", "key_at", "merged", "size")

    def __init__(self, event: Any, data: Any) -> None:
        self.event = event
        self.data, self.inside = data, type(data)()
        self.size = 1
        self.key: Any = _NO_KEY
        self.key_at = (1, 1)
        self.merged: list[tuple[Any, YamlPlace]] = []


class _Builder:
    """Builds one document from events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.anchors: dict[str, tuple[Any, YamlPlace, int]] = {}
        self.twice: list[tuple[str, Location]] = []
        self.stack: list[_Open] = []

    def document(self, events: Iterator[Any]) -> ParsedDocument:
        """Reads the events of one document to its end."""
        import yaml

        root: tuple[Any, YamlPlace, int] = (None, YamlPlace(1, 1, None), 1)
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                root = self._scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                root = self._alias(event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if len(self.stack) >= DEPTH:
                    raise _Broken(_place(event), f"the document nests deeper than {DEPTH} levels", "flatten it")
                self.stack.append(_Open(event, {} if isinstance(event, yaml.MappingStartEvent) else []))
                continue
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                root = self._close()
            else:
                break
            if self.stack:
                self._add(*root)
        return ParsedDocument(file=self.file, data=root[0], place=root[1], twice=self.twice)

    def _scalar(self, event: Any) -> tuple[Any, YamlPlace, int]:
        value: Any = event.value
        if event.implicit[0]:
            if value == "<<" and self.stack and self.stack[-1].key is _NO_KEY and isinstance(self.stack[-1].data, dict):
                return _MERGE, _place(event), 1
            value = plain_scalar(value)
        elif event.tag is not None and event.tag != _STRING and event.tag.startswith("tag:yaml.org,2002:"):
            value = plain_scalar(value)
        found = (value, _place(event), 1)
        if event.anchor:
            self.anchors[event.anchor] = found
        return found

    def _alias(self, event: Any) -> tuple[Any, YamlPlace, int]:
        if event.anchor not in self.anchors:
            raise _Broken(
                _place(event), f"the alias *{event.anchor} has no anchor before it", "name an anchor that is complete"
            )
        data, place, size = self.anchors[event.anchor]
        return data, _place(event, place.inside), size

    def _close(self) -> tuple[Any, YamlPlace, int]:
        done = self.stack.pop()
        for data, place in done.merged:
            for key, value in data.items():
                if key not in done.data and isinstance(place.inside, dict):
                    done.data[key], done.inside[key] = value, place.inside[key]
        found = (done.data, _place(done.event, done.inside), done.size)
        if done.event.anchor:
            self.anchors[done.event.anchor] = found
        return found

    def _add(self, data: Any, place: YamlPlace, size: int) -> None:
        """Puts a value into the collection that is being read; in a mapping it may be a key."""
        into = self.stack[-1]
        into.size += size
        if into.size > NODES:
            raise _Broken(place, f"the document has more than {NODES} values, aliases written out", "split it")
        if isinstance(into.data, list):
            into.data.append(data)
            into.inside.append(place)
        elif into.key is _NO_KEY:
            into.key, into.key_at = data if data is _MERGE else _key(data, place), (place.line, place.column)
        elif into.key is _MERGE:
            into.merged += _mergeable(data, place)
            into.key = _NO_KEY
        else:
            if into.key in into.data:
                self.twice.append((into.key, Location(self.file, *into.key_at)))
            into.data[into.key], into.inside[into.key] = data, (into.key_at, place)
            into.key = _NO_KEY


def _key(data: Any, place: YamlPlace) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, bool) or data is None:
        return {True: "true", False: "false", None: "null"}[data]
    if isinstance(data, int | float):
        return str(data)
    raise _Broken(place, "a key is a mapping or a list", "keys are text")


def _mergeable(data: Any, place: YamlPlace) -> list[tuple[Any, YamlPlace]]:
    if isinstance(data, dict):
        return [(data, place)]
    if isinstance(data, list) and isinstance(place.inside, list) and all(isinstance(item, dict) for item in data):
        return list(zip(data, place.inside, strict=True))
    raise _Broken(place, "what << merges is no mapping", "merge a mapping or a list of them")


def plain_scalar(text: str) -> Any:
    """What a scalar without quotes means. Timestamps stay text, as in every JSON that is made of YAML."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    digits = text.replace("_", "")
    if len(digits) <= _MOST_DIGITS and (match := _INTEGER.fullmatch(digits)):
        sign, amount = match.groups()
        octal = len(amount) > 1 and amount[0] == "0" and amount[1].isdigit()
        number = int(amount, 8) if octal else int(amount, 0)
        return -number if sign == "-" else number
    if _FLOAT.fullmatch(digits):
        found = float(digits)
        if math.isfinite(found):
            return int(found) if found.is_integer() and abs(found) < _EXACT else found  # JSON writes 1e3 as 1000
    return text
