"""Files and folders below the root, opened name by name, so that no symbolic link is ever followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.wording import printable

_MOST_BYTES = 16 << 20  # far more than an API server takes, so what is larger was not generated
_CHUNK_BYTES = 1 << 16
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: a FIFO must not hold the run up
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened_root(root: Path) -> Iterator[int]:
    """The descriptor of the root. Raises MachineFailed where it cannot be opened."""
    try:
        opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise failed(error, str(root)) from error
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def opened_folder(root: int, path: str) -> Iterator[int]:
    """The descriptor of a folder below the root."""
    opened = _open_folder(root, path)
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def folder_if_any(root: int, path: str) -> Iterator[int | None]:
    """The descriptor of a folder below the root; None where there is none."""
    try:
        opened = _open_folder(root, path)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield opened
    finally:
        os.close(opened)


def _open_folder(root: int, path: str) -> int:
    """Opens a folder below the root name by name; a symbolic link on the way is not a folder."""
    opened = root
    for name in path.split("/"):
        try:
            inner = os.open(name, _FOLDER, dir_fd=opened)
        finally:
            if opened != root:
                os.close(opened)
        opened = inner
    return opened


def content_of(folder: int, name: str, hoped: bytes | None = None, most: int = _MOST_BYTES) -> bytes | None:
    """What a file holds, or None where there is none; of one that is too large, only the beginning."""
    try:
        file = os.open(name, READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        chunks = [os.read(file, _CHUNK_BYTES if hoped is None else len(hoped) + 1)]
        if chunks[0] == hoped:
            return hoped
        size = len(chunks[0])
        while size < most and (chunk := os.read(file, _CHUNK_BYTES)):
            chunks.append(chunk)
            size += len(chunk)
        return b"".join(chunks)
    finally:
        os.close(file)


def create(folder: int, name: str, content: bytes) -> None:
    """Writes a file that is not there yet."""
    file = os.open(name, _CREATE, 0o600, dir_fd=folder)
    try:
        os.fchmod(file, 0o644)  # whatever the umask is
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def exists(root: int, path: str) -> bool:
    """Whether anything is there, even a link that leads nowhere."""
    try:
        os.stat(path, dir_fd=root, follow_symlinks=False)
    except OSError:
        return False
    return True


def is_link(root: int, path: str) -> bool:
    """Whether a symbolic link is there."""
    try:
        return stat.S_ISLNK(os.stat(path, dir_fd=root, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def by_folder(paths: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """The names in each folder, sorted."""
    split = sorted(path.rpartition("/")[::2] for path in paths)
    for folder, group in groupby(split, key=lambda parts: parts[0]):
        yield folder, [name for _, name in group]


def parents(path: str) -> list[str]:
    """The folders that a path lies in, the topmost first."""
    steps = path.split("/")
    return ["/".join(steps[:length]) for length in range(1, len(steps))]


def all_parents(paths: Iterable[str]) -> set[str]:
    """The folders that any of the paths lies in."""
    folders = {parent(path) for path in paths}
    return folders.union(*map(parents, folders))


def parent(path: str) -> str:
    """The folder that a path lies in."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """The last name of a path."""
    return path.rpartition("/")[2]


def failed(error: OSError, path: str, then: str = "nothing was written") -> MachineFailed:
    """What to raise for an error of the file system at the path; `then` says how the files are now."""
    return MachineFailed(f"{error.strerror}: {printable(path)}; {then}")
