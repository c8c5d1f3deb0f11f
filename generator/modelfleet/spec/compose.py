"""Makes plain data of a YAML parser's events, and finds what YAML allows and a hand-written file must not have.

PyYAML's composer recurses and its constructors raise what they like, so these do not run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelfleet.finding import Finding, Pointer
from modelfleet.records import dataclass
from modelfleet.spec.characters import refused_character, refused_in_value
from modelfleet.spec.limits import MAX_DEPTH, MAX_FINDINGS, MAX_NODES, MAX_SCALAR_BYTES
from modelfleet.spec.places import END, MAPPING, SEQUENCE, WIDTH, Places
from modelfleet.spec.scalars import NO_PLAIN_TEXT, meaning
from modelfleet.spec.secret_names import guarded, redacted_pointer


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A plain scalar that readers of YAML do not read alike."""

    pointer: Pointer
    place: int
    text: str
    what: str
    instead: str

    def finding(self, places: Places, *, hidden: bool) -> Finding:
        """The finding, without the text where it may be a secret."""
        show = not hidden and len(self.text) <= 40
        message = f"{self.text if show else 'this'} {self.what}"
        hint = f'put it in quotes if it is text: "{self.text}"' if show else "put it in quotes if it is text"
        return Finding(
            at=places.location(self.place),
            code="YAML013",
            path=redacted_pointer(self.pointer),
            message=message,
            hint=f"{hint}; or write {self.instead}" if self.instead else hint,
        )


def hint_for(indicator: str) -> str:
    """What to do about an anchor, an alias or a tag, by the character that begins it."""
    return f"write out what is meant, or put text that begins with {indicator} in quotes"


class Stopped(Exception):
    """Reading on makes no sense or costs too much; the findings so far are all."""


class _Frame:
    """A list or mapping that is still open; of a mapping also the key whose value comes next or is open."""

    __slots__ = ("is_key", "items", "key", "mark")

    def __init__(self, items: dict[str, Any] | list[Any], mark: Any = None, *, is_key: bool = False) -> None:
        self.items = items
        self.mark = mark
        self.key: str | None = None
        self.is_key = is_key


