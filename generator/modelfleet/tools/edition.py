"""Which edition of the tool this is, by content: what another one has remembered is not believed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelfleet.packaged import packaged
from modelfleet.tools.store import Memory

_ASIDE = (
    "__pycache__",
    "page",
    "start",
    "rules",
)  # of data: what `fleet`, `init` and `explain` read, and nothing that is rendered
_SETTLED_S = 2.0  # a file that was changed this moment may be changed again without a trace


def tool_edition(memory: Memory) -> str:
    """A digest of the tool's own files, of Python, and of what is installed beside it.

    The files are read again only where one of them has another size, time or place than when they were read before.
    """
    import hashlib

    found = sorted(_files())
    seen = repr(
        [(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino) for path, status in found]
    )
    key = hashlib.sha256(f"{sys.version}\n{_installed()}\n{seen}".encode()).hexdigest()
    known = memory.recall("tool", key)
    if isinstance(known, str):
        return known
    total = hashlib.sha256(f"{sys.version}\n{_installed()}\n".encode())
    tops = _tops()
    for path, _ in found:
        content = Path(path).read_bytes()
        name = next(path.removeprefix(top) for top in tops if path.startswith(top))
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    edition = total.hexdigest()
    if time.time() - max(status.st_ctime for _, status in found) > _SETTLED_S:
        memory.keep("tool", key, edition)
    return edition


def file_digest(path: Path, memory: Memory) -> str:
    """The digest of a program, which is read again only where its size, time or place is another."""
    import hashlib

    status = path.stat()
    seen = (str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    key = hashlib.sha256(repr(seen).encode()).hexdigest()
    known = memory.recall("file", key)
    if isinstance(known, str):
        return known
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if time.time() - status.st_ctime > _SETTLED_S:
        memory.keep("file", key, digest)
    return digest


def _tops() -> Sequence[str]:
    return [str(path) for path in (Path(__file__).resolve().parents[1], packaged("templates"), packaged("schemas"))]


def _files() -> Iterator[tuple[str, os.stat_result]]:
    """Every file of the package that can have a say in what is rendered, wherever its parts stand."""
    waiting = list(dict.fromkeys(_tops()))
    data = str(packaged("data"))
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__" and (folder != data or entry.name not in _ASIDE):
                        waiting.append(entry.path)
                elif not entry.name.startswith("."):
                    yield entry.path, entry.stat(follow_symlinks=False)


def _installed() -> list[str]:
    """What is installed in the folders that Python looks into, with its versions."""
    found: set[str] = set()
    for place in filter(None, sys.path):
        try:
            found |= {entry.name for entry in os.scandir(place) if entry.name.endswith((".dist-info", ".egg-info"))}
        except OSError:
            continue
    return sorted(found)
