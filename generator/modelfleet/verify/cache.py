"""Which overlays `verify` found good before, and by what it is known that they still are.

A proof is kept in the user's memory, under the hash of all that went in: what is committed can vouch for nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelfleet.patterns import lazy_pattern
from modelfleet.tools.edition import file_digest, tool_edition
from modelfleet.tools.install import Tool
from modelfleet.tools.schemas import Schemas
from modelfleet.tools.store import Memory

if TYPE_CHECKING:
    from modelfleet.verify.compare import ExpectedOverlay


def key_of(
    overlay: str,
    objects: Sequence[Mapping[str, Any]],
    used: Sequence[str],
    content: Callable[[str], tuple[bytes, Sequence[str]]],
) -> str:
    """Differs wherever the outcome could: by the objects, the files of the overlay and its bases, and what is `used`.

    `content` gives for a folder what `folder_content` does.
    """
    import hashlib

    total = hashlib.sha256(json.dumps([list(used), objects]).encode())
    folders = [overlay]
    for folder in folders:
        digest, below = content(folder)
        total.update(b"\0" + os.fsencode(folder) + b"\0" + digest)
        folders += [each for each in below if each not in folders]
    return total.hexdigest()


def folder_content(root: Path, folder: str) -> tuple[bytes, Sequence[str]]:
    """A digest of the files of a folder, and the folders that its kustomization refers to."""
    import hashlib

    total = hashlib.sha256()
    place = root / folder
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name) if place.is_dir() else ():
        if entry.is_file():
            content = Path(entry).read_bytes()
            total.update(os.fsencode(entry.name) + b"\0%d\0" % len(content) + content)
    return total.digest(), bases_of(root, folder)


_RESOURCE_FOLDER = lazy_pattern(rb"^- (\.\./[^\n]+)$", re.MULTILINE)


def bases_of(root: Path, folder: str) -> list[str]:
    """The folders that the kustomization of a folder refers to."""
    kustomization = root / folder / "kustomization.yaml"
    words = _RESOURCE_FOLDER.findall(kustomization.read_bytes()) if kustomization.is_file() else []
    found = [os.path.normpath(f"{folder}/{os.fsdecode(word)}") for word in words]
    return [each for each in found if not each.startswith("..") and (root / each).is_dir()]


class Proofs:
    """Which overlays were found good, in the user's memory; where there is none, nothing was."""

    def __init__(self, memory: Memory | None, used: Mapping[str, Sequence[str]]) -> None:
        self._memory = memory
        self._used = used
        self._keys: dict[str, str] = {}

    def holds(self, root: Path, meant: Iterable[ExpectedOverlay]) -> Iterator[ExpectedOverlay]:
        """Those of the overlays that were found good as they are now."""
        if self._memory is None:
            return
        content = cache(partial(folder_content, root))
        for one in meant:
            key = key_of(one.folder, one.objects, self._used[one.environment], content)
            if self._memory.recall("proof", key) is True:
                yield one
            else:
                self._keys[one.folder] = key

    def keep(self, folders: Iterable[str]) -> None:
        """Remembers that overlays were found good as they were when that was asked."""
        if self._memory is not None:
            for folder in folders:
                self._memory.keep("proof", self._keys[folder], True)
            self._memory.tidy()


def proof_ingredients(
    tools: Iterable[Tool], schemas: Mapping[str, Schemas], memory: Memory | None
) -> dict[str, list[str]]:
    """What an outcome depends on besides the files and objects, for each environment: this tool, the others, the schemas."""
    if memory is None:
        return {}
    common = [tool_edition(memory), *(f"{tool} {file_digest(tool.path, memory)}" for tool in tools)]
    return {name: [*common, found.key] for name, found in schemas.items()}
