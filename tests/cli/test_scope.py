"""Where the repository is found, and what of it `check` and `verify` look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from console import SPEC, miniature, modelfleet, process, write
from modelfleet.tools.install import Tool

WARNED = SPEC.replace("    size: Small\n", "    size: Small\n    route: true\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`acme` has a warning, `other` has none."""
    other = SPEC.replace("acme-ml", "other-ml").replace("{prod: {}}", "{test: {}}")
    return miniature(tmp_path / "root", {"projects/acme.yaml": WARNED, "projects/other.yaml": other})


# ---- the root


@pytest.mark.parametrize("below", [".", "projects", "environments", "deep/er"])
def test_the_repository_is_found_from_a_folder_in_it(below: str, root: Path) -> None:
    (root / ".git").mkdir()
    (root / below).mkdir(parents=True, exist_ok=True)
    ran = process("check", "--project", "other", cwd=root / below)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("1 project in ")


def test_the_search_ends_at_the_top_of_the_working_tree(root: Path) -> None:
    inner = root / "inner"
    (inner / ".git").mkdir(parents=True)
    said = "there is no folder projects/; write projects/<name>.yaml; --root names the folder that holds projects/"
    ran = process("check", cwd=inner)
    assert (ran.code, said in ran.err) == (1, True), ran.err
    outside = root / "no-git"
    outside.mkdir()
    assert process("check", cwd=outside).code == 1


def test_a_variable_names_the_repository_and_the_option_goes_before_it(root: Path, tmp_path: Path) -> None:
    named = {"MODELFLEET_ROOT": str(root)}
    assert process("check", environment=named).out.startswith("2 projects in ")
    assert process("--root", tmp_path, "check", environment=named).code == 1
    ran = process("check", environment={"MODELFLEET_ROOT": "/there/is/none"})
    assert (ran.code, ran.err) == (2, "modelfleet: --root /there/is/none: there is no such folder\n")


def test_a_new_repository_is_made_where_one_stands(root: Path) -> None:
    (root / ".git").mkdir()
    (root / "deeper").mkdir()
    assert process("init", "new", "--defaults", cwd=root / "deeper").code == 0
    assert (root / "deeper" / "new" / "projects" / "assistants.yaml").is_file()


# ---- what is looked at


def test_options_choose_the_warnings_and_what_is_counted(root: Path) -> None:
    whole = modelfleet(root, "check")
    assert whole.err.count("warning[") == 1
    other = modelfleet(root, "check", "--project", "other")
    assert (other.code, other.err, other.out.split(":")[0]) == (0, "", "1 project in 1 environment")
    assert modelfleet(root, "check", "--env", "test").err == ""
    assert modelfleet(root, "check", "--env", "prod", "--project", "acme").err == whole.err


def test_strict_makes_a_warning_fail_where_it_is_looked_at(root: Path) -> None:
    assert modelfleet(root, "check", "--strict").code == 1
    assert modelfleet(root, "check", "--strict", "--format", "json").code == 1
    assert modelfleet(root, "check", "--strict", "--project", "other").code == 0
    assert modelfleet(root, "check").code == 0


def test_an_error_is_shown_wherever_it_is(root: Path) -> None:
    write(root, {"projects/acme.yaml": SPEC.replace("onnx-server", "nothing")})
    assert modelfleet(root, "check", "--project", "other").code == 1


def test_a_name_that_does_not_exist_is_refused(root: Path) -> None:
    said = "modelfleet: --env tset: there is no such environment; did you mean 'test'?\n"
    assert modelfleet(root, "check", "--env", "tset") == (2, "", said)
    said = "modelfleet: --project othr: there is no such project; did you mean 'other'?\n"
    assert modelfleet(root, "verify", "--project", "othr") == (2, "", said)


def test_verify_looks_at_what_is_chosen_alone(root: Path, real_tools: Mapping[str, Tool]) -> None:
    assert modelfleet(root, "render").code == 0
    ran = modelfleet(root, "verify", "--env", "test", "--project", "other")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("verified 2 overlays with "), ran.out
    (root / "environments/prod/acme/kustomization.yaml").unlink()
    assert modelfleet(root, "verify", "--env", "test").code == 0
    assert modelfleet(root, "verify").code == 3
