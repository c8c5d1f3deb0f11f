"""Miniature repositories and what becomes of them: each folder of `cases/` that holds an `expected.txt` is one.

`expected.txt` holds the command, everything that it says, and its exit code. One that is accepted has the tree that is
written in `expected/`; one that is refused has a repository in `near-miss/` that differs a little and is accepted. Where
a case has no `environments/` or `runtimes/`, those of `cases/common/` stand in for it. `pytest --update-golden` writes
what is expected anew.
"""

from __future__ import annotations

import difflib
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from console import modelfleet, tree

CASES = Path(__file__).with_name("cases")
HAND_WRITTEN = ("projects", "environments", "runtimes")
NAMES = sorted(path.parent.relative_to(CASES).as_posix() for path in CASES.glob("**/expected.txt"))

# What Argo CD needs of an environment is the same for all of these, and has tests of its own.
_OF_ARGO_CD = re.compile(r"environments/[^/]+/(argocd/.*|[^/]+/modelfleet-application\.yaml)")


def placed(source: Path, root: Path) -> Path:
    """The hand-written files of a case or near miss, in an empty repository."""
    for folder in HAND_WRITTEN:
        chosen = source if (source / folder).is_dir() else CASES / "common"
        if (chosen / folder).is_dir():
            shutil.copytree(chosen / folder, root / folder)
    return root


def generated(root: Path) -> dict[str, str]:
    return {path: text for path, text in tree(root).items() if not _OF_ARGO_CD.fullmatch(path)}


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """A unified diff of each file, as one text."""

    def lines() -> Iterator[str]:
        for path in sorted(wanted.keys() | found.keys()):
            old, new = (files.get(path, "").splitlines(keepends=True) for files in (wanted, found))
            names = [f"{'expected' if path in files else 'missing'} {path}" for files in (wanted, found)]
            yield from difflib.unified_diff(old, new, names[0], names[1])

    return "".join(lines())


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, tmp_path: Path, update_golden: bool) -> None:
    case = CASES / name
    command, wanted = (case / "expected.txt").read_text("utf-8").split("\n", 1)
    root = placed(case, tmp_path)
    assert command.startswith("$ modelfleet ")
    ran = modelfleet(root, *command.split()[2:])
    found = generated(root)
    if update_golden:
        (case / "expected.txt").write_text(f"{command}\n{ran.text()}", "utf-8")
        shutil.rmtree(case / "expected", ignore_errors=True)
        for path, text in found.items():
            (case / "expected" / path).parent.mkdir(parents=True, exist_ok=True)
            (case / "expected" / path).write_text(text, "utf-8")
    else:
        assert differences({"output": wanted}, {"output": ran.text()}) == ""
        assert differences(tree(case / "expected") if found else {}, found) == ""
    assert (ran.code == 0) == bool(found), "what is refused writes nothing, and what is accepted writes something"
    assert (case / "near-miss").is_dir() != bool(found), "a near miss stands beside what is refused, and only there"


@pytest.mark.parametrize("name", [name for name in NAMES if (CASES / name / "near-miss").is_dir()])
def test_near_miss_is_accepted(name: str, tmp_path: Path) -> None:
    ran = modelfleet(placed(CASES / name / "near-miss", tmp_path), "check")
    assert (ran.code, "error" in ran.err) == (0, False), ran.err


def test_cases_hold_nothing_that_no_case_uses() -> None:
    known = {*HAND_WRITTEN, "expected", "near-miss", "expected.txt"}
    strays = [
        path.relative_to(CASES).as_posix()
        for name in NAMES
        for path in (CASES / name).iterdir()
        if path.name not in known
    ]
    homeless = [
        path.relative_to(CASES).as_posix()
        for path in CASES.rglob("*.yaml")
        if CASES / "common" not in path.parents and not any(CASES / name in path.parents for name in NAMES)
    ]
    assert (strays, homeless) == ([], [])
