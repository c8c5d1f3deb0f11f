"""What stands in the way of writing the generated tree."""

from __future__ import annotations

from modelfleet.finding import Finding, Location, Severity
from modelfleet.layout import APPLICATION_FILE
from modelfleet.tree.compare import Changes

# What is wrong and what to do about it; where --overwrite goes on, also what it then does.
_LINK = ("a symbolic link among the generated files, which is neither followed nor replaced", "remove it")
_BLOCKED = ("it is in the place of a generated file or folder", "move it away")

_FOREIGN = (
    "modelfleet did not write this file, and the folder is generated",
    "move it away, or run `modelfleet render --overwrite`, which leaves it there",
    "left as it is",
)

_APPLICATION = (
    "modelfleet did not write this file, and Argo CD would create another Application from it",
    "move or remove it",
)

_IN_THE_WAY = (
    "modelfleet did not write this file, and it is in the place of a generated one",
    "move it away, or `modelfleet render --overwrite` replaces it",
    "replaced",
)

_EDITED = (
    "edited by hand or merged since it was generated",
    "make the change in the files that its first line names, then `modelfleet render --overwrite` replaces it",
    "replaced",
)

_EDITED_STALE = (
    "edited by hand or merged since it was generated, and it is no longer generated",
    "move it away, or `modelfleet render --overwrite` removes it",
    "removed",
)


def conflicts(changes: Changes, *, overwrite: bool = False) -> list[Finding]:
    """What stands in the way of writing: policy findings, of which `overwrite` makes some into warnings."""
    changed, removed = set(changes.changed), set(changes.removed)
    found = [_finding("OUT001", path, *_LINK) for path in changes.links]
    found += [_finding("OUT002", path, *_BLOCKED) for path in changes.blocked]
    for path in changes.foreign:
        if path.endswith(f"/{APPLICATION_FILE}") and path not in changed:
            found.append(_finding("OUT005", path, *_APPLICATION))
            continue
        words = _IN_THE_WAY if path in changed else _FOREIGN
        found.append(_overwritable("OUT003", path, words, overwrite=overwrite))
    for path in changes.edited:
        words = _EDITED_STALE if path in removed else _EDITED
        found.append(_overwritable("OUT004", path, words, overwrite=overwrite))
    return sorted(found, key=lambda finding: finding.order)


def _finding(code: str, path: str, message: str, hint: str) -> Finding:
    return Finding(at=Location(path), code=code, message=message, hint=hint, policy=True)


def _overwritable(code: str, path: str, words: tuple[str, str, str], *, overwrite: bool) -> Finding:
    message, hint, done = words
    if not overwrite:
        return _finding(code, path, message, hint)
    return Finding(at=Location(path), code=code, message=message, hint=done, severity=Severity.WARNING)
