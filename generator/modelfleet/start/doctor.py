"""Whether all is there that the commands need, each with what to do about it. Nothing is installed and nothing is written."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from modelfleet.finding import MachineFailed, Rejected
from modelfleet.layout import EVERYTHING, TOP
from modelfleet.packaged import packaged
from modelfleet.pipeline.fleet import fleet
from modelfleet.records import dataclass
from modelfleet.resolve.fleet import Fleet
from modelfleet.resolve.unknown_facts import unknown_facts
from modelfleet.start.editor_schemas import SCHEMA_FILES, CompletedNames, editor_schema, names_of
from modelfleet.tools.folder import cache_folder
from modelfleet.tools.git import run_git
from modelfleet.tools.install import VERIFY_TOOLS, locate
from modelfleet.tree.compare import stale_reason
from modelfleet.wording import listed, plural, printable


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at; `remedy` is empty where it is as it should be, and `blames` says who is to act."""

    subject: str
    state: str
    remedy: str = ""
    blames: str = ""


def diagnoses(root: Path, version: str) -> Iterator[Diagnosis]:
    """Looks at one thing after the other; `version` is the tool's own."""
    yield Diagnosis("modelfleet", f"{version}, Python {platform.python_version()}")
    yield from _git(root)
    yield from _tools(root)
    yield _rights(root)
    yield from _repository(root)
    yield _schemas(root)


def _git(root: Path) -> Iterator[Diagnosis]:
    try:
        yield Diagnosis("Git", run_git(root, ["--version"]).out.decode("utf-8", "replace").strip())
        done = run_git(root, ["rev-parse", "--short", "--verify", "--quiet", "HEAD^{commit}"])
    except MachineFailed as failed:
        yield Diagnosis("Git", printable(str(failed)), "only `plan` needs it", "machine")
        return
    if done.code:
        yield Diagnosis(
            "history", "nothing is committed here", "`plan` compares with a commit: git init, then commit", "files"
        )
    else:
        yield Diagnosis("history", f"at {done.out.decode().strip()}")


def _tools(root: Path) -> Iterator[Diagnosis]:
    try:
        cache = cache_folder(root)
    except MachineFailed as failed:
        yield Diagnosis("cache", str(failed), "set XDG_CACHE_HOME to a folder that is yours alone", "machine")
        return
    yield Diagnosis("cache", printable(str(cache)))
    for name in VERIFY_TOOLS:
        tool = locate(cache, name)
        missing = ("not installed yet", "`modelfleet verify` installs it once, with a network")
        yield Diagnosis(name, f"{tool.version} at {printable(str(tool.path))}") if tool else Diagnosis(name, *missing)


def _rights(root: Path) -> Diagnosis:
    place = root / TOP if (root / TOP).is_dir() else root
    if os.access(place, os.W_OK | os.X_OK):
        return Diagnosis("write access", f"{TOP}/ can be written")
    return Diagnosis("write access", f"{TOP}/ cannot be written", "`render` needs the right to write there", "machine")


def _repository(root: Path) -> Iterator[Diagnosis]:
    try:
        found = fleet(root)
        stale = stale_reason(root, found.files, EVERYTHING)
    except Rejected as rejected:
        many = plural(len(rejected.findings), "finding")
        yield Diagnosis(
            "specs",
            f"not valid: {many}",
            "`modelfleet check` shows them; `modelfleet init` starts from scratch",
            "files",
        )
        return
    except MachineFailed as failed:
        yield Diagnosis("specs", printable(str(failed)), "make it readable", "machine")
        return
    yield Diagnosis("specs", f"valid, with {plural(len(found.open_warnings), 'warning')}")
    yield from _facts(found)
    if stale is None:
        yield Diagnosis("generated files", "as this version renders them")
    else:
        remedy = "another version of the tool or an edit caused this; `modelfleet render` writes them again"
        yield Diagnosis("generated files", stale.partition(";")[0], remedy, "drift")


def _facts(found: Fleet) -> Iterator[Diagnosis]:
    """What is not judged in an environment, because a fact is missing."""
    for name, environment in found.environments.items():
        here = [one.project for one in found.deployed if one.project.environment.name == name]
        if missing := [fact.place for fact in unknown_facts(environment, here)]:
            remedy = f"they are optional; `modelfleet import environment {name}` reads them from a cluster"
            yield Diagnosis(f"facts of {name}", f"not written: {listed(missing)}", remedy)


def _schemas(root: Path) -> Diagnosis:
    """A schema is in step if it is the packaged one, or the one that is written for this repository."""
    try:
        names = names_of(root)
    except (Rejected, MachineFailed):
        names = CompletedNames()
    remedy = "`modelfleet schema --write schemas` writes them, so that editors complete what exists"
    for kind, file in SCHEMA_FILES.items():
        path = root / "schemas" / file
        try:
            written = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return Diagnosis("editor schemas", f"schemas/{file} does not exist or cannot be read", remedy)
        ours = (
            *(editor_schema(kind, each) for each in (names, CompletedNames())),
            (packaged("schemas") / file).read_text("utf-8"),
        )
        if written not in map(json.loads, ours):
            return Diagnosis("editor schemas", f"schemas/{file} was not written by this version", remedy)
    return Diagnosis("editor schemas", "as this version writes them")
