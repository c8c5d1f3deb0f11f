"""YAML as an API server reads it, of objects that kustomize has printed or somebody has committed.

What is read here is ours or kustomize's own and mostly plain, so that it is fast is what counts; manifests of any origin,
with the place of every value, are read by `admit_reading`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class ParsedObject:
    """An object, and its YAML."""

    item: Mapping[str, Any]
    text: bytes


def objects_of(stream: bytes) -> list[ParsedObject]:
    """The objects of kustomize's output, as an API server reads them."""
    import yaml

    texts = re.split(rb"(?m)^---\n", stream)
    return [ParsedObject(yaml.load(text, Loader=_loader()), text) for text in texts if text.strip()]


# What an API server makes of bare words and numbers: the YAML of Kubernetes reads `y` as true and `1e3` as a number,
# PyYAML reads neither so. Source: sigs.k8s.io/yaml, goyaml.v2/resolve.go.
_NUMBER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*)"
    r"|[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
)

_TRUE = ("y", "yes", "on", "true")
_FALSE = ("n", "no", "off", "false")
_SPELLINGS = {f(word) for word in (*_TRUE, *_FALSE) for f in (str.lower, str.upper, str.capitalize)}
_TAG = "tag:yaml.org,2002:"


@lru_cache(maxsize=1)
def _loader() -> Any:
    import yaml

    words = re.compile(f"(?:{'|'.join(sorted(_SPELLINGS))})$")
    null = re.compile(r"(?:~|null|Null|NULL|)$")
    number = re.compile(f"(?:{_NUMBER.pattern})$")
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tagged, firsts, pattern in (
        ("bool", "yYnNtTfFoO", words),
        ("null", "~nN", null),
        ("float", "-+.0123456789", number),
    ):
        for first in (*firsts, *([""] if tagged == "null" else ())):
            resolvers.setdefault(first, []).append((_TAG + tagged, pattern))

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the one or the other
        yaml_implicit_resolvers = resolvers

        def construct_document(self, node: Any) -> Any:
            """The value of a document: PyYAML's own way takes three times as long, and is for what is not plain."""
            try:
                return _plain(node, set())
            except _NotPlain:
                return super().construct_document(node)

    Loader.add_constructor(f"{_TAG}bool", lambda loader, node: _true(node.value))
    for tagged in ("int", "float"):
        Loader.add_constructor(_TAG + tagged, lambda loader, node: number_of(node.value))
    return Loader


class _NotPlain(Exception):
    """A document that says what its values are, uses one twice, or has keys that are no scalars."""


def _plain(node: Any, met: set[int]) -> Any:
    """The value of a node; `met` are the collections above and before it."""
    if isinstance(node.value, str):
        return _scalar(node)
    if id(node) in met:
        raise _NotPlain
    met.add(id(node))
    if node.tag == f"{_TAG}map":
        return {_scalar(key): _plain(value, met) for key, value in node.value}
    if node.tag == f"{_TAG}seq":
        return [_plain(item, met) for item in node.value]
    raise _NotPlain


def _scalar(node: Any) -> Any:
    made = _SCALARS.get(node.tag)
    if made is None or not isinstance(node.value, str):
        raise _NotPlain
    return made(node.value)


def _true(word: str) -> bool:
    return word.lower() in _TRUE


def number_of(text: str) -> int | float:
    """The number that Kubernetes reads: `017` is octal, `08` is no octal and so a fraction."""
    plain = text.replace("_", "").lower()
    if plain.endswith(("inf", "nan")):
        return float(plain.replace(".", ""))
    digits = plain.lstrip("+-")
    try:
        octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
        return int(plain, 8 if octal else 0)
    except ValueError:
        return float(plain)


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    f"{_TAG}str": str,
    f"{_TAG}bool": _true,
    f"{_TAG}null": lambda word: None,
    f"{_TAG}float": number_of,
    f"{_TAG}int": number_of,
}
