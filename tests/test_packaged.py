"""What is compiled of the data: the same as the YAML says, and never believed for other bytes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet import packaged as place
from modelfleet.packaged import packaged, packaged_data

NAMES = sorted(
    path.relative_to(packaged("data")).with_suffix("").as_posix()
    for folder in ("", "releases", "runtimes", "options")
    for path in (packaged("data") / folder).glob("**/*.yaml" if folder else "*.yaml")
)


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "prefix"))
    return tmp_path / "prefix"


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("name", NAMES)
def test_what_is_compiled_is_what_the_yaml_says(name: str) -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    meant = yaml.load((packaged("data") / f"{name}.yaml").read_bytes(), Loader=loader)
    assert [packaged_data(name), packaged_data(name)] == [meant, meant]


def data(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Any:
    """What is read of `data/one.yaml`, which has this text."""
    monkeypatch.setattr(place, "packaged", lambda kind: folder)
    (folder / "one.yaml").write_text(text)
    return packaged_data("one")


def test_other_bytes_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: Path) -> None:
    assert data(tmp_path, monkeypatch, "a: 1\n") == {"a": 1}
    (kept,) = compiled.rglob("*.json")
    assert json.loads(kept.read_text().partition("\n")[2]) == {"a": 1}
    assert data(tmp_path, monkeypatch, "a: 2\n") == {"a": 2}
    assert data(tmp_path, monkeypatch, "a: 1\n") == {"a": 1}
    for damaged in ("", "{", kept.read_text().partition("\n")[0] + "\n{"):
        kept.write_text(damaged)
        assert data(tmp_path, monkeypatch, "a: 1\n") == {"a": 1}


@pytest.mark.parametrize("text", ["a: 2026-01-01\n", "1: a\n"])
def test_what_json_cannot_say_is_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: Path, text: str
) -> None:
    assert [data(tmp_path, monkeypatch, text) for _ in range(2)] == [yaml.safe_load(text)] * 2
    assert list(compiled.rglob("*.json")) == []


def test_nothing_is_written_where_python_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: Path
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert data(tmp_path, monkeypatch, "a: 1\n") == {"a": 1}
    assert not compiled.exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    compiled.write_text("a file")
    assert data(tmp_path, monkeypatch, "a: 1\n") == {"a": 1}


def test_it_stands_beside_the_source_where_no_prefix_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    assert data(tmp_path, monkeypatch, "a: 1\n") == {"a": 1}
    assert sorted(path.name for path in (tmp_path / "__pycache__").iterdir()) == ["one.json"]
