"""What a run remembers for the next one: plain data, by the hash of all that it depends on, in the user's cache.

Forgetting is always right, so whatever is in the way (no room, another's folder, a torn file) is as if nothing was
remembered, and anything may be deleted at any time. A file holds JSON below its own checksum, is written whole and put in
its place by a rename, and is its owner's alone; nothing in it is ever run.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.tools.folder import cache_folder

MAX_REMEMBERED = 1 << 29
"""Bytes that are kept; the least used go first."""

_KEPT_AFTER_TIDYING = 3 / 4
_MAX_AGE_S = 30 * 86_400.0
_USED_S = 86_400.0  # a file that was used is marked so once a day
_TIDIED_S = 3_600.0
_MANY_BYTES = 1 << 24  # after writing so many it is tidied at once
_DIGITS = 64  # of SHA-256


class Memory:
    """Values by kind and key in a folder of the user's cache."""

    def __init__(self, place: Path, most: int = MAX_REMEMBERED) -> None:
        self.place = place
        self.most = most
        self.written = 0
        self._full = False

    def recall(self, kind: str, key: str) -> Any:
        """What was kept of that kind under that key; None where there is nothing."""
        import hashlib

        path = self.place / f"{key}.{kind}"
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb", buffering=0) as stream:
                status = os.fstat(descriptor)
                content = stream.read(status.st_size) or b""
            if time.time() - status.st_mtime > _USED_S:
                os.utime(path)
        except OSError:
            return None
        digest, text = content[:_DIGITS], content[_DIGITS + 1 :]
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return None
        return json.loads(text)

    def keep(self, kind: str, key: str, value: Any) -> None:
        """Remembers plain data. It must say all that JSON says, and nothing that JSON does not."""
        import hashlib

        if self._full:
            return
        text = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
        fresh = self.place / f".{os.getpid()}-{key}.{kind}"
        try:
            self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
            fresh.replace(self.place / f"{key}.{kind}")
        except OSError:
            self._full = True
            with suppress(OSError):
                fresh.unlink()
        self.written += len(text)

    def tidy(self) -> None:
        """Removes what was not used for long, and the least used beyond the bound: for the end of a run that kept something."""
        stamp = self.place / ".tidied"
        try:
            if not self.written:
                return
            now = time.time()
            if self.written < _MANY_BYTES and stamp.exists() and now - stamp.stat().st_mtime < _TIDIED_S:
                return
            stamp.touch(mode=0o600)
            with os.scandir(self.place) as entries:
                there = sorted((status.st_mtime, status.st_size, entry.path) for entry in entries
                    if entry.name != stamp.name and (status := entry.stat(follow_symlinks=False)))  # fmt: skip
        except OSError:  # another run is tidying
            return
        whole = sum(size for _, size, _ in there)
        goal = self.most * _KEPT_AFTER_TIDYING if whole > self.most else whole
        for used, size, path in there:
            left_over = Path(path).name.startswith(".") and now - used > _TIDIED_S
            if whole <= goal and now - used < _MAX_AGE_S and not left_over:
                continue
            Path(path).unlink(missing_ok=True)
            whole -= size


class Collected(Memory):
    """A memory within this process, over one of the user's or none: what passes through it can be handed to another machine."""

    def __init__(self, under: Memory | None = None) -> None:
        self.under = under
        self.entries: dict[tuple[str, str], bytes] = {}

    def recall(self, kind: str, key: str) -> Any:
        """What was kept here, or below."""
        import zlib

        if (kind, key) in self.entries:
            return json.loads(zlib.decompress(self.entries[kind, key]))
        found = self.under.recall(kind, key) if self.under is not None else None
        if found is not None:
            self._take(kind, key, found)
        return found

    def keep(self, kind: str, key: str, value: Any) -> None:
        """Remembers here and below."""
        self._take(kind, key, value)
        if self.under is not None:
            self.under.keep(kind, key, value)

    def _take(self, kind: str, key: str, value: Any) -> None:
        import zlib

        self.entries[kind, key] = zlib.compress(json.dumps(value, separators=(",", ":"), allow_nan=False).encode(), 1)

    def tidy(self) -> None:
        """Tidies what is below."""
        if self.under is not None:
            self.under.tidy()


def memory_of(root: Path, *, cached: bool = True) -> Memory | None:
    """The memory of the user; None where none is wanted, or the user's cache is no place for one."""
    if not cached:
        return None
    try:
        return Memory(cache_folder(root) / "remembered")
    except MachineFailed:
        return None
