"""What is wrong where a YAML parser gives up, in words that help."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from modelfleet.finding import Finding, Location
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.spec.characters import location_in, refused_character
from modelfleet.spec.compose import Composer, hint_for
from modelfleet.spec.secret_names import redacted_pointer

_FIELD = lazy_pattern(r"[ \t]*(?:- |[\w./-]+[ \t]*:(?:\s|$)|$)")
_SURROGATE = lazy_pattern(r"(?:0000)?([dD][89a-fA-F][0-9a-fA-F]{2})")
ESCAPES = "write \\\\ for a backslash, or use single quotes"

_PHRASES: tuple[tuple[re.Pattern[str], bool, str, str], ...] = tuple(
    (lazy_pattern(pattern), at_context, message, hint)
    for pattern, at_context, message, hint in (
        (
            "quoted scalar.*(?:end of stream|document)",
            True,
            "the quote that opens here is not closed",
            "close it, or put quotes around the whole text",
        ),
        (
            "quoted scalar",
            True,
            "a backslash in this text begins an unknown escape",
            ESCAPES,
        ),
        (
            "expected ':'",
            True,
            "this line is not a key: value",
            "a colon is missing, or the text that continues the line above is not indented",
        ),
        (
            "mapping values are not allowed",
            False,
            "a colon is not allowed here",
            "put text with a colon in quotes, or correct the indentation of a field of its own",
        ),
        (
            "sequence entries are not allowed",
            False,
            "a list item cannot begin here",
            "begin each item on a line of its own, and put text that begins with - in quotes",
        ),
        (
            "parsing a block mapping",
            False,
            "wrong indentation: this does not line up with the fields above",
            "indent all fields of one map alike",
        ),
        (
            "parsing a block collection",
            False,
            "wrong indentation: this does not line up with the list above",
            "indent all items of one list alike",
        ),
        ("scanning an anchor", True, "an anchor (&...) is not allowed", hint_for("&")),
        ("scanning an alias", True, "an alias (*...) is not allowed", hint_for("*")),
        (r"\btag\b", True, "a tag (!...) is not allowed", hint_for("!")),
        (
            "node content",
            False,
            "a value is missing here",
            "put text that begins with a bracket or a comma in quotes",
        ),
        ("cannot start any token", False, "this character cannot begin a value", "put the text in quotes"),
        (
            "block scalar",
            False,
            "the header of this block of text is wrong",
            "write | or > at the end of the line, and the text below it, indented",
        ),
        ("document start", False, "the document ends before this", "delete what does not belong to it"),
    )
)


def syntax_error(composer: Composer, text: str, error: Any) -> Finding:
    """What the parser did not understand, in words that help."""
    file, mark, context = composer.places.file, error.problem_mark, str(error.context)
    char = text[mark.index : mark.index + 1]
    found = _unmerged(text, mark) or _odd_space(text, mark) or _outdented(text, error)
    found = found or _quote_error(composer.last, text, error) or _bracket_error(composer, text, error)
    if found is None and char == "\t":
        found = mark, "a tab is used where YAML requires spaces", "indent with spaces"
    at_mark, message, hint = found or _phrase(error)
    beyond = at_mark.line > text.count("\n")  # the parser puts a line break at the end where there is none
    at = location_in(file, text, len(text)) if beyond else Location(file, at_mark.line + 1, at_mark.column + 1)
    path = redacted_pointer(composer.pointer()) if "quoted scalar" in context else ""
    if "Unicode character" in error.problem and (half := _SURROGATE.match(text, mark.index)) is not None:
        return refused_character(at, chr(int(half[1], 16)), path)
    return Finding(at=at, code="YAML005", path=path, message=message, hint=hint)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place in the text, counted from 0 as PyYAML does."""

    index: int
    line: int
    column: int


_CONFLICT = lazy_pattern(r"^(?:<{7} .*|={7}|>{7} .*)$", re.MULTILINE)
_ODD_SPACE = lazy_pattern(r"^[ \t]*([\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])", re.MULTILINE)


def _mark_of(text: str, index: int) -> _Mark:
    return _Mark(index, text.count("\n", 0, index), index - text.rfind("\n", 0, index) - 1)