class Composer:
    """Makes plain data of the parser's events, and goes on after everything that the parser can go on after."""

    def __init__(self, file: str) -> None:
        self.places = Places(file)
        self.findings: list[Finding] = []
        self.twice: list[tuple[Pointer, int]] = []
        self.doubts: list[_Doubt] = []
        self.root: list[Any] = []
        self.frames = [_Frame(self.root)]
        self.nodes = 0
        self.last: Any = None

    def run(self, parser: Any) -> None:
        """Takes in all events. Raises Stopped, and what the parser raises."""
        from modelfleet.pyyaml import yaml

        handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: lambda event: self.open(event, {}, MAPPING),
            yaml.SequenceStartEvent: lambda event: self.open(event, [], SEQUENCE),
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }
        while (kind := type(event := parser.get_event())) is not yaml.StreamEndEvent:
            if kind in handlers:
                handlers[kind](event)
            self.last = event

    def document(self, event: Any) -> None:
        """The beginning of a document: there may be one."""
        if self.root:
            hint = "one file holds one document: move it to a file of its own, or delete the ---"
            self.note(self.place(event), "YAML006", "a second YAML document begins here", hint)
            raise Stopped

    def scalar(self, event: Any) -> None:
        """A key, or a value that is neither list nor mapping."""
        text, style = event.value, event.style
        place = self.node(event)
        if style == '"' or len(text) > MAX_SCALAR_BYTES // 4:
            self.examine(text, place)
        frame = self.frames[-1]
        items = frame.items
        if type(items) is list:
            items.append(text if style else self.plain(text, place))
        elif frame.key is None:
            self.key(frame, text, place, plain=not style)
            return
        else:
            items[frame.key] = text if style else self.plain(text, place)  # type: ignore[call-overload]  # no list: above
            frame.key = None
        self.places.trail.append(place)

    def alias(self, event: Any) -> None:
        """An alias in place of a key or a value."""
        place = self.place(event)
        self.note(place, "YAML009", "an alias (*...) is not allowed", hint_for("*"))
        frame = self.frames[-1]
        if isinstance(frame.items, list):
            frame.items.append(None)
        elif frame.key is None:
            self.key(frame, "*", place, plain=False)
            return
        else:
            frame.key = None
        self.places.trail.append(place)

    def key(self, frame: _Frame, text: str, place: int, *, plain: bool) -> None:
        """A key as text, whatever it looks like."""
        if plain and text == "<<":
            self.note(place, "YAML009", "a merge key (<<) is not allowed", "write the fields out in each place")
        elif text in frame.items:
            self.twice.append(((*self.pointer(), text), place))
            self.stop_when_full()
        frame.key = text
        self.places.trail += (text, place)

    def open(self, event: Any, items: dict[str, Any] | list[Any], kind: int) -> None:
        """The beginning of a list or mapping."""
        place = self.node(event)
        if len(self.frames) > MAX_DEPTH:
            self.note(place, "YAML004", f"nested more than {MAX_DEPTH} levels deep", "that is the limit: flatten it")
            raise Stopped
        frame = self.frames[-1]
        is_key = isinstance(frame.items, dict) and frame.key is None
        if is_key:
            hint = "write key: value, and put text such as {{ ... }} in quotes"
            self.note(place, "YAML012", "a key must be text, not a list or a map", hint)
            self.key(frame, "?", place, plain=False)
        elif isinstance(frame.items, dict):
            frame.items[frame.key or ""] = items
        else:
            frame.items.append(items)
        self.places.trail += (kind, place)
        self.frames.append(_Frame(items, event.start_mark, is_key=is_key))

    def end(self, event: Any) -> None:
        """The end of a list or mapping."""
        self.places.trail.append(END)
        if not self.frames.pop().is_key:
            self.frames[-1].key = None

    def plain(self, text: str, place: int) -> Any:
        """The value of a plain scalar."""
        if text[:1] not in NO_PLAIN_TEXT:
            return text
        value, what, instead = meaning(text)
        if what:
            self.doubts.append(_Doubt(self.pointer(), place, text, what, instead))
            self.stop_when_full()
        elif value is not None and value is not text:
            self.places.raw[len(self.places.trail)] = text
        return value

    def node(self, event: Any) -> int:
        """Counts a node and gives its place."""
        mark = event.start_mark
        place: int = mark.line * WIDTH + mark.column
        self.nodes += 1
        if self.nodes > MAX_NODES:
            hint = "split the file"
            self.note(place, "YAML004", f"more than {MAX_NODES:,} keys and values, which is the limit", hint)
            raise Stopped
        if event.anchor is not None:
            self.note(place, "YAML009", "an anchor (&...) is not allowed", hint_for("&"))
        if event.tag is not None:
            self.note(place, "YAML010", "a tag (!...) is not allowed", hint_for("!"))
        return place

    def examine(self, text: str, place: int) -> None:
        """Looks at the length of a text and at what escapes have put into it."""
        if len(text.encode(errors="surrogatepass")) > MAX_SCALAR_BYTES:
            hint = "shorten it, or keep it in a file of its own beside the model"
            self.note(place, "YAML004", "a text of more than 16 KiB, which is the limit", hint)
            raise Stopped
        if not text.isprintable():
            for char in refused_in_value(text):
                self.findings.append(
                    refused_character(self.places.location(place), char, redacted_pointer(self.pointer()))
                )
            self.stop_when_full()

    def pointer(self) -> Pointer:
        """Where in the data the next key or value belongs."""
        steps: list[str | int] = []
        for frame in self.frames[1:]:
            if isinstance(frame.items, list):
                steps.append(len(frame.items) - (frame is not self.frames[-1]))
            elif frame.key is not None:
                steps.append(frame.key)
        return tuple(steps)

    @staticmethod
    def place(event: Any) -> int:
        """Where an event begins, as a number."""
        return int(event.start_mark.line * WIDTH + event.start_mark.column)

    def note(self, place: int, code: str, message: str, hint: str) -> None:
        """A finding about what stands here."""
        at = self.places.location(place)
        self.findings.append(
            Finding(at=at, code=code, path=redacted_pointer(self.pointer()), message=message, hint=hint)
        )
        self.stop_when_full()

    def stop_when_full(self) -> None:
        """Raises Stopped when there are so many findings that nobody reads more."""
        if len(self.findings) + len(self.doubts) + len(self.twice) >= MAX_FINDINGS:
            raise Stopped

    def concluded(self) -> list[Finding]:
        """All findings: what had to wait for the rest of the file as well."""
        keys = self.places.tables[0] if self.twice else {}
        for pointer, place in self.twice:
            first = keys[pointer]
            self.findings.append(
                Finding(
                    at=self.places.location(place),
                    code="YAML011",
                    path=redacted_pointer(pointer),
                    message=f"the key {redacted_pointer(pointer[-1:])} is written twice, first in line {first.line}",
                    hint="keep one of the two",
                    see=first,
                )
            )
        data = self.root[0] if self.root else None
        self.findings += [doubt.finding(self.places, hidden=guarded(data, doubt.pointer)) for doubt in self.doubts]
        return self.findings
