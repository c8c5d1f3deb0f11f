"""What the tests on a real control plane claim to cover, without one."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from itertools import islice, takewhile
from pathlib import Path

import pytest
import yaml

from modelfleet.packaged import packaged
from modelfleet.plan.effect import Effect

ROOT = Path(__file__).parents[1]
LAB = ROOT / "tests" / "lab"
PLANNED = ("test_plan", "test_plan_newest", "test_plan_objects")


def test_every_admission_rule_is_tried_or_listed_with_the_reason() -> None:
    told = yaml.safe_load((ROOT / "tests" / "lab" / "rules.yaml").read_text("utf-8"))
    older, newest = ({code for codes in told[line].values() for code in codes} for line in ("older", "newest"))
    untried = [code for codes in told["untried"].values() for code in codes]
    rules = {path.stem for path in (packaged("data") / "rules").glob("ADM*.yaml")}
    assert sorted(rules - {*untried} - older - newest) == [], (
        "a new rule belongs in tests/lab/rules.yaml: tried, or untried with the reason"
    )
    assert sorted([*untried, *(older | newest)]) == sorted(rules)


def test_the_documentation_names_a_test_for_every_effect_that_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(LAB.parent)
    said_by = {name: {word for case in import_module(f"lab.{name}").CASES for word in case.says} for name in PLANNED}
    rows = _rows("| effect |")
    assert [cells[0] for cells in rows] == [effect.value.title for effect in Effect]
    for effect, (title, names, said, read) in zip(Effect, rows, strict=True):
        assert bool(names) == bool(said), title
        assert said or read, f"{title}: neither tried nor read from source"
        tests = {name.strip("` ") for name in names.split(",") if name}
        assert {name for name in tests if not _exists(name)} == set(), title
        assert tests & said_by.keys() == {name for name, words in said_by.items() if effect.id in words}, title


def test_the_documentation_lists_every_file_of_tests() -> None:
    named = {name.strip("` ") for cells in _rows("| test |") for name in cells[0].split(",")}
    assert named == {path.stem for path in LAB.glob("test_*.py")}


def _rows(head: str) -> list[list[str]]:
    """The cells of a table of the page."""
    page = (ROOT / "docs" / "control-plane.md").read_text("utf-8")
    lines = takewhile(lambda line: line.startswith("|"), page[page.index(head) :].splitlines())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in islice(lines, 2, None)]


def _exists(test: str) -> bool:
    """A file of tests, or `file::test`."""
    name, _, function = test.partition("::")
    path = LAB / f"{name}.py"
    return path.is_file() and f"def {function}" in path.read_text("utf-8")


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


def test_what_was_built_from_other_sources_is_removed_when_it_was_not_used_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(LAB.parent)
    build = import_module("lab.controlplane.build")
    current = [part.folder for part in build.PARTS.values()] + [build.pinned_crds()]
    old, recent, other = (build.cache_folder() / f"{name}-0123456789abcdef" for name in ("argocd-3.2", "crds", "runs"))
    for folder in (*current, old, recent, other):
        folder.mkdir(parents=True)
    for folder in (*current, old, other):
        os.utime(folder, (0, 0))
    assert build.main([]) == 0
    assert not old.exists()
    assert recent.is_dir()
    assert other.is_dir()
    assert all(folder.is_dir() for folder in current)
    assert capsys.readouterr().out.splitlines() == [
        "  argocd-3.2-0123456789abcdef has not been used for 30 days and is removed",
        f"The lab is built: {build.cache_folder()} (0 MB). make test-lab runs the tests on it",
    ]
    build.mark_used(["argocd-3.2"])
    assert build.PARTS["argocd-3.2"].folder.stat().st_mtime > 0
    assert build.PARTS["argocd-2.14"].folder.stat().st_mtime == 0


def test_tests_on_the_control_plane_run_only_where_they_are_asked_for() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/lab"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stdout
    assert "no tests collected" in done.stdout
    assert " deselected" in done.stdout


GROUPED = """\
import os
from pathlib import Path
import pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(6))
def test_of_a_group(number):
    Path(os.environ["PYTEST_XDIST_WORKER"]).touch()
"""


def test_tests_of_a_group_run_in_one_process(tmp_path: Path) -> None:
    """Else each of two processes starts a lab for the tests of each file, and the run takes twice as long."""
    (tmp_path / "test_groups.py").write_text(GROUPED, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "test_groups.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(list(tmp_path.glob("gw*"))) == 1
