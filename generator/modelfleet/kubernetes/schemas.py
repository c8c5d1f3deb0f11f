"""The schemas that `admit` judges by: files in a folder for each pinned set of CRDs and one for the core kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass

_FILE = lazy_pattern(r"[A-Za-z0-9.-]{1,200}")


class SchemaSource(Protocol):
    """Where the schemas of kinds come from."""

    def schema(self, group: str, version: str, kind: str) -> Mapping[str, Any] | None:
        """The schema of a kind, whose references stay inside of it; the group of a core kind is "". None: not known."""

    def versions(self, group: str, kind: str) -> Sequence[str]:
        """The versions in which a kind of a group is known."""


@dataclass(frozen=True, slots=True)
class FolderSchemas:
    """Schemas in files `<kind>-<group>-<version>.json`; the first folder that has one counts.

    The group of a core kind is written as its version. What a schema refers to in `_definitions.json` beside it becomes
    a part of it.
    """

    folders: Sequence[Path]

    def schema(self, group: str, version: str, kind: str) -> Mapping[str, Any] | None:
        """See `SchemaSource`."""
        name = f"{kind.lower()}-{group or version}-{version}.json"
        if not _FILE.fullmatch(name):
            return None
        path = next((folder / name for folder in self.folders if (folder / name).is_file()), None)
        if path is None:
            return None
        schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
        definitions = _definitions(path.parent)
        return self_contained(schema, definitions) if definitions else schema

    def versions(self, group: str, kind: str) -> Sequence[str]:
        """See `SchemaSource`."""
        start = f"{kind.lower()}-{group}-"
        if not group or not _FILE.fullmatch(start):
            return ()
        found = {path.stem[len(start) :] for folder in self.folders for path in folder.glob(f"{start}*.json")}
        return sorted(found)


@lru_cache(maxsize=4)
def _definitions(folder: Path) -> Mapping[str, Any]:
    path = folder / "_definitions.json"
    found: Mapping[str, Any] = json.loads(path.read_text("utf-8"))["$defs"] if path.is_file() else {}
    return found


def self_contained(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with what it refers to in shared definitions as a part of it."""
    taken: dict[str, Any] = {}
    waiting: list[Any] = [schema]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in taken:
                taken[name] = shared[name]
                waiting.append(shared[name])
    whole: Mapping[str, Any] = _relinked({**schema, "$defs": taken})
    return whole


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        node = list(node.values())
    for item in node if isinstance(node, list) else ():
        yield from _references(item)


def _relinked(node: Any) -> Any:
    if isinstance(node, list):
        return [_relinked(item) for item in node]
    if not isinstance(node, dict):
        return node
    linked = {key: _relinked(value) for key, value in node.items()}
    if isinstance(node.get("$ref"), str):
        linked["$ref"] = f"#/$defs/{node['$ref'].rpartition('/')[2]}"
    return linked
