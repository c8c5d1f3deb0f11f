"""What is kept in the user's cache: its owner's alone, bounded, whole, and never more than what was put there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from modelfleet.tools import edition
from modelfleet.tools.store import Memory, memory_of

KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "remembered")


def test_what_was_kept_is_recalled_by_kind_and_key(memory: Memory) -> None:
    memory.keep("files", KEY, {"a": [1, 2.5, None, True, "é\ud800"]})
    assert memory.recall("files", KEY) == {"a": [1, 2.5, None, True, "é\ud800"]}
    assert memory.recall("files", OTHER) is None
    assert memory.recall("objects", KEY) is None


def test_it_is_its_owners_alone_and_nothing_half_written_stays(memory: Memory) -> None:
    memory.keep("files", KEY, {})
    (path,) = memory.place.iterdir()
    assert (path.stat().st_mode & 0o777, memory.place.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_link_is_neither_followed_nor_written_through(memory: Memory, tmp_path: Path) -> None:
    memory.keep("files", KEY, {"a": 1})
    place = memory.place / f"{KEY}.files"
    (tmp_path / "elsewhere").write_bytes(place.read_bytes())
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere")
    assert memory.recall("files", KEY) is None
    memory.keep("files", KEY, {"a": 2})
    assert not place.is_symlink() and memory.recall("files", KEY) == {"a": 2}


def test_a_changed_byte_makes_it_forgotten(memory: Memory) -> None:
    memory.keep("files", KEY, {"a": 1})
    path = memory.place / f"{KEY}.files"
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    assert memory.recall("files", KEY) is None


def test_where_nothing_can_be_written_nothing_is_said(memory: Memory) -> None:
    memory.place.write_text("a file")
    memory.keep("files", KEY, {})
    assert memory.recall("files", KEY) is None
    memory.tidy()


def test_the_least_used_go_beyond_the_bound_and_the_old_in_any_case(memory: Memory) -> None:
    now = time.time()
    for number in range(8):
        memory.keep("files", f"{number}", "x" * 1000)
        os.utime(memory.place / f"{number}.files", (now - 1000 + number,) * 2)
    memory.keep("files", "old", "x")
    os.utime(memory.place / "old.files", (now - 31 * 86_400,) * 2)
    torn = memory.place / ".1-torn.files"
    torn.write_text("half")
    os.utime(torn, (now - 7200,) * 2)
    memory.most = 1_000_000
    memory.tidy()
    assert sorted(path.name for path in memory.place.iterdir()) == [
        ".tidied",
        *(f"{number}.files" for number in range(8)),
    ]
    (memory.place / ".tidied").unlink()
    memory.most = 6_000
    memory.tidy()
    assert sorted(path.name for path in memory.place.iterdir()) == [
        ".tidied",
        *(f"{number}.files" for number in range(4, 8)),
    ]


def test_it_is_tidied_once_an_hour(memory: Memory) -> None:
    memory.most = 1
    memory.keep("files", KEY, "x" * 100)
    memory.tidy()
    memory.keep("files", OTHER, "x" * 100)
    memory.tidy()
    assert [path.name for path in memory.place.glob("*.files")] == [f"{OTHER}.files"]


def test_what_is_used_is_marked_so(memory: Memory) -> None:
    memory.keep("files", KEY, {})
    path = memory.place / f"{KEY}.files"
    os.utime(path, (time.time() - 100_000,) * 2)
    memory.recall("files", KEY)
    assert time.time() - path.stat().st_mtime < 1000


def test_there_is_none_in_the_repository_or_where_none_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "root/cache"))
    assert memory_of(tmp_path / "root") is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert memory_of(tmp_path / "root", cached=False) is None
    assert memory_of(tmp_path / "root") is not None


def test_another_edition_of_the_tool_is_told_by_content(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tool"
    (folder / "__pycache__").mkdir(parents=True)
    file = folder / "rule.py"
    file.write_text("one")
    monkeypatch.setattr(edition, "_tops", lambda: [str(folder)])
    first = edition.tool_edition(memory)
    assert (
        list(memory.place.glob("*.tool") if memory.place.exists() else ()) == []
    )  # it may be changed within this moment
    monkeypatch.setattr(edition, "_SETTLED_S", 0.0)
    assert edition.tool_edition(memory) == first
    assert len(list(memory.place.glob("*.tool"))) == 1
    (folder / "__pycache__/rule.pyc").write_text("compiled")
    assert edition.tool_edition(memory) == first
    file.write_text("two")
    second = edition.tool_edition(memory)
    file.rename(folder / "other.py")
    third = edition.tool_edition(memory)
    assert len({first, second, third}) == 3
    (folder / "other.py").rename(file)
    file.write_text("one")
    assert edition.tool_edition(memory) == first
    monkeypatch.setattr(edition, "_installed", lambda: ["jinja2-9.dist-info"])
    assert edition.tool_edition(memory) != first
