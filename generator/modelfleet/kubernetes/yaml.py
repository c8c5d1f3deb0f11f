"""YAML as Kubernetes reads it: what a cluster makes of a manifest that kubectl, kustomize or Argo CD gives it.

This is sigs.k8s.io/yaml, which reads by the rules of goyaml.v2 and makes JSON of it: a bare `y` is true, `0o17` is 15, `1.0`
is 1 and `1e400` is text. Kustomize's output, committed files and manifests of any origin are all read here, so that no two
commands see different values. Places are kept where they are asked for. Documents are built from libyaml's events in one
loop without recursion, so that the time is linear, and depth and size are known before anything walks the result.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, NamedTuple

from modelfleet.finding import Location, Pointer
from modelfleet.kubernetes.scalar import (
    FIRST_OF_NO_TEXT,
    NotReadable,
    key_text,
    means_text,
    plain_scalar,
    read_otherwise,
    tagged,
)
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass

DEPTH = 200
"""How deep a document may nest."""


NODES = 2_000_000
"""How many values a document may have when its aliases are written out."""


_NO_KEY = object()


_MERGE = object()


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
    """A part of a file that is not valid YAML; what follows it in the file is not read."""

    at: Location
    message: str
    hint: str


class UnreadableYaml(Exception):
    """A stream that a cluster would not read, or that is larger or deeper than what is read here."""

    def __init__(self, line: int, column: int, message: str, hint: str) -> None:
        self.line, self.column, self.message, self.hint = line, column, message, hint
        super().__init__(f"line {line}, column {column}: {message}")

    def at(self, file: str) -> Location:
        """Where it is, in a file of this name."""
        return Location(file, self.line, self.column)


@dataclass(frozen=True, slots=True)
class ParsedObject:
    """An object, and its YAML."""

    item: Mapping[str, Any]
    text: bytes


def yaml_documents(content: bytes, nodes: int = NODES, *, alike: bool = False) -> list[Any]:
    """The values of all documents of a stream. Raises UnreadableYaml, also for keys that are written twice.

    kustomize, kubeconform and Argo CD refuse such keys. `alike`: refuse as well what kustomize, which reads by the rules of
    another parser, changes before a cluster sees it.
    """
    builder = _Builder(content, nodes, places=False)
    found = [data for data, _ in builder.documents()]
    if builder.twice:
        _, line, column = builder.twice[0]
        raise UnreadableYaml(line, column, "a key is written twice", "keep one of them")
    if alike and (builder.unlike or _MERGE_IN_QUOTES.search(content)):
        raise UnreadableYaml(*(builder.unlike or (1, 1)), "kustomize reads this in another way", "put text in quotes")
    return found


_MERGE_IN_QUOTES = lazy_pattern(rb"[\"']<<[\"']")


_SEPARATOR = lazy_pattern(rb"(?m)^---\n")


def objects_of(stream: bytes) -> list[ParsedObject]:
    """The objects of kustomize's output, each with its text. Raises UnreadableYaml."""
    texts = [text for text in _SEPARATOR.split(stream) if text.strip()]
    return [ParsedObject(item, text) for text in texts for item in yaml_documents(text)]


def read_documents(content: bytes, file: str) -> Iterator[ParsedDocument | Unreadable]:
    """The objects of a file in their order; a `kind: List` gives its items, an empty document nothing."""
    builder = _Builder(content, NODES, places=True)
    try:
        for data, place in builder.documents():
            twice = [(key, Location(file, line, column)) for key, line, column in builder.twice]
            builder.twice.clear()
            yield from _expanded(ParsedDocument(file=file, data=data, place=place, twice=twice))
    except UnreadableYaml as error:
        yield Unreadable(at=error.at(file), message=error.message, hint=error.hint)


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


# ---- building --------------------------------------------------------------------------------------------------------


_Twice = tuple[str, int, int]


class _Anchored(NamedTuple):
    """What an anchor stands for: its event, and how many values and levels there are, itself and aliases included."""

    event: Any
    data: Any
    place: YamlPlace | None
    size: int
    height: int