def _unmerged(text: str, mark: Any) -> tuple[Any, str, str] | None:
    """The marks that Git leaves where two sides changed the same lines."""
    found = _CONFLICT.search(text)
    if found is None or found.start() > mark.index:
        return None
    hint = "keep one side or both, and delete the lines with <<<<<<<, ======= and >>>>>>>"
    return _mark_of(text, found.start()), "an unresolved merge conflict begins here", hint


def _odd_space(text: str, mark: Any) -> tuple[Any, str, str] | None:
    """A space that looks like one and is none to YAML, in the indentation of the line or of the one above."""
    begin = text.rfind("\n", 0, max(text.rfind("\n", 0, mark.index), 0)) + 1
    end = text.find("\n", mark.index)
    found = _ODD_SPACE.search(text, begin, end if end >= 0 else len(text))
    if found is None:
        return None
    name = unicodedata.name(found[1]).lower() if found[1] == "\u00a0" else "space that is not ASCII"
    message = f"a {name} (U+{ord(found[1]):04X}) is in the indentation"
    return _mark_of(text, found.start(1)), message, "indent with plain spaces"


def _outdented(text: str, error: Any) -> tuple[Any, str, str] | None:
    """A key further left than the lines around it: the parser takes the next line for text that continues it."""
    if "mapping values are not allowed" not in str(error.problem):
        return None
    lines = [line for line in enumerate(text.split("\n")[: error.problem_mark.line + 1]) if line[1].strip()]
    if len(lines) < 3:
        return None
    (_, above), (number, stray), (_, here) = lines[-3:]
    depths = [len(line) - len(line.lstrip(" ")) for line in (above, stray, here)]
    if not (depths[1] < depths[0] == depths[2] and _FIELD.match(stray) and not stray.rstrip().endswith(":")):
        return None
    index = sum(len(line) + 1 for line in text.split("\n")[:number]) + depths[1]
    message = "this line is indented less than the lines around it"
    return _Mark(index, number, depths[1]), message, f"indent it by {depths[0]} spaces, as they are"


def _quote_error(last: Any, text: str, error: Any) -> tuple[Any, str, str] | None:
    """An error just behind a quoted text: the quote that was to close it may be the next one that opens."""
    if getattr(last, "style", None) not in ("'", '"') or "parsing" not in str(error.context):
        return None
    start, end, problem = last.start_mark, last.end_mark, error.problem_mark
    if end.line != problem.line or text[end.index : problem.index].strip():
        return None
    if start.line < end.line:
        message = f"the quote that opens here is closed only in line {end.line + 1}"
        return start, message, "close it where the text ends"
    if "flow" in error.context:
        return None
    hint = 'put quotes around the whole text, and \\" for a quote within'
    return problem, "text follows the closing quote", hint


def _bracket_error(composer: Composer, text: str, error: Any) -> tuple[Any, str, str] | None:
    """A bracket too few or too many."""
    problem, context = error.problem_mark, str(error.context)
    if "parsing a flow" in context:
        opener = composer.frames[-1].mark or problem
        begin = text.rfind("\n", 0, problem.index) + 1
        is_field = problem.line > opener.line and _FIELD.match(text, begin) and ": " not in text[begin : problem.index]
        if is_field or problem.index >= len(text):
            return opener, "the bracket that opens here is not closed", "close it where the list or map ends"
        if "node" not in context:
            message = "a comma or the closing bracket is missing here"
            return problem, message, "separate items by commas, and close the bracket"
    if text[problem.index : problem.index + 1] in ("]", "}") and "quoted" not in context:
        return problem, "this bracket has no opening counterpart", "delete it, or put the text in quotes"
    return None


def _phrase(error: Any) -> tuple[Any, str, str]:
    said = f"{error.context} / {error.problem}"
    for pattern, at_context, message, hint in _PHRASES:
        if pattern.search(said):
            at_mark = error.context_mark if at_context and error.context_mark else error.problem_mark
            return at_mark, message, hint
    hint = "check the quotes, colons and indentation in this line and the one above"
    return error.problem_mark, "this is not valid YAML", hint
