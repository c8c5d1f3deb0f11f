"""What differs between two versions of an object, by meaning: equal quantities, keys in another order are not a difference.

How lists are compared is written in `data/effects.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.differences import ABSENT, FieldDifference, as_values, differences
from modelfleet.kubernetes.objects import Object, same_value
from modelfleet.kubernetes.quantity import QUANTITY_FIELDS, QUANTITY_MAPS, canonical_amount
from modelfleet.serving.knowledge import knowledge


def canonical_object(item: Object) -> Object:
    """The object with its quantities as the cluster spells them, without empty lists that webhooks drop, without defaults."""
    facts = knowledge()
    dropped = frozenset(facts["dropped"])

    def nothing(key: Any, value: Any) -> bool:
        if key in dropped and value == []:
            return True
        return key in facts["defaults"] and same_value(value, facts["defaults"][key])

    def walk(value: Any, field: str) -> Any:
        if isinstance(value, dict):
            inner = {key: walk(child, str(key)) for key, child in value.items()}
            if field in QUANTITY_MAPS:
                return {key: canonical_amount(child) for key, child in inner.items()}
            return {key: child for key, child in inner.items() if not nothing(key, child)}
        if isinstance(value, list):
            return [walk(child, "") for child in value]
        return canonical_amount(value) if field in QUANTITY_FIELDS else value

    found: Object = walk(item, "")
    return found


def by_meaning(before: Any, after: Any, pointer: Pointer) -> list[FieldDifference]:
    """The view of a plan on two canonical objects: an item of a list is called by its key where it has one.

    A part that is all new or all gone is taken field by field, as rules speak of fields.
    """
    if isinstance(before, list) and isinstance(after, list):
        return list(_of_lists(before, after, pointer))
    if isinstance(before, dict) and before and after is ABSENT:
        return [FieldDifference(place, value, ABSENT) for place, value in _leaves(before, pointer)]
    if isinstance(after, dict) and after and before is ABSENT:
        return [FieldDifference(place, ABSENT, value) for place, value in _leaves(after, pointer)]
    return as_values(before, after, pointer)


def _leaves(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, (*pointer, key))
    else:
        yield pointer, value


def _of_lists(before: list[Any], after: list[Any], pointer: Pointer) -> Iterator[FieldDifference]:
    rule = knowledge()["lists"].get(pointer[-1] if pointer else "", {})
    in_pods = rule.get("order") != "none"
    if "key" in rule:
        old, new = _keyed(before, rule["key"]), _keyed(after, rule["key"])
        if old is not None and new is not None:
            for name in (*new, *(name for name in old if name not in new)):
                if name in old and name in new:
                    yield from differences(old[name], new[name], by_meaning, (*pointer, name))
                else:
                    yield FieldDifference((*pointer, name), old.get(name, ABSENT), new.get(name, ABSENT))
            kept, now = [name for name in old if name in new], [name for name in new if name in old]
            if in_pods and kept != now:
                yield FieldDifference(pointer, kept, now, reordered=True)
            return
    if not in_pods:
        before, after = sorted(before, key=_text), sorted(after, key=_text)
    if not same_value(before, after):
        reordered = sorted(before, key=_text) == sorted(after, key=_text)
        yield FieldDifference(pointer, before, after, reordered)


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
