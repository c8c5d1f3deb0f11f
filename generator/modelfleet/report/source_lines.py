"""The line of a hand-written file that a finding is about, with a mark under the place, for people at a terminal.

No secret is ever shown. A file that is valid was searched for secrets; of it, words that could be one all the same are hidden. Of
one that is not valid, only the words that the schemas or the finding itself know are shown, and the rest is hidden.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Location, MachineFailed, Rejected
from modelfleet.layout import GENERATED_FILE
from modelfleet.packaged import packaged
from modelfleet.patterns import lazy_pattern
from modelfleet.spec import secrets
from modelfleet.spec.characters import decoded
from modelfleet.spec.load import parse
from modelfleet.spec.secret_shapes import may_be_secret
from modelfleet.spec.source import read_content
from modelfleet.wording import printable

HIDDEN_WORD = "…"
MAX_WIDTH = 100
_WORD = lazy_pattern(r"[^\s:{}\[\],\"'|>&*!#]+")
_FOLDERS = ("projects/", "environments/", "runtimes/", "objects/", "models/")
_OF_SHAPE = ("YAML", "SPEC", "SEC")


class SourceLines:
    """Shows lines of the files below a root; each file is read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, tuple[list[str], bool]] = {}

    def of(self, finding: Finding) -> list[str]:
        """The line and the mark below it; nothing where the file is not a hand-written one or cannot be read."""
        at = finding.at
        if not at.file.startswith(_FOLDERS) or GENERATED_FILE.fullmatch(at.file):
            return []
        if at.file not in self._files:
            self._files[at.file] = _read(self._root, at.file)
        lines, searched = self._files[at.file]
        line = lines[at.line - 1].rstrip() if 0 < at.line <= len(lines) else ""
        doubtful = not searched or finding.code.startswith(_OF_SHAPE)
        hides = _unknown_to(printable(finding.words())) if doubtful else may_be_secret
        return list(_drawn(line, at, hides)) if line else []


def _read(root: Path, file: str) -> tuple[list[str], bool]:
    """The lines of a file, and whether it is valid YAML in which no secret was found."""
    try:
        content = read_content(root, file)
        text = decoded(content, file)
    except (MachineFailed, Rejected):
        return [], False
    try:
        return text.split("\n"), not secrets.scan(parse(content, file))
    except Rejected:
        return text.split("\n"), False


def _drawn(line: str, at: Location, hides: Callable[[str], bool]) -> Iterator[str]:
    """The line with its number, cut to what is around the place, and a caret below."""

    def shown(part: str) -> str:
        return printable(_WORD.sub(lambda word: HIDDEN_WORD if hides(word[0]) else word[0], part.replace("\t", " ")))

    place = _start_of_word(line, at.column - 1)
    before, after = shown(line[:place]), shown(line[place:])
    if width(before) > MAX_WIDTH * 2 // 3:
        before = HIDDEN_WORD + before[-MAX_WIDTH // 3 :]
    after = after if width(after) <= MAX_WIDTH - 20 else after[: MAX_WIDTH - 20] + HIDDEN_WORD
    yield f"{at.line:>5} | {before}{after}"
    yield f"      | {' ' * width(before)}^"


def _start_of_word(line: str, place: int) -> int:
    """The place, or the beginning of the word in which it is, so that no word is judged in two halves."""
    inside = (word.start() for word in _WORD.finditer(line) if word.start() < place < word.end())
    return next(inside, min(place, len(line)))


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def _unknown_to(said: str) -> Callable[[str], bool]:
    """Of a file that is not valid: whatever no schema knows and the finding does not say."""
    known = _schema_words() | set(_WORD.findall(said.replace(";", " ")))
    return lambda word: len(word) > 1 and word not in known


@cache
def _schema_words() -> frozenset[str]:
    found: set[str] = set()

    def walk(schema: Any) -> None:
        if isinstance(schema, dict):
            found.update(schema.get("properties") or ())
            for value in schema.values():
                walk(value)
        elif isinstance(schema, list):
            for value in schema:
                walk(value)

    for name in ("project", "environment", "custom-runtime", "model"):
        walk(json.loads((packaged("schemas") / f"{name}.schema.json").read_bytes()))
    return frozenset(found)
