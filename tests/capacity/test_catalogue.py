"""Cases of what finds no room, each with its near miss: `data/cases.yaml` says how they are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from console import modelfleet
from modelfleet.pipeline.fleet import fleet
from plan_repository import git

CATALOGUE: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "cases.yaml").read_text("utf-8"))
CASES = {case["id"]: case for case in CATALOGUE["cases"]}
STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")


@cache
def patterns(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.MULTILINE)


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def said(root: Path, case: Mapping[str, Any]) -> tuple[int, str]:
    write(root, CATALOGUE["base"])
    if "before" in case:
        write(root, case["before"])
        assert modelfleet(root, "render").code == 0
        git(root, "init", "-q", "-b", "main")
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "before")
    write(root, case.get("files", {}))
    words = case.get("run", "check").split()
    if words[0] == "plan":
        modelfleet(root, "render")
    done = modelfleet(root, *words)
    return done.code, f"{done.out}\n{done.err}"


@pytest.mark.parametrize("name", CASES)
def test_a_case(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    code, text = said(tmp_path, case)
    assert code in several(case["exit"]), text
    assert [each for each in several(case.get("says", [])) if not patterns(each).search(text)] == [], text
    assert [each for each in several(case.get("not_says", [])) if patterns(each).search(text)] == [], text
    places = several(case.get("at", []))
    assert not places or any(re.search(rf"(^|[\s(]){re.escape(place)}\b", text, re.MULTILINE) for place in places), text
    for holds in case.get("holds", []):
        assert str(built(tmp_path, holds)) == str(holds["value"])


def built(root: Path, holds: Mapping[str, Any]) -> Any:
    """What stands in an object as it will be in the cluster."""
    (one,) = (one for one in fleet(root).deployed if one.project.environment.name == holds["env"])
    (value,) = (
        item for item in one.objects if (item["kind"], item["metadata"]["name"]) == (holds["kind"], holds["name"])
    )
    found: Any = value
    for bracket, plain in STEP.findall(holds["path"]):
        found = found[bracket or plain]
    return found


def test_each_that_is_refused_stands_beside_a_near_miss() -> None:
    near = [name for name in CASES if name.startswith("near-")]
    assert (len(CASES), len(near)) == (40, 20)
