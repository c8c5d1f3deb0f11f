"""Where the keys and values of a document stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Generic, TypeVar

from modelfleet.finding import Location, Pointer
from modelfleet.spec.limits import MAX_BYTES

WIDTH = MAX_BYTES << 1
"""A place is line * WIDTH + column, counted from 0: one number for each node."""

MAPPING, SEQUENCE, END = -1, -2, -3
_Entry = TypeVar("_Entry")


class Places:
    """Where everything stands, as it was met; made into tables by pointer once somebody asks."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.trail: list[str | int] = []
        """A key: text, place. A scalar: place. A list or mapping: kind, place, what is in it, END."""
        self.raw: dict[int, str] = {}
        """By index of the trail: the text of what became a number or a truth value."""

    @cached_property
    def tables(self) -> tuple[dict[Pointer, Location], dict[Pointer, Location], dict[Pointer, str]]:
        """Keys, values and raw texts by pointer; of a key that is written twice the first."""
        keys: dict[Pointer, Location] = {}
        values: dict[Pointer, Location] = {}
        raw: dict[Pointer, str] = {}
        open_ones: list[tuple[Pointer, int]] = []
        base: Pointer = ()
        here: Pointer = ()
        index = -1  # of the next item where a list is open
        trail = iter(enumerate(self.trail))
        for position, item in trail:
            if isinstance(item, str):
                here = (*base, item)
                keys.setdefault(here, self.location(next(trail)[1]))
                continue
            if item == END:
                base, index = open_ones.pop()
            elif item < 0:
                values.setdefault(here, self.location(next(trail)[1]))
                open_ones.append((base, index))
                base, index, here = here, -1 if item == MAPPING else 0, (*here, 0)
                continue
            else:
                values.setdefault(here, self.location(item))
                if position in self.raw:
                    raw.setdefault(here, self.raw[position])
            if index >= 0:
                index += 1
                here = (*base, index)
        return keys, values, raw

    def location(self, place: str | int) -> Location:
        """A number from the trail as a location."""
        line, column = divmod(int(place), WIDTH)
        return Location(self.file, line + 1, column + 1)


class Table(Mapping[Pointer, _Entry], Generic[_Entry]):
    """One of the tables of places, read-only."""

    def __init__(self, places: Places, number: int) -> None:
        self._places, self._number = places, number

    def __getitem__(self, pointer: Pointer) -> _Entry:
        table: dict[Pointer, _Entry] = self._places.tables[self._number]  # type: ignore[assignment]  # by its number
        return table[pointer]

    def __iter__(self) -> Iterator[Pointer]:
        return iter(self._places.tables[self._number])

    def __len__(self) -> int:
        return len(self._places.tables[self._number])

    def __repr__(self) -> str:
        return repr(dict(self))
