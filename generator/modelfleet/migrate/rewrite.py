"""Changes a hand-written file so that it means something else, and leaves every other byte of it alone, comments above all.

What is meant is given as data. An entry may be named the copy of another: it is written as that one is, with its comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes import emit
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.spec.load import parse

_COMMENT = lazy_pattern(r"[ \t]*#")
_MAX_LINE = 100
"""A longer entry is written as a block, as people do."""
_OF_FLOW = lazy_pattern(r"[,\[\]{}]|: |:$")


def rewritten(text: str, wanted: Mapping[str, Any], copies: Mapping[Pointer, Pointer]) -> str:
    """The file so that it means `wanted`; `copies` says which new entries are written like which old ones."""
    found = _Rewriting(text, copies).result(wanted)
    if parse(found.encode(), "").data != wanted:
        message = "the rewritten file does not mean what was intended"
        raise AssertionError(message)
    return found


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str) and (_OF_FLOW.search(value) or "\n" in value):
        import json

        return json.dumps(value, ensure_ascii=False)
    return emit.dump(value).removesuffix("\n")


def is_thinned(old: Sequence[Any], new: Sequence[Any]) -> bool:
    """Whether a list is another one, of which something was removed."""
    rest = iter(old)
    return len(new) < len(old) and bool(new) and all(any(item == each for each in rest) for item in new)


@dataclass(frozen=True, slots=True)
class _Part:
    """An entry of a mapping or an item of a list: where it begins and ends, and where its value does."""

    start: int
    end: int
    value: Any


@dataclass(slots=True)
class _Rewriting:
    """One file on its way: the edits that it takes, each a range and what stands there instead."""

    text: str
    copies: Mapping[Pointer, Pointer]
    edits: list[tuple[int, int, str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    root: Any = None
    data: Any = None

    def result(self, wanted: Mapping[str, Any]) -> str:
        from modelfleet.pyyaml import yaml

        self.lines = [0, *(found.end() for found in re.finditer("\n", self.text))]
        self.root = yaml.compose(self.text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.data = parse(self.text.encode(), "").data
        self.mapping(self.root, self.data, wanted, ())
        found = self.text
        for start, end, instead in sorted(self.edits, key=lambda edit: edit[:2], reverse=True):
            found = found[:start] + instead + found[end:]
        return found

    # ---- where things stand ------------------------------------------------------------------------------------------

    def at(self, mark: Any) -> int:
        return self.lines[int(mark.line)] + int(mark.column)

    def end(self, node: Any) -> int:
        """Behind the last character of a value."""
        if isinstance(node.value, list) and node.value and not node.flow_style:
            last = node.value[-1]
            return self.end(last[1] if isinstance(last, tuple) else last)
        start, end = self.at(node.start_mark), self.at(node.end_mark)
        return int(start + len(self.text[start:end].rstrip()))

    def line_end(self, offset: int) -> int:
        """Behind the line in which something ends."""
        found = self.text.find("\n", max(offset, 0))
        return len(self.text) if found < 0 else found + 1

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def lead(self, offset: int) -> int:
        """Where the comment begins that stands above a line, right above it."""
        start = self.line_start(offset)
        while start and _COMMENT.match(self.text, before := self.line_start(start - 1), start):
            start = before
        return start

    def parts(self, node: Any) -> list[_Part]:
        found = []
        for item in node.value:
            key, value = item if isinstance(item, tuple) else (item, item)
            begin = self.at(key.start_mark)
            empty = value is not key and not self.text[self.at(value.start_mark) : self.at(value.end_mark)].strip()
            end = self.text.index(":", self.at(key.end_mark)) + 1 if empty else self.end(value)
            if node.flow_style:
                found.append(_Part(begin, end, value))
            else:
                found.append(_Part(self.lead(begin), self.line_end(end), value))
        return found

    # ---- edits -------------------------------------------------------------------------------------------------------

    def mapping(self, node: Any, old: Mapping[str, Any], new: Mapping[str, Any], pointer: Pointer) -> None:
        parts = dict(zip(old, self.parts(node), strict=True))
        self.remove(node, [(part, key in new) for key, part in parts.items()])
        for key, value in new.items():
            if key in old and (old[key] != value or type(old[key]) is not type(value)):
                self.change(node, key, old[key], value, (*pointer, key))
        added = [key for key in new if key not in old]
        if added and node.flow_style:
            kept = [part for key, part in parts.items() if key in new]
            more = ", ".join(f"{flow(key)}: {flow(new[key])}" for key in added)
            place = list(parts.values())[-1].end if parts else self.at(node.start_mark) + 1
            self.edits.append((place, place, f", {more}" if kept else more))
        elif added:
            self.add(node, parts, new, added, pointer)

    def add(
        self, node: Any, parts: Mapping[str, _Part], new: Mapping[str, Any], added: Sequence[str], pointer: Pointer
    ) -> None:
        """Entries behind those that they follow in what is wanted."""
        indent = " " * int(node.start_mark.column)
        last, places = None, {}
        for key in new:
            last = key if key in parts else last
            places[key] = parts[last].end if last is not None else next(iter(parts.values())).start
        grouped: dict[int, list[str]] = {}
        for key in added:
            written = "".join(f"{indent}{line}".rstrip(" ") if line.strip() else line
                              for line in self.entry(key, new[key], (*pointer, key)).splitlines(keepends=True))  # fmt: skip
            spaced = not pointer and isinstance(new[key], dict) and bool(parts)
            grouped.setdefault(places[key], []).append(("\n" if spaced else "") + written)
        for place, texts in grouped.items():
            torn = place and self.text[place - 1] != "\n"  # the file ends without a line break
            self.edits.append((place, place, ("\n" if torn else "") + "".join(texts)))

    def entry(self, key: str, value: Any, pointer: Pointer) -> str:
        """A new entry of a block, from the first column on."""
        if (source := self.copies.get(pointer)) is not None:
            copied = self.copied(source, key)
            return _Rewriting(copied, {}).result({key: value})
        inside = any(target[: len(pointer)] == pointer for target in self.copies)
        line = f"{flow(key)}: {flow(value)}\n"
        if isinstance(value, dict) and (inside or len(line) > _MAX_LINE):
            children = "".join(self.entry(name, item, (*pointer, name)) for name, item in value.items())
            return f"{flow(key)}:\n" + re.sub(r"^(?=.)", "  ", children, flags=re.MULTILINE)
        return line

    def copied(self, source: Pointer, name: str) -> str:
        """An entry of the file with its comments, under another name, moved to the first column."""
        node = self.root
        for step in source[:-1]:
            node = next(value for key, value in node.value if key.value == step)
        index = next(index for index, (key, _) in enumerate(node.value) if key.value == source[-1])
        key, part = node.value[index][0], self.parts(node)[index]
        start, end = self.at(key.start_mark), self.at(key.end_mark)
        # behind a flow mapping's last line stands what belongs to the whole of it
        tail = "\n" if node.flow_style else ""
        whole = f"{self.text[part.start : start]}{flow(name)}{self.text[end : part.end]}{tail}"
        column = 0 if node.flow_style else int(key.start_mark.column)
        whole = re.sub(rf"^[ \t]{{0,{column}}}" if column else r"\A", "", whole, flags=re.MULTILINE)
        return whole if whole.endswith("\n") else f"{whole}\n"

    def change(self, node: Any, key: str, old: Any, new: Any, pointer: Pointer) -> None:
        value = next(value for found, value in node.value if found.value == key)
        if isinstance(old, dict) and isinstance(new, dict) and old and (new or value.flow_style):
            self.mapping(value, old, new, pointer)
        elif isinstance(old, list) and isinstance(new, list) and is_thinned(old, new):
            rest = list(new)
            kept = [bool(rest and item == rest[0] and rest.pop(0) is not None) for item in old]
            self.remove(value, list(zip(self.parts(value), kept, strict=True)))
        elif isinstance(old, dict) and not old and isinstance(new, dict):
            self.mapping(value, old, new, pointer)
        else:
            start, end = self.at(value.start_mark), self.end(value)
            begin = next(self.at(found.end_mark) for found, _ in node.value if found.value == key)
            colon = self.text.index(":", begin) + 1
            block = isinstance(value.value, list) and not value.flow_style
            empty = not self.text[start : self.at(value.end_mark)].strip()
            if block or empty:
                start, end = colon, colon if empty else end
            self.edits.append((start, end, f" {flow(new)}" if block or empty else flow(new)))

    def remove(self, node: Any, parts: Sequence[tuple[_Part, bool]]) -> None:
        """Takes away what is not kept: of a block whole lines, of a flow the commas that go with it."""
        kept = [index for index, (_, keep) in enumerate(parts) if keep]
        last = kept[-1] if kept else -1
        for index, (part, keep) in enumerate(parts):
            if keep:
                continue
            if not node.flow_style:
                self.edits.append((self.gap(part), part.end, ""))
            elif index < last:
                self.edits.append((part.start, parts[index + 1][0].start, ""))
            elif index == last + 1:
                begin = parts[last][0].end if kept else self.at(node.start_mark) + 1
                self.edits.append((begin, parts[-1][0].end, ""))

    def gap(self, part: _Part) -> int:
        """Where a removed block begins: with the empty line above, where another follows it."""
        before = self.line_start(part.start - 1) if part.start else 0
        alone = not self.text[part.end : self.line_end(part.end)].strip()
        return before if part.start and alone and not self.text[before : part.start].strip() else part.start