class _Open:
    """A list or mapping that is being read. `before` is how many values there were before it."""

    __slots__ = ("before", "data", "event", "height", "inside", "key", "key_mark", "merged")

    def __init__(self, event: Any, data: Any, inside: Any, before: int) -> None:
        self.event, self.data, self.inside, self.before = event, data, inside, before
        self.height = 0
        self.key: Any = _NO_KEY
        self.key_mark: Any = None
        self.merged: frozenset[str] = frozenset()


class _List(_Open):
    __slots__ = ()

    def put(self, event: Any, data: Any, place: YamlPlace | None, twice: list[_Twice]) -> None:
        """Takes in an item."""
        self.data.append(data)
        if place is not None:
            self.inside.append(place)


class _Map(_Open):
    __slots__ = ()

    def put(self, event: Any, data: Any, place: YamlPlace | None, twice: list[_Twice]) -> None:
        """Takes in a key, or the value of the last one; notes keys that it has already."""
        key = self.key
        if key is _NO_KEY:
            if type(data) is not str and data is not _MERGE:
                raise _refused(event, "a key is a map or a list", "keys are text")
            self.key, self.key_mark = data, event.start_mark
            return
        self.key = _NO_KEY
        if key is _MERGE:
            self.merge(event, data, place)
            return
        mark = self.key_mark
        if key in self.data and key not in self.merged:
            twice.append((key, mark.line + 1, mark.column + 1))
        self.data[key] = data
        if place is not None:
            self.inside[key] = ((mark.line + 1, mark.column + 1), place)

    def merge(self, event: Any, data: Any, place: YamlPlace | None) -> None:
        """What `<<` brings: it takes the place of the same keys before it, and those behind it take its place."""
        several = isinstance(data, list)
        parts = data if several else [data]
        if not all(isinstance(part, dict) for part in parts):
            raise _refused(event, "what << merges is not a map", "merge a map or a list of maps")
        for part in reversed(parts):
            self.data.update(part)
            self.merged = self.merged.union(part)
        if place is not None:
            places: list[Any] = list(place.inside or ()) if several else [place]
            for inner in reversed(places):
                self.inside.update(inner.inside)


