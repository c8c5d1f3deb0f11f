"""A file in the wrong folder: it is valid as another kind of file, so one sentence says more than all its unknown keys."""

from __future__ import annotations

import json
from functools import cache

from modelfleet.finding import Finding
from modelfleet.packaged import packaged
from modelfleet.spec.load import Document

_FOLDERS = {"project": "projects", "environment": "environments"}


@cache
def _keys(kind: str) -> frozenset[str]:
    schema = json.loads((packaged("schemas") / f"{kind}.schema.json").read_bytes())
    return frozenset(schema["properties"])


def misplaced(document: Document, kind: str) -> Finding | None:
    """What is said of a project among the environments, or of an environment among the projects."""
    if kind not in _FOLDERS or not isinstance(document.data, dict):
        return None
    (other,) = _FOLDERS.keys() - {kind}
    written = document.data.keys()
    if written <= _keys(kind) or not written <= _keys(other):
        return None
    first = next(key for key in document.data if key not in _keys(kind))
    article = "an" if other == "environment" else "a"
    return Finding(
        at=document.key_at((first,)),
        code="SPEC002",
        path=first,
        message=f"this file holds {article} {other}, but is in {_FOLDERS[kind]}/",
        hint=f"move it to {_FOLDERS[other]}/",
    )
