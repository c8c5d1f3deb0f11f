"""What is committed and written by anybody: no bug, no signal, no end of memory or time, and no secret told.

A short version runs with the other tests; `make soak` runs 115,000 inputs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console import REPOSITORY
from plan_repository import repository

MAX_MEMORY = 300  # MiB
LENGTHS = {
    "check": 60_000,
    "admit": 30_000,
    "plan": 5_000,
    "verify": 5_000,
    "import_project": 5_000,
    "import_environment": 10_000,
}
SHORT = {"check": 150, "admit": 400, "plan": 25, "verify": 300, "import_project": 40, "import_environment": 60}
CHILD = Path(__file__).parent / "support" / "fuzz_child.py"


def soaked(kind: str, seed: str, count: int, folder: Path) -> None:
    root = repository(folder).root
    path = os.pathsep.join(map(str, (REPOSITORY / "generator", CHILD.parent, CHILD.parents[1])))
    words = [sys.executable, str(CHILD), kind, seed, str(count), str(root)]
    ran = subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["bad"] == []
    assert sum(found["codes"].values()) == count
    assert found["memory"] < MAX_MEMORY
    assert found["slowest"] < max(10 * found["median"], 2.0)  # a machine that others use may stand still for a moment


@pytest.mark.parametrize("kind", SHORT)
def test_no_input_is_too_much(kind: str, tmp_path: Path) -> None:
    soaked(kind, "1", SHORT[kind], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", "0123456789")
@pytest.mark.parametrize("kind", LENGTHS)
def test_no_input_is_too_much_at_length(kind: str, seed: str, tmp_path: Path) -> None:
    soaked(kind, f"long {seed}", LENGTHS[kind] // 10, tmp_path)
