"""Words for people: lists, plurals, the nearest of what exists, and text that a terminal can show."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

_BIDIRECTIONAL = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(text: str) -> str:
    """The text with everything that could disturb a terminal or a log written as an escape."""
    if "##[" in text:
        text = text.replace(
            "##[", "\\u0023#["
        )  # a runner of workflows takes it for a command, wherever it stands in a line
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"\\u{ord(char):04x}" if char in _BIDIRECTIONAL or unicodedata.category(char) in _UNPRINTABLE else char
        for char in text
    )


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if one is near."""
    import difflib

    lowered = {name.lower(): name for name in sorted(known)}
    found = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """A hint that asks whether a known word was meant; where none is near, something else to say."""
    near = closest(word, known)
    return f"did you mean {near!r}?" if near else otherwise


def choices(words: Sequence[str], most: int = 12) -> str:
    """What there is to choose from: `there are a, b and c`, or `there is only a`."""
    return f"there {'is only' if len(words) == 1 else 'are'} {listed(words, most)}"


def either(words: Iterable[object]) -> str:
    """Choices as people say them: `a, b or c`. Null is none that anybody should make."""
    *first, last = [str(word) for word in words if word is not None]
    return f"{', '.join(first)} or {last}" if first else last


def plural(count: int, word: str, several: str = "") -> str:
    """`1 model`, `2 models`; `several` is a plural that does not just end with an s."""
    return f"{count} {word}" if count == 1 else f"{count} {several or f'{word}s'}"


def listed(words: Sequence[str], most: int = 12) -> str:
    """Words for a message: `a, b, c and 4 more`."""
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most} more" if len(words) > most else shown
