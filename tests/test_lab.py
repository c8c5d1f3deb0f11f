"""What the tests on a real control plane claim to cover, without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from modelfleet.packaged import packaged
from modelfleet.plan.effect import Effect

ROOT = Path(__file__).parents[1]


def test_every_admission_rule_is_tried_or_listed_with_the_reason() -> None:
    told = yaml.safe_load((ROOT / "tests" / "lab" / "rules.yaml").read_text("utf-8"))
    older, newest = ({code for codes in told[line].values() for code in codes} for line in ("older", "newest"))
    untried = [code for codes in told["untried"].values() for code in codes]
    rules = {path.stem for path in (packaged("data") / "rules").glob("ADM*.yaml")}
    assert sorted(rules - {*untried} - older - newest) == [], (
        "a new rule belongs in tests/lab/rules.yaml: tried, or untried with the reason"
    )
    assert sorted([*untried, *(older | newest)]) == sorted(rules)


def test_the_documentation_says_of_every_effect_whether_it_was_tried() -> None:
    page = (ROOT / "docs" / "control-plane.md").read_text("utf-8")
    rows = page[page.index("| effect |") :].splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows if row.startswith("|")] == [
        effect.value.title for effect in Effect
    ]


def test_without_go_the_build_says_how_to_get_it(tmp_path: Path) -> None:
    build = ROOT / "tests" / "lab" / "controlplane" / "build.py"
    environment = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, build], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "make lab builds the control plane from source and needs Go 1.21 or newer, which is not on PATH.\n"
        "Get it from https://go.dev/dl/ or your distribution (dnf install golang, apt install golang-go, brew install go).\n"
        "It fetches the toolchain that a module asks for by itself. Everything else works without Go.\n"
    )


def test_tests_on_the_control_plane_run_only_where_they_are_asked_for() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/lab"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stdout
    assert "no tests collected" in done.stdout
    assert " deselected" in done.stdout
