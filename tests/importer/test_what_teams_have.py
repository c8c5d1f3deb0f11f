"""What teams have is imported: each set of tests/sets, rendered again and held against the objects as they were found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console import TESTS, modelfleet
from found_objects import read_objects, unlike
from modelfleet.pipeline.fleet import fleet

SETS = TESTS / "sets"
NAMES = sorted(path.parent.name for path in SETS.glob("*/given"))


def imported(root: Path, name: str) -> tuple[Any, int, str]:
    """The rules of a set, and the exit code and the words of its import into an empty repository."""
    rules = yaml.safe_load((SETS / name / "set.yaml").read_bytes())
    (root / "environments").mkdir(parents=True)
    (root / "environments/prod.yaml").write_text(rules["environment"], encoding="utf-8")
    files = sorted(str(path) for path in (SETS / name / "given").glob("*.yaml"))
    ran = modelfleet(root, "import", "project", rules["project"], "--env", "prod", "--write", *files)
    return rules, ran.code, ran.out + ran.err


@pytest.mark.parametrize("name", NAMES)
def test_what_a_team_has_is_rendered_as_it_was(name: str, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    rules, code, said = imported(root, name)
    assert code in ((0,) if rules["expect"] == "equal" else (0, 3)), said
    (deployed,) = fleet(root).deployed
    given = read_objects(sorted((SETS / name / "given").glob("*.yaml")))
    assert unlike(given, deployed.objects, rules) == []
    told = [one["object"].partition("/")[2] for one in rules["expect"]] if rules["expect"] != "equal" else []
    assert [text for text in told if "*" not in text and text not in said] == []
