"""The one walk through two values, and its plain views."""

from __future__ import annotations

from typing import Any

import pytest

from modelfleet.kubernetes.differences import ABSENT, FieldDifference, KnownDifferences, differences, item_by_item


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": 1, "b": [1]}, {"b": [1], "a": 1}, []),
        (1, True, [FieldDifference((), 1, True)]),
        ({"a": 1, "b": 2, "c": 3}, {"d": 4, "c": 0, "b": 2}, [
            FieldDifference(("d",), ABSENT, 4), FieldDifference(("c",), 3, 0), FieldDifference(("a",), 1, ABSENT),
        ]),
        ({"a": {"b": None}}, {"a": {}}, [FieldDifference(("a", "b"), None, ABSENT)]),
        ({}, {"a": {"b": 1}}, [FieldDifference(("a",), ABSENT, {"b": 1})]),
        ({"a": {"b": 1}}, {"a": [1]}, [FieldDifference(("a",), {"b": 1}, [1])]),
        ({"a": [1, 2]}, {"a": [1]}, [FieldDifference(("a",), [1, 2], [1])]),
    ],
)  # fmt: skip
def test_maps_are_compared_key_by_key(before: Any, after: Any, found: list[FieldDifference]) -> None:
    assert differences(before, after) == found


def test_lists_can_be_compared_item_by_item() -> None:
    before, after = {"a": [{"b": 1}, 2, 3]}, {"a": [{"b": 0}, 2]}
    assert differences(before, after, item_by_item) == [
        FieldDifference(("a", 0, "b"), 1, 0),
        FieldDifference(("a", 2), 3, ABSENT),
    ]
    assert differences({"a": [1]}, {"a": 1}, item_by_item) == [FieldDifference(("a",), [1], 1)]


def test_parts_that_objects_share_are_compared_once() -> None:
    old, new = {"image": "a", "args": ["x"]}, {"image": "b", "args": ["x"]}
    known: KnownDifferences = {}
    first = differences({"name": "one", "spec": old}, {"name": "one", "spec": new}, known=known)
    assert first == [FieldDifference(("spec", "image"), "a", "b")]
    known[id(old), id(new), ("spec",)] = [FieldDifference(("spec", "image"), "known", "before")]
    assert differences({"name": "two", "spec": old}, {"name": "two", "spec": new}, known=known) == [
        FieldDifference(("spec", "image"), "known", "before")
    ]
