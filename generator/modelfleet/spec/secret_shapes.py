"""Secrets that a text gives away by their shape alone: the patterns of `data/secrets.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from modelfleet.packaged import packaged_data
from modelfleet.patterns import lazy_pattern

HIDDEN = "(hidden)"
"""Stands in a message for what is not shown."""

_SHORTEST = 12  # of what is a secret by its shape
_PLAIN = lazy_pattern(r"""(?:[A-Za-z0-9_~:/&=-](?![?*+{])|\\[.$?"](?![?*+{]))+""")  # what means itself in a pattern
_PIECE = lazy_pattern(r"[A-Za-z0-9+]{16,}")
_WORD = lazy_pattern(r"[a-z]{3,}")


class Shape(NamedTuple):
    """A secret's shape: what it is, a text that every one of it holds, and the pattern, anywhere and where no word goes on."""

    kind: str
    holds: str
    anywhere: re.Pattern[str]
    apart: re.Pattern[str]


@cache
def known_shapes() -> Mapping[str, Sequence[Shape]]:
    """By part of the data, in its order. Each is a pattern by itself, so that only those are compiled that a text may hold."""
    return {
        part: [_shape(part, kind, written) for kind, shapes in kinds.items() for written in shapes]
        for part, kinds in packaged_data("secrets").items()
    }


def _shape(part: str, kind: str, written: str | Mapping[str, str]) -> Shape:
    if isinstance(written, str):
        begun = _PLAIN.match(written)
        pattern, holds = written, begun[0].replace("\\", "") if begun is not None else ""
    else:
        pattern, holds = written["shape"], written["holds"]
    before = "(?<![A-Za-z0-9])" if part == "begins" else ""
    return Shape(kind, holds, lazy_pattern(pattern), lazy_pattern(before + pattern))


def shape_in(text: str) -> str | None:
    """What the first secret in a text looks like; a token says more than the header or the address that it stands in."""
    if len(text) < _SHORTEST:
        return None
    for shapes in known_shapes().values():
        found = [
            (match.start(), shape.kind)
            for shape in shapes
            if shape.holds in text and (match := shape.apart.search(text))
        ]
        if found:
            return min(found, key=itemgetter(0))[1]
    return None


_LONG = lazy_pattern(r"[A-Za-z0-9_~.+/=:@%-]{16,}")


def without_shapes(text: str) -> str:
    """A text without the long words that hold the shape of a secret: the last thing before anything is printed."""
    return _LONG.sub(lambda word: HIDDEN if holds_shape(word[0]) else word[0], text)


@lru_cache(maxsize=4096)
def holds_shape(text: str) -> bool:
    """Whether the shape of a secret stands anywhere in a text, also within a word."""
    if len(text) < _SHORTEST:
        return False
    shapes = [shape for some in known_shapes().values() for shape in some if shape.holds in text]
    return any(shape.anywhere.search(text) for shape in shapes)


_DIGEST = lazy_pattern(r"@sha256:[0-9a-f]{64}(?![0-9A-Za-z])")
"""That of an image, which is public and tells one image from another."""


def may_be_secret(text: str) -> bool:
    """Whether a text, or a part of it, could be a secret: such a text is never shown."""
    if len(text) < _SHORTEST:
        return False
    if holds_shape(text):
        return True
    pieces = _PIECE.findall(_DIGEST.sub("", text))
    return any(_mixed(piece) or len(piece) >= 32 for piece in pieces if not (piece.isdigit() or has_words(piece)))


def _mixed(piece: str) -> bool:
    """Whether letters and digits, or capitals and small letters, follow one another as in no name."""
    kinds = ["A" if char.isupper() else "a" if char.islower() else "0" for char in piece]
    return sum(a != b for a, b in pairwise(kinds)) >= 0.48 * len(piece)


def has_words(piece: str) -> bool:
    """Whether half of a string are words, as in a name of several words that begin with capitals."""
    return 2 * sum(map(len, _WORD.findall(piece))) >= len(piece)
