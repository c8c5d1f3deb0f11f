"""Secrets that a text gives away by their shape alone: the patterns of `data/secrets.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from itertools import chain, pairwise
from typing import Any

from modelfleet.packaged import packaged_data

HIDDEN = "(hidden)"
"""Stands in a message for what is not shown."""

_SHORTEST = 12  # of what is a secret by its shape
_PIECE = re.compile(r"[A-Za-z0-9+]{16,}")
_WORD = re.compile(r"[a-z]{3,}")


@cache
def _data() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    found: Mapping[str, Any] = packaged_data("secrets")
    return found


@cache
def _shapes() -> re.Pattern[str]:
    """All shapes in one pattern, grouped by their first letter: where none of these stands, nothing is tried."""
    return re.compile(
        "|".join((*_beginnings("(?<![A-Za-z0-9]{first})"), *chain.from_iterable(_data()["contains"].values())))
    )


@cache
def _begun() -> re.Pattern[str]:
    return re.compile("|".join(_beginnings("(?<![A-Za-z0-9]{first})")))


@cache
def _anywhere() -> re.Pattern[str]:
    """The same, wherever a text holds them: for what is shown, where it is better to hide too much."""
    return re.compile("|".join((*_beginnings(""), *chain.from_iterable(_data()["contains"].values()))))


def _beginnings(before: str) -> list[str]:
    """The shapes that begin in the same way, as one pattern for each first letter; a shape that begins with a choice alone."""
    rests: dict[str, list[str]] = {}
    others: list[str] = []
    for shape in chain.from_iterable(_data()["begins"].values()):
        if shape[0].isalnum():
            rests.setdefault(shape[0], []).append(shape[1:])
        else:
            others.append(f"(?<![A-Za-z0-9]){shape}" if before else shape)
    return [f"{first}{before.format(first=first)}(?:{'|'.join(rest)})" for first, rest in rests.items()] + others


def shape_in(text: str) -> str | None:
    """What the first secret in a text looks like."""
    if len(text) < _SHORTEST or _anywhere().search(text) is None:  # a pattern costs more to compile than to try
        return None
    match = _shapes().search(text)
    if match is None:
        return None
    begun = _begun().search(text) or match  # a token says more than the header that it stands in
    kinds = chain(_data()["begins"].items(), _data()["contains"].items())
    return next(kind for kind, shapes in kinds if any(re.compile(shape).match(text, begun.start()) for shape in shapes))


_LONG = re.compile(r"[A-Za-z0-9_~.+/=:@%-]{16,}")


def without_shapes(text: str) -> str:
    """A text without the long words that hold the shape of a secret: the last thing before anything is printed."""
    return _LONG.sub(lambda word: HIDDEN if holds_shape(word[0]) else word[0], text)


@lru_cache(maxsize=4096)
def holds_shape(text: str) -> bool:
    """Whether the shape of a secret stands anywhere in a text, also within a word."""
    return len(text) >= _SHORTEST and _anywhere().search(text) is not None


_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}(?![0-9A-Za-z])")
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
