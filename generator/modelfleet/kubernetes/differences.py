"""What differs between two values of plain data: the one walk through both, of which patches, plans and checks are views.

Maps are compared key by key. What two other values come to is for the view to say: whether lists are walked item by item,
and what a whole part stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.objects import same_value
from modelfleet.records import dataclass


class Absent:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


FieldPath = tuple[str, ...]
"""The way to a field, in words; an item of a list may be called by what tells it from others."""


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One place at which two values differ. `reordered`: the same items of a list in another order."""

    pointer: Pointer
    before: Any
    after: Any
    reordered: bool = False

    @property
    def path(self) -> FieldPath:
        """The pointer as words, for rules on fields."""
        return tuple(map(str, self.pointer))


DifferenceView = Callable[[Any, Any, Pointer], list[FieldDifference]]
"""The differences of two values that differ and are not both maps."""

KnownDifferences = dict[tuple[int, int, Pointer], list[FieldDifference]]
"""Differences by what they are of, and where; for objects that share parts, which are then compared once."""


def as_values(before: Any, after: Any, pointer: Pointer) -> list[FieldDifference]:
    """A difference of the whole values: a list that differs is another list."""
    return [FieldDifference(pointer, before, after)]


def item_by_item(before: Any, after: Any, pointer: Pointer) -> list[FieldDifference]:
    """Lists item by item, by their places."""
    if not isinstance(before, list) or not isinstance(after, list):
        return as_values(before, after, pointer)
    found = []
    for index in range(max(len(before), len(after))):
        old, new = (side[index] if index < len(side) else ABSENT for side in (before, after))
        found += differences(old, new, item_by_item, (*pointer, index))
    return found


def differences(
    before: Any,
    after: Any,
    view: DifferenceView = as_values,
    pointer: Pointer = (),
    known: KnownDifferences | None = None,
) -> list[FieldDifference]:
    """Every place at which two values differ, in the order of the newer one; what is only in the older one comes last."""
    if same_value(before, after):
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return view(before, after, pointer)
    place = (id(before), id(after), pointer)
    if known is not None and place in known:
        return known[place]
    found = []
    for key in (*after, *(key for key in before if key not in after)):
        found += differences(before.get(key, ABSENT), after.get(key, ABSENT), view, (*pointer, key), known)
    if known is not None:
        known[place] = found
    return found
