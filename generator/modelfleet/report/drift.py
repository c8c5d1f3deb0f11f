"""What drifted: how the generated files differ from what would be rendered, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from modelfleet.finding import Finding, Location
from modelfleet.report.findings import escaped_data, escaped_property
from modelfleet.tree.compare import Changes, current

MAX_DIFF_LINES = 200


def drift_findings(root: Path, files: Mapping[str, str], changes: Changes) -> Iterator[Finding]:
    """The same as findings, for machines."""
    for path in changes.paths:
        if path not in changes.edited:  # which has a finding of its own
            yield Finding(
                at=Location(path), code="OUT006", message=_drift(root, files, changes, path), hint=remedy(changes)
            )


def drift(root: Path, files: Mapping[str, str], changes: Changes) -> Iterator[str]:
    """In which way each generated file is not as it would be rendered."""
    for path in changes.paths:
        yield f"{path}: {_drift(root, files, changes, path)}"


MAX_ANNOTATED = 10
"""GitHub shows no more annotations of one step."""


def drift_github(root: Path, files: Mapping[str, str], changes: Changes) -> Iterator[str]:
    """The same as workflow commands, so that it shows on the files in a pull request."""
    for path in changes.paths[:MAX_ANNOTATED]:
        words = f"{_drift(root, files, changes, path)}; {remedy(changes)}"
        yield f"::error file={escaped_property(path)},line=1,title=drift::{escaped_data(words)}"


def _drift(root: Path, files: Mapping[str, str], changes: Changes, path: str) -> str:
    if path in changes.added:
        return "missing"
    why = "edited by hand" if path in changes.edited else "stale"
    if path in changes.removed:
        return f"no longer rendered ({why})"
    converted = current(root, path).replace("\r\n", "\n") == files[path]
    return "other line endings, as of Windows; `*.yaml text eol=lf` in .gitattributes keeps them" if converted else why


def diffs(root: Path, files: Mapping[str, str], changes: Changes) -> Iterator[str]:
    """The differences of files that drifted, as many as are read."""
    shown = 0
    for path in (*changes.changed, *changes.added, *changes.removed):
        old = current(root, path).splitlines() if path not in changes.added else []
        new = files.get(path, "").splitlines()
        lines = list(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm=""))
        if shown + len(lines) > MAX_DIFF_LINES:
            yield "... the diffs of further files are left out; `modelfleet render` shows them through git diff"
            return
        shown += len(lines)
        yield from lines


def remedy(changes: Changes) -> str:
    """What to do about drift."""
    if not changes.edited:
        return "run `modelfleet render` and commit the result"
    return (
        "what was edited by hand belongs in the files that its first line names; "
        "then run `modelfleet render --overwrite` and commit the result"
    )
