"""The real tools: finds or installs them, and runs them.

It judges nothing that they say: `verify` and `plan` do. All that is installed goes into the user's cache,
under names that hold the version, so that what is there is what is wanted. Which versions: `data/tools.yaml`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.records import dataclass
from modelfleet.tools.folder import INSTALL_S, Say, alone, explain_failure, fresh_folder, intact, numbers, pinned, seal
from modelfleet.tools.go import ASK_S, provide_go
from modelfleet.tools.processes import failure_note, on_path, run

VERIFY_TOOLS = ("kustomize", "kubeconform")
"""The tools that `verify` needs."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that is there, with its version such as `5.7.1`."""

    name: str
    version: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def locate(cache: Path, name: str) -> Tool | None:
    """A tool that is there: on PATH in a version that we support, else installed earlier, and unchanged since."""
    entry = pinned()["tools"][name]
    path = on_path(entry["program"])
    if path is not None:
        version = _version_of(path, entry)
        if version is not None and numbers(entry["from"]) <= numbers(version) < numbers(entry["below"]):
            return Tool(name, version, path)
    return _installed(cache, name)


def _installed(cache: Path, name: str) -> Tool | None:
    entry = pinned()["tools"][name]
    path = cache / "bin" / f"{entry['program']}-{entry['version']}"
    return Tool(name, entry["version"], path.absolute()) if os.access(path, os.X_OK) and intact(path) else None


def _version_of(path: Path, entry: Mapping[str, Any]) -> str | None:
    """What the program says of itself; or, as one made by `go install` does not know, what Go has built into it."""
    try:
        said = run([path, *entry["ask"]], Path("/"), limit_s=ASK_S)
    except MachineFailed:
        return None  # a program that does not start is not a tool of ours; the pinned one is installed
    if match := re.search(rb"\bv?(\d+\.\d+\.\d+)\b", said.out):
        return match[1].decode()
    built = rb"\nmod\t%s\tv(\d+\.\d+\.\d+)\t" % re.escape(entry["module"]).encode()
    match = re.search(built, path.read_bytes())
    return match[1].decode() if match else None


def ensure(cache: Path, names: Iterable[str], say: Say) -> dict[str, Tool]:
    """The tools by name, installed where they are missing. Raises MachineFailed where that is not possible."""
    wanted = tuple(names)
    found = {name: tool for name in wanted if (tool := locate(cache, name))}
    missing = [name for name in wanted if name not in found]
    if missing:
        with alone(cache, say):
            for name in missing:
                found[name] = _installed(cache, name) or _install(cache, name, say)
    return {name: found[name] for name in wanted}


def _install(cache: Path, name: str, say: Say) -> Tool:
    entry = pinned()["tools"][name]
    what = f"{entry['program']} {entry['version']}"
    oldest = pinned()["go"]["oldest"]
    remedy = (
        f"put {entry['program']} {entry['from']} or newer (below {entry['below']}) or Go {oldest} or newer on PATH, "
        "or run this once with a network"
    )
    with explain_failure(f"{what} cannot be installed", remedy):
        go = provide_go(cache, say)
        say(f"{what}: building it with {go.version}, once; this takes up to a few minutes")
        begun = time.monotonic()
        with fresh_folder(cache) as folder:
            wanted = f"{entry['package']}@v{entry['version']}"
            done = go.run(["install", wanted], folder, INSTALL_S, GOBIN=str(folder))
            if done.code:
                message = f"`go install {wanted}`: {failure_note(done.err).rpartition(f'{wanted}: ')[2]}"
                raise MachineFailed(message)
            target = cache / "bin" / f"{entry['program']}-{entry['version']}"
            target.parent.mkdir(exist_ok=True)
            (folder / entry["program"]).replace(target)
            seal(target)
    say(f"{what}: ready after {time.monotonic() - begun:.0f} s")
    return Tool(name, entry["version"], target.absolute())
