"""Argo CD's own files, for tests: its Go module in the version that is pinned for each line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import yaml

from generator.packaged import packaged


def run(words: Sequence[str], folder: Path, given: str = "") -> str:
    """What the program prints; a program that fails fails the test with what it complains of."""
    done = subprocess.run(words, cwd=folder, input=given, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def program(name: str) -> str:
    """The program's path. Without it the test is skipped, or fails where REQUIRE_TOOLS is set."""
    found = shutil.which(name)
    if found is not None:
        return found
    missing = f"{name} is not on PATH"
    if os.environ.get("REQUIRE_TOOLS"):
        pytest.fail(missing)
    pytest.skip(missing)


@cache
def module(version: str) -> tuple[Path, tuple[str, ...]]:
    """The module's folder for a line such as `2.14`, and the files of its CRDs in it."""
    data = yaml.safe_load((packaged("data") / "tools.yaml").read_text(encoding="utf-8"))
    entry = data["schemas"]["argocd"][version]
    said = run([program("go"), "mod", "download", "-json", f"{entry['module']}@{entry['version']}"], Path("/"))
    return Path(json.loads(said)["Dir"]), tuple(entry["files"])
