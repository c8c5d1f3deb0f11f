"""Runs every command of the tutorial, one after the other, and compares what it shows of their output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from console import REPOSITORY
from modelfleet.tools.install import Tool

MARK = "---- the next command ----"


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Each command of the console blocks, and the lines that are shown below it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def test_every_command_of_the_tutorial_says_what_it_shows(tmp_path: Path, real_tools: Mapping[str, Tool]) -> None:
    shown = commands((REPOSITORY / "docs" / "tutorial.md").read_text("utf-8"))
    assert len(shown) > 8
    script = "".join(f"{command}\necho '{MARK}'\n" for command, _ in shown)
    me = {f"GIT_{who}_{what}": "me@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, **me, "PATH": path},
        capture_output=True,
        check=False,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    outputs = ran.stdout.split(f"{MARK}\n")
    missing = {
        command: line
        for (command, lines), output in zip(shown, outputs, strict=False)
        for line in lines
        if line not in output.splitlines()
    }
    assert missing == {}