class _Builder:
    """Builds documents from events. `twice` are keys of the last document that are written twice, with line and column.

    `unlike` is the first place where kustomize reads something else.
    """

    def __init__(self, content: bytes, nodes: int, *, places: bool) -> None:
        self.content, self.nodes, self.places = content, nodes, places
        self.anchors: dict[str, _Anchored] = {}
        self.twice: list[_Twice] = []
        self.stack: list[_List | _Map] = []
        self.unlike: tuple[int, int] | None = None

    def documents(self) -> Iterator[tuple[Any, YamlPlace]]:
        """Every document and where it begins. Raises UnreadableYaml."""
        from modelfleet.pyyaml import yaml

        try:
            parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self.content)
            while not isinstance(event := parser.get_event(), yaml.StreamEndEvent):
                if isinstance(event, yaml.DocumentStartEvent):
                    self.anchors.clear()
                    data, place = self.document(parser.get_event)
                    yield data, place or YamlPlace(1, 1, None)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            message, hint = f"this is not valid YAML: {error.problem}", "what follows it is not checked"
            raise UnreadableYaml(line, column, message, hint) from error
        except yaml.reader.ReaderError as error:
            message = f"the file is not text in UTF-8, or holds a control character ({error.reason})"
            raise UnreadableYaml(1, 1, message, "remove it; nothing after it is checked") from error

    def document(self, next_event: Any) -> tuple[Any, YamlPlace | None]:
        """Reads the events of one document to its end."""
        from yaml import (
            AliasEvent,
            MappingEndEvent,
            MappingStartEvent,
            ScalarEvent,
            SequenceEndEvent,
            SequenceStartEvent,
        )

        data: Any = None
        place: YamlPlace | None = None
        stack, twice, places, count = self.stack, self.twice, self.places, 0
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                count += 1
                data = event.value
                odd = (not data or data[0] in FIRST_OF_NO_TEXT) if event.implicit[0] else event.tag is not None
                if odd or event.anchor:
                    data = self.meaning(event)
                place = _place(event, None) if places else None
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self.open(event, kind is MappingStartEvent, count)
                count += 1
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                event, data, place = self.close(count)
            elif kind is AliasEvent:
                data, place, size = self.alias(event)
                count += size
            else:
                return data, place
            if stack:
                stack[-1].put(event, data, place, twice)
            if count > self.nodes:
                raise _refused(
                    event, f"the document has more than {self.nodes:,} values, with aliases expanded", "split it"
                )

    def open(self, event: Any, is_map: bool, count: int) -> None:
        """The beginning of a list or mapping."""
        if len(self.stack) >= DEPTH:
            raise _refused(event, *_TOO_DEEP)
        if is_map:
            self.stack.append(_Map(event, {}, {} if self.places else None, count))
        else:
            self.stack.append(_List(event, [], [] if self.places else None, count))

    def close(self, count: int) -> tuple[Any, Any, YamlPlace | None]:
        """The end of a list or mapping."""
        done = self.stack.pop()
        place = _place(done.event, done.inside) if self.places else None
        if self.stack and done.height >= self.stack[-1].height:
            self.stack[-1].height = done.height + 1
        if done.event.anchor:
            self.anchors[done.event.anchor] = _Anchored(done.event, done.data, place, count - done.before, done.height)
        return done.event, done.data, place

    def alias(self, event: Any) -> tuple[Any, YamlPlace | None, int]:
        """What an anchor before it stands for, and how many values that is."""
        if event.anchor not in self.anchors:
            message = "the alias has no anchor before it"  # its name may be a password that begins with *
            raise _refused(event, message, "name an anchor that is complete")
        self.note_unlike(event)
        known, data, place, size, height = self.anchors[event.anchor]
        if self.stack:
            if len(self.stack) + height >= DEPTH:
                raise _refused(event, *_TOO_DEEP)
            self.stack[-1].height = max(self.stack[-1].height, height + 1)
        if hasattr(known, "value"):
            data = self.meaning(known, by_alias=True)  # which is another as a key
        return data, _place(event, place.inside if place else None) if self.places else None, size

    def meaning(self, event: Any, *, by_alias: bool = False) -> Any:
        """What a scalar means that may be more than text; of a key the text that JSON has for it."""
        found: Any = event.value
        top = self.stack[-1] if self.stack else None
        is_key = type(top) is _Map and top.key is _NO_KEY
        is_plain = event.tag is None and event.implicit[0]
        if event.tag is not None or (is_plain and (read_otherwise(found) or (is_key and not means_text(found)))):
            self.note_unlike(event)
        if is_key and found == "<<" and not by_alias and (event.implicit[0] or event.tag == _MERGE_TAG):
            return _MERGE
        try:
            if is_key and (is_plain or event.tag is not None):
                found = key_text(event.tag, found)
            elif is_plain:
                found = plain_scalar(found)
            elif event.tag is not None:
                found = tagged(event.tag, found)
        except NotReadable as error:
            raise _refused(event, str(error), "write it in another way, or put text in quotes") from error
        if event.anchor and not by_alias:
            self.anchors[event.anchor] = _Anchored(event, found, None, 1, 0)
        return found

    def note_unlike(self, event: Any) -> None:
        """Keeps the place, if it is the first."""
        if self.unlike is None:
            self.unlike = event.start_mark.line + 1, event.start_mark.column + 1


_MERGE_TAG = "tag:yaml.org,2002:merge"


_TOO_DEEP = f"the document nests deeper than {DEPTH} levels", "flatten it"


def _place(event: Any, inside: Any) -> YamlPlace:
    mark = event.start_mark
    return YamlPlace(mark.line + 1, mark.column + 1, inside)


def _refused(event: Any, message: str, hint: str) -> UnreadableYaml:
    return UnreadableYaml(event.start_mark.line + 1, event.start_mark.column + 1, message, hint)
