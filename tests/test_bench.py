"""The benchmark: it runs, and what it compares are the same objects."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import fleet, run


@pytest.fixture
def helm() -> str:
    found = shutil.which("helm")
    if found is None:
        pytest.skip("there is no helm on PATH")
    return found


def compared(place: Path, helm: str | None) -> list[str]:
    fleet.write_fleet(place, 11)
    fleet.write_values(place, place / "values")
    return run.differing(place, place / "values", run.rivals_of(helm, None))


def test_the_bare_script_renders_the_same_objects(tmp_path: Path) -> None:
    assert compared(tmp_path, None) == []


def test_helm_renders_the_same_objects(tmp_path: Path, helm: str) -> None:
    assert compared(tmp_path, helm) == []


def test_a_difference_would_be_noticed(tmp_path: Path) -> None:
    fleet.write_fleet(tmp_path, 1)
    fleet.write_values(tmp_path, tmp_path / "values")
    spec = tmp_path / "projects/team-000.yaml"
    spec.write_text(spec.read_text().replace("size: Medium", "size: Small"))
    wanted = [f"jinja in {name}: InferenceService team-000 model-0" for name in fleet.ENVIRONMENTS]
    assert run.differing(tmp_path, tmp_path / "values", run.rivals_of(None, None)) == wanted


def test_one_short_round(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    run.main(["--runs", "1", "--models", "1", "10", "--server", "20", "--large", "30"])
    said = capsys.readouterr().out
    rows = re.findall(r"^(\S[^\n]*?)  +\d+\.\d{3}  ", said, re.MULTILINE)
    shards = [f"{number}" for number in range(1, 9)]
    assert rows == [
        "bare Python",
        "--version",
        "completion of a name",
        "check 1",
        "render 1",
        "check 1 again",
        "render 1 again",
        "check 1, changed",
        "jinja 1",
        "check 10",
        "render 10",
        "check 10 again",
        "render 10 again",
        "render 10, one changed",
        "plan 10, one changed",
        "jinja 10",
        "check server of 20",
        "render server of 20",
        "render 30",
        *(f"render 30, shard {number}" for number in shards),
        "render 30, joined",
        *(f"plan 30, shard {number}" for number in shards),
        "plan 30, joined",
    ]
    assert re.findall(r"^(.*): [\d.]+(?:x| MiB), at most", said, re.MULTILINE) == [
        "--version to bare Python",
        "completion of a name to bare Python",
        "peak memory of a shard",
        "peak memory",
    ]


def test_a_command_that_fails_is_shown() -> None:
    with pytest.raises(RuntimeError, match="oh no"):
        run.measured(["sh", "-c", "echo oh no >&2; exit 3"])


def test_what_a_command_takes_is_counted() -> None:
    # Before a child starts its program it counts as large as its parent, so the parent is a small one, as in `make bench`.
    measure = "import sys; sys.path.insert(0, sys.argv[1])\nfrom bench import run\nc = run.measured(sys.argv[2:])"
    burn = "x = bytearray(60 << 20)\nfor _ in range(3_000_000): pass"
    words = [sys.executable, "-c", f"{measure}\nprint(c.cpu, c.wall, c.memory)", str(Path(__file__).parents[1])]
    done = subprocess.run([*words, sys.executable, "-c", burn], capture_output=True, text=True, check=True)
    cpu, wall, memory = map(float, done.stdout.split())
    assert 0 < cpu < 20
    assert wall > 0
    assert 60 < memory < 200
