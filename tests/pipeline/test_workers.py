"""Our own work in several processes: the same outcome, in the same order, whatever becomes of a process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import fleet as fleets
from console import REPOSITORY, process, tree
from modelfleet.pipeline import workers
from modelfleet.pipeline.fleet import fleet

TWO = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")


def ran(script: str) -> str:
    """What a script prints that has no threads, as pytest's own process may have; `here` is its process."""
    code = "import os\nfrom modelfleet.pipeline import workers\nhere = os.getpid()\n" + script
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "generator")},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many processors, and no thread but this one."""
    monkeypatch.setattr(workers, "_processors", lambda: 4)
    monkeypatch.setattr(threading, "active_count", lambda: 1)


@TWO
@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("weights", "least", "parts"),
    [
        ([], 1, []),
        ([1, 1, 1, 1, 1, 1, 1, 1], 2, [[0, 1], [2, 3], [4, 5], [6, 7]]),
        ([1, 1, 1, 1, 1, 1, 1, 1], 4, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        ([1, 1, 1, 1, 1, 1, 1, 1], 5, [[0, 1, 2, 3, 4, 5, 6, 7]]),
        ([9, 1, 1, 1], 3, [[0], [1, 2, 3]]),
        ([1, 1, 1, 9], 3, [[0, 1, 2], [3]]),
        ([8], 2, [[0]]),
        ([0, 0], 1, [[0, 1]]),
        ([2, 2, 0], 1, [[0], [1, 2]]),
    ],
)
def test_parts_of_about_the_same_weight(weights: Sequence[int], least: int, parts: list[list[int]]) -> None:
    assert workers.shares(range(len(weights)), weights, least) == parts


@pytest.mark.usefixtures("four")
def test_a_process_with_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    assert workers.shares("abcd", [1, 1, 1, 1], 1) == [["a", "b", "c", "d"]]


@TWO
def test_outcomes_come_in_the_order_of_the_parts() -> None:
    script = "print(workers.side_by_side(lambda part: (part * 2, os.getpid() == here), ['a', 'b', 'c']))"
    assert ran(script) == "[('aa', True), ('bb', False), ('cc', False)]\n"


@TWO
def test_the_part_of_a_process_that_fails_is_done_here_and_nothing_is_said_twice() -> None:
    script = "print('begun')\n"
    script += "def do(part): return part if os.getpid() == here else os.abort()\n"
    script += "print(workers.side_by_side(do, ['a', 'b', 'c']))"
    assert ran(script) == "begun\n['a', 'b', 'c']\n"


@TWO
def test_where_there_is_no_room_for_a_process_all_is_done_here() -> None:
    script = "def full(): raise BlockingIOError\nos.fork = full\n"
    script += "print(workers.side_by_side(lambda part: (part, os.getpid() == here), ['a', 'b']))"
    assert ran(script) == "[('a', True), ('b', True)]\n"


@TWO
def test_what_is_wrong_with_a_part_shows() -> None:
    script = "def do(part): return 1 // part\n"
    script += "try: workers.side_by_side(do, [1, 0, 1])\nexcept ZeroDivisionError as error: print(error)"
    assert ran(script) == "integer division or modulo by zero\n"


@TWO
def test_when_the_first_part_fails_no_process_is_left() -> None:
    script = "import time\n"
    script += "def do(part): return 1 // part if os.getpid() == here else time.sleep(60)\n"
    script += "try: workers.side_by_side(do, [0, 1, 1])\nexcept ZeroDivisionError: pass\n"
    script += "try: os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError: print('none')"
    assert ran(script) == "none\n"


def test_a_large_fleet_is_the_same_as_made_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleets.write_fleet(tmp_path, 80)  # of 240 deployments
    done = process("--root", tmp_path, "render")
    monkeypatch.setattr(workers, "_processors", lambda: 1)
    assert (done.code, tree(tmp_path)) == (0, dict(sorted(fleet(tmp_path).files.items())))
