"""JSON 6902 as we apply and make it, against `jsonpatch`."""

from __future__ import annotations

import copy
import re
from typing import Any

import jsonpatch
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from modelfleet.kubernetes.json_patch import PatchFailed, apply_patch, patch_between

KEYS = st.sampled_from(["a", "b", "0", "00", "1", "", "a/b", "~", "~1", "é"])
LEAVES = st.sampled_from(["x", 0, 1, True, False, None, 0.5, ""])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=10
)
MAPS = st.dictionaries(KEYS, VALUES, max_size=4)
STEPS = st.sampled_from(["a", "b", "0", "00", "01", "1", "2", "+1", "-1", "-", "", "a~1b", "~0", "~01", "é", "²"])
PATHS = st.lists(STEPS, min_size=1, max_size=3).map(lambda steps: "".join(f"/{step}" for step in steps))
PATCHES = st.fixed_dictionaries({"op": st.sampled_from(["add", "replace", "remove"]), "path": PATHS, "value": VALUES})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MAPS, MAPS)
def test_the_patch_between_two_objects_makes_one_of_the_other(old: Any, new: Any) -> None:
    steps = patch_between(old, new)
    assert repr(jsonpatch.apply_patch(copy.deepcopy(old), steps)) == repr(_as_merged(old, new))
    assert apply_patch(old, tuple(steps)) == new


def _as_merged(old: Any, new: Any) -> Any:
    """The new object in the order of keys in which a patch leaves it."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    kept = {key: _as_merged(old[key], new[key]) for key in old if key in new}
    return {**kept, **{key: value for key, value in new.items() if key not in kept}}


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(MAPS, PATCHES)
@example({"a": "x"}, {"op": "remove", "path": "/a/0", "value": "x"})
def test_a_step_does_the_same(document: Any, step: dict[str, Any]) -> None:
    kept = copy.deepcopy(document)
    try:
        wanted: Any = jsonpatch.apply_patch(copy.deepcopy(document), [step])
    except (
        jsonpatch.JsonPatchException,
        jsonpatch.JsonPointerException,
        TypeError,
    ):  # that for what is inside of a text
        wanted = None
    try:
        found = apply_patch(document, (step,))
    except PatchFailed:
        found = None
    assert document == kept
    if found is None and re.search(r"/0[0-9]+(/|$)", step["path"]):
        return  # RFC 6901 knows no index with leading zeros, which `jsonpatch` takes where it adds
    assert found == wanted


@pytest.mark.parametrize("index", ["00", "01", "+1", "-1", "²", "1e0", "9" * 5000])
def test_what_is_not_an_index_is_refused(index: str) -> None:
    with pytest.raises(PatchFailed) as refused:
        apply_patch({"a": ["x", "y"]}, ({"op": "replace", "path": f"/a/{index}", "value": "z"},))
    assert refused.value.message == f"the list has no item {index!r}"
