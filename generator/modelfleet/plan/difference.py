"""What differs between two versions of an object, by meaning: equal quantities, keys in another order are not a difference.

How lists are compared stands in `data/effects.yaml`. Also here: the difference as text for people, without secrets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from modelfleet.kubernetes.objects import Object, same_value
from modelfleet.kubernetes.quantity import NotAQuantity, canonical_quantity
from modelfleet.serving.knowledge import knowledge

Path = tuple[str, ...]
"""The way to a field; an item of a list with keys is called by them."""


class Absent:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class DifferenceStep:
    """One field that differs. `reordered`: the same items of a list in another order."""

    path: Path
    before: Any
    after: Any
    reordered: bool = False


def canonical_object(item: Object) -> Object:
    """The object with its quantities as the cluster spells them, without empty lists that webhooks drop, without defaults."""
    facts = knowledge()
    maps, fields, dropped = (
        frozenset(facts["quantities"]["maps"]),
        frozenset(facts["quantities"]["fields"]),
        frozenset(facts["dropped"]),
    )

    def nothing(key: Any, value: Any) -> bool:
        if key in dropped and value == []:
            return True
        return key in facts["defaults"] and same_value(value, facts["defaults"][key])

    def walk(value: Any, field: str) -> Any:
        if isinstance(value, dict):
            inner = {key: walk(child, str(key)) for key, child in value.items()}
            if field in maps:
                return {key: _amount(child) for key, child in inner.items()}
            return {key: child for key, child in inner.items() if not nothing(key, child)}
        if isinstance(value, list):
            return [walk(child, "") for child in value]
        return _amount(value) if field in fields else value

    found: Object = walk(item, "")
    return found


def _amount(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        return canonical_quantity(str(value))
    except NotAQuantity:
        return value


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[DifferenceStep]:
    """Every field of two canonical objects that differs, in the order of the newer one."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (*after, *(key for key in before if key not in after)):
            old, new = before.get(key, ABSENT), after.get(key, ABSENT)
            if not same_value(old, new):
                yield from differences(old, new, (*path, str(key)))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    elif isinstance(before, dict | list) and before and after is ABSENT:
        yield from _whole(before, path, lambda place, value: DifferenceStep(place, value, ABSENT))
    elif isinstance(after, dict | list) and after and before is ABSENT:
        yield from _whole(after, path, lambda place, value: DifferenceStep(place, ABSENT, value))
    elif not same_value(before, after):
        yield DifferenceStep(path, before, after)


def _whole(value: Any, path: Path, step: Callable[[Path, Any], DifferenceStep]) -> Iterator[DifferenceStep]:
    """A part that is all new or all gone: a map field by field, as rules speak of fields; a list as a whole."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _whole(child, (*path, str(key)), step)
    else:
        yield step(path, value)


def _of_lists(before: list[Any], after: list[Any], path: Path) -> Iterator[DifferenceStep]:
    rule = knowledge()["lists"].get(path[-1] if path else "", {})
    in_pods = rule.get("order") != "none"
    if "key" in rule:
        old, new = _keyed(before, rule["key"]), _keyed(after, rule["key"])
        if old is not None and new is not None:
            for name in (*new, *(name for name in old if name not in new)):
                if name in old and name in new:
                    yield from differences(old[name], new[name], (*path, name))
                else:
                    yield DifferenceStep((*path, name), old.get(name, ABSENT), new.get(name, ABSENT))
            kept, now = [name for name in old if name in new], [name for name in new if name in old]
            if in_pods and kept != now:
                yield DifferenceStep(path, kept, now, reordered=True)
            return
    if not in_pods:
        before, after = sorted(before, key=_text), sorted(after, key=_text)
    if not same_value(before, after):
        yield DifferenceStep(path, before, after, reordered=sorted(before, key=_text) == sorted(after, key=_text))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _keyed(items: list[Any], keys: list[str]) -> dict[str, Any] | None:
    """The items by what tells them apart; None where that is not so."""
    found: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, dict):
            return None
        words = [item[key] if isinstance(item[key], str) else _text(item[key]) for key in keys if key in item]
        name = " ".join(filter(None, words))
        if not name or name in found:
            return None
        found[name] = item
    return found
