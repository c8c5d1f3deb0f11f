"""Runs the command line as a user does: in this process where that is enough, which takes a tenth of the time."""

from __future__ import annotations

import gc
import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from modelfleet.cli import main as cli

REPOSITORY = Path(__file__).parents[2]
TESTS = REPOSITORY / "tests"
HAND_WRITTEN = ("projects", "environments/*.yaml", "runtimes")

_TIME = re.compile(r"\b\d+\.\d s$", re.MULTILINE)


class Ran(NamedTuple):
    """A command that has ended. Times in what it said are written as `0.0 s`."""

    code: int
    out: str
    err: str

    def text(self) -> str:
        """All that a user sees of it, and the exit code."""
        return f"{self.err}{self.out}[exit {self.code}]\n"


def modelfleet(root: Path, *words: str) -> Ran:
    """Runs a command on a repository within this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main(["--root", str(root), *words])
        except SystemExit as exit:
            code = int(exit.code or 0)
        finally:
            gc.unfreeze()  # a command that ends with its process does without
            gc.enable()
    return Ran(code, *(_TIME.sub("0.0 s", stream.buffer.getvalue().decode()) for stream in (out, err)))


def process(
    *words: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None, limit_s: float = 120
) -> Ran:
    """Runs a command as a process of its own, with these words after `modelfleet`; by default in `/`."""
    done = subprocess.run(
        [sys.executable, "-c", "from modelfleet.cli.main import main; main()", *map(str, words)],
        cwd=cwd or Path("/"),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
        capture_output=True,
        check=False,
        timeout=limit_s,
    )
    return Ran(done.returncode, *(_TIME.sub("0.0 s", text.decode()) for text in (done.stdout, done.stderr)))


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes files below the root, which is given back."""
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def tree(root: Path) -> dict[str, str]:
    """The text of every generated file, by its path relative to the root."""
    found = (path for path in (root / "environments").rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in found}
    return {
        name: path.read_text("utf-8", errors="surrogateescape")
        for name, path in sorted(names.items())
        if name.count("/") > 1
    }


def example(root: Path) -> Path:
    """A copy of the hand-written files of the repository's own example."""
    files = [path for pattern in HAND_WRITTEN for path in REPOSITORY.glob(pattern)]
    files = [inner for path in files for inner in ([path] if path.is_file() else sorted(path.rglob("*.yaml")))]
    return write(root, {path.relative_to(REPOSITORY).as_posix(): path.read_bytes() for path in files})


COMMON = TESTS / "cases" / "common"

SPEC = """\
version: 1
displayName: Acme assistants
namespace: acme-ml
platform: single-model
connections:
  store: {s3: {endpoint: "https://s3.example.org", region: us-east-1, bucket: models}}
models:
  ranker:
    runtime: onnx-server
    size: Small
    location: {connection: store, path: ranker}
environments: {prod: {}}
"""
"""A project that is accepted silently."""


def miniature(root: Path, files: Mapping[str, str | bytes] | None = None) -> Path:
    """A repository with the clusters and the runtime of `cases/common/`; without files, its one project is `SPEC`."""
    common = {path.relative_to(COMMON).as_posix(): path.read_bytes() for path in COMMON.rglob("*.yaml")}
    return write(root, common | dict(files or {"projects/acme.yaml": SPEC}))
