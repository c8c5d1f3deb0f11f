"""The user's own folder for what is installed: what is pinned for it, and how one run at a time puts something into it.

It is outside of every repository, because what is committed must neither be run nor be believed, and open to its owner
alone. What is in it is checked by its hash before each use.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from modelfleet.finding import MachineFailed
from modelfleet.packaged import packaged_data
from modelfleet.wording import printable

Say = Callable[[str], None]
"""Takes one line about what is being done, for the user."""

INSTALL_S = 1200.0  # a cold `go install` of kustomize takes a minute on two cores
_POLL_S = 0.1


@lru_cache(maxsize=1)
def pinned() -> Mapping[str, Any]:
    """The content of `data/tools.yaml`."""
    found: Mapping[str, Any] = packaged_data("tools")
    return found


def numbers(version: str) -> tuple[int, ...]:
    """A version such as `5.7.1`, to be compared with others."""
    return tuple(int(step) for step in version.split("."))


@contextmanager
def explain_failure(what: str, remedy: str = "") -> Iterator[None]:
    """Puts what failed before the reason, and what to do behind it."""
    try:
        yield
    except MachineFailed as failed:
        message = f"{what}: {failed}" + (f"; {remedy}" if remedy else "")
        raise MachineFailed(message) from failed
    except OSError as error:
        message = printable(f"{what}: {error.strerror} ({error.filename})")
        raise MachineFailed(message) from error


def cache_folder(root: Path) -> Path:
    """`$XDG_CACHE_HOME/modelfleet`, else `~/.cache/modelfleet`. Raises MachineFailed where others could have written to it.

    `root` is the repository, in which it must not be.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "modelfleet"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()
        status = folder.stat()
        is_own = status.st_uid == os.geteuid() and not status.st_mode & 0o022
        if is_own and status.st_mode & 0o077:
            folder.chmod(0o700)
    except RuntimeError as error:
        message = "there is no home folder to install tools into; set XDG_CACHE_HOME to an absolute path"
        raise MachineFailed(message) from error
    except OSError as error:
        message = f"{error.filename} cannot be used: {error.strerror}; set XDG_CACHE_HOME to a folder of your own"
        raise MachineFailed(printable(message)) from error
    if not is_own:
        message = (
            f"others may write to {folder}, so nothing in it is run; remove it, or set XDG_CACHE_HOME to another folder"
        )
        raise MachineFailed(printable(message))
    if any(folder.is_relative_to(top) for top in _tops(root.resolve())):
        message = f"{folder} is in the repository, whose files are never run; set XDG_CACHE_HOME to a folder outside the repository"
        raise MachineFailed(printable(message))
    return folder


def _tops(root: Path) -> Iterator[Path]:
    """The repository's root, and the top of the working tree around it unless that is somebody's home."""
    yield root
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    if not Path("~").expanduser().resolve().is_relative_to(top):
        yield top


def _seal_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def seal(path: Path) -> None:
    """Notes the hash of a file or folder that is complete."""
    _seal_of(path).write_text(f"{_digest(path)}\n")


def intact(path: Path) -> bool:
    """Whether a file or folder is there, and as it was when it was sealed."""
    try:
        return _seal_of(path).read_text().strip() == _digest(path)
    except OSError:
        return False


def _digest(path: Path) -> str:
    import hashlib

    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    total = hashlib.sha256()
    for each in sorted(path.rglob("*")):
        content = os.fsencode(each.readlink()) if each.is_symlink() else each.read_bytes() if each.is_file() else b""
        total.update(
            os.fsencode(each.relative_to(path)) + b"\0%o %d\0" % (each.lstat().st_mode, len(content)) + content
        )
    return total.hexdigest()


@contextmanager
def alone(folder: Path, say: Say) -> Iterator[None]:
    """Holds the lock of the folder, so that two runs do not install the same; removes Go's caches at the end."""
    import shutil

    try:
        folder.mkdir(exist_ok=True, parents=True)
        lock = (folder / "lock").open("a")
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror}; make it writable, since tools are installed into it"
        raise MachineFailed(printable(message)) from error
    with lock:
        _wait_for(lock, folder, say)
        try:
            for left in folder.glob("unfinished-*"):  # by a run that was killed
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            shutil.rmtree(folder / "cache", ignore_errors=True)


def _wait_for(lock: IO[str], folder: Path, say: Say) -> None:
    """Takes the lock, and waits for it as long as a tool takes to install."""
    until = time.monotonic() + INSTALL_S
    told = False
    while not _is_taken(lock):
        if time.monotonic() > until:
            message = f"another run has been installing tools into {folder} for {INSTALL_S / 60:.0f} minutes"
            raise MachineFailed(message)
        if not told:
            say(f"waiting for another run that installs tools into {folder}")
        told = True
        time.sleep(_POLL_S)


def _is_taken(lock: IO[str]) -> bool:
    """Takes the lock if it is free; says whether it was."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def fresh_folder(cache: Path) -> Iterator[Path]:
    """An empty folder in the same place, from which what is finished is moved to its place. Gone afterwards."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=cache) as folder:
        yield Path(folder).absolute()
