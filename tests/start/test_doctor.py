"""`doctor`: each thing that can be missing is named, with the remedy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from console import modelfleet, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository in which nothing is missing."""
    root = tmp_path / "root"
    assert modelfleet(tmp_path, "init", str(root), "--release", "2.25").code == 0
    assert modelfleet(root, "render").code == 0
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "begin"],
    ):
        subprocess.run(["git", "-C", root, *words], check=True)
    return root


def said_of(root: Path, subject: str) -> tuple[int, str]:
    ran = modelfleet(root, "doctor")
    lines = ran.out.splitlines()
    place = next(number for number, line in enumerate(lines) if line[4:].startswith(f"{subject}: "))
    remedy = lines[place + 1].strip() if lines[place + 1 : place + 2] and lines[place + 1].startswith("      ") else ""
    return ran.code, f"{lines[place]} | {remedy}"


def test_a_healthy_repository(root: Path) -> None:
    ran = modelfleet(root, "doctor")
    assert (ran.code, ran.err, "!!" in ran.out) == (0, "", False), ran.out
    assert "ok  specs: valid, with 0 warnings" in ran.out
    assert "ok  generated files: as this version renders them" in ran.out
    assert "ok  editor schemas: as this version writes them" in ran.out


def test_specs_that_are_not_valid(root: Path) -> None:
    write(root, {"projects/assistants.yaml": "version: 2\n"})
    code, said = said_of(root, "specs")
    assert (code, said.startswith("!!  specs: not valid: ")) == (1, True)
    assert said.endswith("`modelfleet check` shows them; `modelfleet init` starts from scratch")


def test_generated_files_that_are_stale(root: Path) -> None:
    (root / "environments/dev/assistants/kustomization.yaml").unlink()
    told = "another version of the tool or an edit caused this; `modelfleet render` writes them again"
    path = "environments/dev/assistants/kustomization.yaml"
    assert said_of(root, "generated files") == (
        3,
        f"!!  generated files: {path} is not as it would be rendered | {told}",
    )


def test_schemas_of_another_version(root: Path) -> None:
    write(root, {"schemas/project.schema.json": "{}"})
    told = "`modelfleet schema --write schemas` writes them, so that editors complete what exists"
    wanted = f"--  editor schemas: schemas/project.schema.json was not written by this version | {told}"
    assert said_of(root, "editor schemas") == (0, wanted)
    assert modelfleet(root, "schema", "--write", str(root / "schemas")).code == 0
    assert said_of(root, "editor schemas") == (0, "ok  editor schemas: as this version writes them | ")


def test_no_history(root: Path, tmp_path: Path) -> None:
    assert modelfleet(tmp_path, "init", "bare").code == 0
    told = "`plan` compares with a commit: git init, then commit"
    code, said = said_of(tmp_path / "bare", "history")
    assert (code, said) == (3, f"!!  history: nothing is committed here | {told}")


def test_a_cache_that_others_could_write_to(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache" / "modelfleet"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    code, said = said_of(root, "cache")
    assert (code, said.startswith("!!  cache: others may write to ")) == (5, True)
