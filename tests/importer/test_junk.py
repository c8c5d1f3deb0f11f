"""Objects with junk in them are imported as far as they go: never a traceback, never a spec that `check` refuses."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from console import TESTS
from found_objects import read_objects
from modelfleet.finding import Rejected
from modelfleet.importer.command import project_import
from modelfleet.importer.write import written_files
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet

SETS = sorted(path.parent for path in (TESTS / "sets").glob("*/given"))
JUNK: list[Any] = [
    None,
    0,
    -1,
    1.5,
    "",
    "x",
    True,
    [],
    {},
    [None],
    ["a"],
    [{}],
    {"a": 1},
    "{{ x }}",
    "$(A)",
    "a/b",
    "[[",
    "--x",
]
JUNK += [
    "A" * 300,
    "\u00e9",
    10**30,
    "1e9",
    {"name": "x"},
    [{"name": "x"}],
    [[1]],
    "2024-01-01",
    "\n",
    "hf://x",
    "pvc://c/d",
]
KEYS = ("x", "name", "replicas", "containers", "env", "A b", "annotations", "patch")
NEEDED = (("kind",), ("apiVersion",), ("metadata",), ("metadata", "name"))


@cache
def objects(folder: Path) -> list[Any]:
    return list(read_objects(sorted((folder / "given").glob("*.yaml"))).values())


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(child, (*way, key))


def spoilt(items: list[Any], draw: random.Random) -> list[Any]:
    """The objects with junk in one to three places."""
    items = deepcopy(items)
    for _ in range(draw.randint(1, 3)):
        item = draw.choice(items)
        ways = [way for way in places(item) if way and way not in NEEDED]
        if not ways:
            continue
        way = draw.choice(ways)
        holder = item
        for step in way[:-1]:
            holder = holder[step]
        what = draw.random()
        if what < 0.25:
            del holder[way[-1]]
        elif what < 0.8:
            holder[way[-1]] = draw.choice(JUNK)
        elif isinstance(holder, dict):
            holder[draw.choice(KEYS)] = draw.choice(JUNK)
        else:
            holder.insert(0, draw.choice(JUNK))
    return items


def try_junk(seed: int, root: Path) -> None:
    draw = random.Random(seed)
    folder = draw.choice(SETS)
    rules = yaml.safe_load((folder / "set.yaml").read_bytes())
    content = "---\n".join(emit.dump(item) for item in spoilt(objects(folder), draw)).encode()
    (root / "environments").mkdir(parents=True)
    (root / "environments/prod.yaml").write_text(rules["environment"], encoding="utf-8")
    try:
        outcome = project_import(root, rules["project"], "prod", ["-"], lambda: content)
    except Rejected as rejected:
        assert {finding.code for finding in rejected.findings} == {"IMP001"}, [one.text() for one in rejected.findings]
        return
    if outcome.refused:  # nothing of it can be served
        assert [finding.text().partition(": ")[2] for finding in outcome.refused] == [
            "error[SPEC003]: in prod: 'models' is missing; add models: {<name>: {runtime, location, ...}}"
        ]
        return
    written_files(root, outcome.files)
    assert len(fleet(root, though_crowded=True).deployed) == 1


@pytest.mark.parametrize("start", range(0, 60, 15))
def test_junk_is_taken_out_and_named(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 15):
        try_junk(seed, tmp_path / str(seed))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 3000, 100))
def test_much_junk_is_taken_out_and_named(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 100):
        try_junk(seed, tmp_path / str(seed))
