"""A file is changed where it means something else, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from modelfleet.finding import Pointer
from modelfleet.migrate.rewrite import rewritten
from modelfleet.spec.load import parse

BEFORE = """\
# of the shop team
version: 1
platform: multi-model # for now

# asked for daily
servers:
  one: # the first
    size: Small
    models:
      # trained on Sundays
      rank: # the best
        framework: onnx-1 # exact
        location: {pvc: weights, path: "1"}
      flat: {framework: onnx-1, location: {pvc: weights, path: flat}} # model card 17
    note: |
      text: # not a comment

      more

environments:
  prod: {} # the only one
  test: {namespace: t, servers: {one: {size: Large}}}
"""


def data() -> Any:
    return parse(BEFORE.encode(), "").data


def rewrite(wanted: Mapping[str, Any], copies: Mapping[Pointer, Pointer] | None = None) -> str:
    return rewritten(BEFORE, wanted, copies or {})


def test_what_means_the_same_is_the_same_bytes() -> None:
    assert rewrite(data()) == BEFORE


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("platform",), "single-model", "platform: multi-model # for now", "platform: single-model # for now"),
        (("servers", "one", "size"), {"cpu": "1"}, "    size: Small\n", '    size: {cpu: "1"}\n'),
        (("environments", "prod"), {"a": [1, "x y", "a, b"]}, "prod: {} #", 'prod: {a: [1, x y, "a, b"]} #'),
        (("environments", "test", "servers", "one", "b"), True, "{size: Large}", "{size: Large, b: true}"),
        (("servers", "one", "note"), "short", "note: |\n      text: # not a comment\n\n      more\n", "note: short\n"),
        (
            ("servers", "one", "models", "flat", "framework"),
            "onnx",
            "flat: {framework: onnx-1,",
            "flat: {framework: onnx,",
        ),
        (("servers", "one", "models", "rank", "size"), "S", 'path: "1"}\n', 'path: "1"}\n        size: S\n'),
    ],
)
def test_a_value_is_put_in_its_place(path: tuple[str, ...], value: Any, old: str, new: str) -> None:
    wanted = data()
    inner = wanted
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert rewrite(wanted) == BEFORE.replace(old, new)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (("environments", "test", "namespace"), "{namespace: t, servers", "{servers"),
        (("environments", "test", "servers"), "{namespace: t, servers: {one: {size: Large}}}", "{namespace: t}"),
        (
            ("servers", "one", "models", "rank"),
            BEFORE[BEFORE.index("      # trained") : BEFORE.index("      flat")],
            "",
        ),
        (("servers",), BEFORE[BEFORE.index("\n# asked") : BEFORE.index("\nenvironments")], ""),
    ],
)
def test_an_entry_goes_with_its_comment(path: tuple[str, ...], old: str, new: str) -> None:
    wanted = data()
    inner = wanted
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    assert rewrite(wanted) == BEFORE.replace(old, new)


def test_a_copy_takes_its_comments_along() -> None:
    wanted = {key: value for key, value in data().items() if key != "environments"}
    served = data()["servers"]["one"]["models"]
    wanted["models"] = {"rank-s": {**served["rank"], "size": "Small"}, "flat-s": {**served["flat"], "size": "Small"}}
    wanted["environments"] = data()["environments"]
    models: Pointer = ("servers", "one", "models")
    copies: dict[Pointer, Pointer] = {("models", f"{name}-s"): (*models, name) for name in served}
    added = """
models:
  # trained on Sundays
  rank-s: # the best
    framework: onnx-1 # exact
    location: {pvc: weights, path: "1"}
    size: Small
  flat-s: {framework: onnx-1, location: {pvc: weights, path: flat}, size: Small} # model card 17
"""
    assert rewrite(wanted, copies) == BEFORE.replace("      more\n", f"      more\n{added}")


def test_some_items_of_a_list_go() -> None:
    text = "a:\n- one # 1\n- two # 2\n- three # 3\nb: [p, q, r]\n"
    assert rewritten(text, {"a": ["one", "three"], "b": ["q"]}, {}) == "a:\n- one # 1\n- three # 3\nb: [q]\n"


def test_a_file_in_one_line_stays_one() -> None:
    text = '{"version": 1, "servers": {"a": {}}, "environments": {}}'
    wanted = {"version": 1, "environments": {"prod": {"x": None}}}
    assert rewritten(text, wanted, {}) == '{"version": 1, "environments": {prod: {x: null}}}'
