"""Patterns that are compiled when they are first tried: a start defines 140 of them and tries a third.

To compile them took a sixth of the time of a `check` of one model. A single one of PyYAML's, which nothing tries where libyaml
reads, took a third of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

__all__ = ["lazy_pattern", "lazy_patterns"]

_compile = re.compile


class _LazyPattern:
    """Has the attributes of `re.compile(*given)`; wrong patterns are refused when they are first tried."""

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        value = self.__dict__[name] = getattr(_compile(*self._given), name)  # found without this function from now on
        return value


if TYPE_CHECKING:
    lazy_pattern = re.compile
else:
    lazy_pattern = _LazyPattern


@contextmanager
def lazy_patterns() -> Iterator[None]:
    """Makes those lazy that libraries compile while they are imported."""
    re.compile = lazy_pattern
    try:
        yield
    finally:
        re.compile = _compile
