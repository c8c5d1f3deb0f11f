"""Names of objects around a workload, and back again; and that nobody spells them but one module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import modelfleet
from modelfleet.kubernetes import names
from modelfleet.kubernetes.names import access_name, workload_of

PACKAGE = Path(modelfleet.__file__).parent


@pytest.mark.parametrize(
    ("kind", "name"), [("ServiceAccount", "granite-sa"), ("Role", "granite-view-role"), ("RoleBinding", "granite-view")]
)
def test_the_name_says_which_workload_an_object_opens(kind: str, name: str) -> None:
    assert access_name(kind, "granite") == name
    assert workload_of(kind, name) == "granite"


@pytest.mark.parametrize(
    ("kind", "name"), [("ServiceAccount", "granite"), ("Role", "granite-view"), ("Secret", "a-sa")]
)
def test_other_names_say_nothing(kind: str, name: str) -> None:
    assert workload_of(kind, name) is None


def spelt_in(pattern: str) -> set[str]:
    """The modules whose text has a match."""
    found = {path for path in PACKAGE.rglob("*.py") if re.search(pattern, path.read_text("utf-8"))}
    return {path.relative_to(PACKAGE).as_posix() for path in found}


def test_derived_names_are_spelt_in_one_place() -> None:
    assert spelt_in(r'"-(sa|view|view-role)"|\}-(sa|view|view-role)"') == {"kubernetes/names.py"}


def test_folders_are_spelt_in_one_place() -> None:
    assert spelt_in(r'f"(\{TOP\}|environments)/\{') == {"layout.py"}


def test_keys_that_several_rooms_read_are_spelt_in_one_place() -> None:
    keys = [value for name, value in vars(names).items() if name.isupper() and "/" in str(value)]
    for key in keys:
        assert spelt_in(rf'"{re.escape(key)}"') == {"kubernetes/names.py"}, key
