"""Patterns that are compiled late are the same patterns."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import modelfleet
from modelfleet.patterns import lazy_pattern, lazy_patterns

PACKAGE = Path(modelfleet.__file__).parent
MODULES = sorted(
    "modelfleet." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if "lazy_pattern(" in path.read_text()
)


def test_it_has_what_a_compiled_pattern_has() -> None:
    late, early = lazy_pattern(r"(a)\s(b)", re.IGNORECASE), re.compile(r"(a)\s(b)", re.IGNORECASE)
    for _ in range(2):
        found, meant = late.fullmatch("A b"), early.fullmatch("A b")
        assert found is not None
        assert meant is not None
        assert (found.groups(), late.sub("x", "a b a"), late.pattern, late.flags) == (
            meant.groups(),
            early.sub("x", "a b a"),
            early.pattern,
            early.flags,
        )
    assert lazy_pattern(rb"\d").findall(b"a1") == [b"1"]
    with pytest.raises(AttributeError, match="object has no attribute 'nothing'"):
        late.nothing  # type: ignore[attr-defined] # noqa: B018 - that is what is tried


def test_what_is_no_pattern_is_refused_when_it_is_tried() -> None:
    wrong = lazy_pattern("(")
    with pytest.raises(re.error, match="unterminated subpattern"):
        wrong.search("(")


@pytest.mark.parametrize("name", MODULES)
def test_every_pattern_of_a_module_is_one(name: str) -> None:
    found = list(patterns_in(vars(importlib.import_module(name))))
    assert found
    assert all(one.pattern for one in found)


def patterns_in(value: Any) -> Iterator[re.Pattern[str]]:
    """Those of a module, also within its tables."""
    if isinstance(value, type(lazy_pattern(""))):
        yield value
    elif isinstance(value, dict | tuple | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from patterns_in(inner)


def test_only_what_is_imported_within_compiles_late() -> None:
    before = re.compile
    with pytest.raises(ZeroDivisionError), lazy_patterns():
        assert re.compile is lazy_pattern
        raise ZeroDivisionError
    assert re.compile is before
