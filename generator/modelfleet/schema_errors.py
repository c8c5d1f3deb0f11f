"""Where the errors of jsonschema-rs are, exactly: its own paths take keys such as "007" and "+1" for the number 7 and 1, and leave
out keys that are empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from modelfleet.finding import Pointer, pointer_in
from modelfleet.patterns import lazy_pattern

_TAKEN_FOR_NUMBER = lazy_pattern(r"\+?[0-9]+", re.ASCII)


class ErrorPlaces:
    """Where errors are in data that was found wrong; the data is searched once, however many errors there are."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def pointers(self, error: Any) -> list[Pointer]:
        """The ways to the values of which an error speaks; more than one where its path could be that of several.

        The same is wrong with all of them: they stand at the same path for a schema without such keys of its own, and are equal.
        """
        steps = error.instance_path
        plain = pointer_in(self.data, steps)
        if not self._odd:
            return [plain]
        candidates = list(_candidates(self.data, list(steps), ()))
        in_key = getattr(error.kind, "error", None)  # of propertyNames
        if in_key is not None:
            fitting = [way for way, value in candidates if isinstance(value, dict) and in_key.instance in value]
        else:
            fitting = [
                way for way, value in candidates if type(value) is type(error.instance) and value == error.instance
            ]
        return fitting or [plain]

    @cached_property
    def _odd(self) -> bool:
        return _has_odd_key(self.data)


def _has_odd_key(data: Any) -> bool:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if any(_is_odd(key) for key in value):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _is_odd(key: str) -> bool:
    return not key or (
        _TAKEN_FOR_NUMBER.fullmatch(key) is not None and (key[0] == "+" or (key[0] == "0" and len(key) > 1))
    )


def _candidates(value: Any, steps: Sequence[str | int], way: Pointer) -> Iterator[tuple[Pointer, Any]]:
    if not steps:
        yield way, value
    if isinstance(value, dict):
        if "" in value:
            yield from _candidates(value[""], steps, (*way, ""))
        for key in _alike(value, steps[0]) if steps else ():
            yield from _candidates(value[key], steps[1:], (*way, key))
    elif isinstance(value, list) and steps and isinstance(steps[0], int) and steps[0] < len(value):
        yield from _candidates(value[steps[0]], steps[1:], (*way, steps[0]))


def _alike(value: dict[str, Any], step: str | int) -> Iterator[str]:
    """The keys that could be meant by a step."""
    if isinstance(step, str):
        if step in value:
            yield step
        return
    for key in value:
        if _TAKEN_FOR_NUMBER.fullmatch(key) and len(key) < 4000 and int(key) == step:
            yield key
