"""The folder `.tools/` of a repository: what is pinned for it, and how one run at a time puts something into it."""

from __future__ import annotations

import shutil
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

FOLDER = ".tools"
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


@contextmanager
def alone(root: Path, say: Say) -> Iterator[None]:
    """Holds the lock of `.tools/`, so that two runs do not install the same; takes Go's caches away at the end."""
    folder = root / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        lock = (folder / "lock").open("a")
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror}; make it writable, tools are installed into it"
        raise MachineFailed(printable(message)) from error
    with lock:
        _wait_for(lock, say)
        try:
            for left in folder.glob("unfinished-*"):  # by a run that was killed
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            shutil.rmtree(folder / "cache", ignore_errors=True)


def _wait_for(lock: IO[str], say: Say) -> None:
    """Takes the lock, and waits for it as long as a tool takes to install."""
    until = time.monotonic() + INSTALL_S
    told = False
    while not _is_taken(lock):
        if time.monotonic() > until:
            message = f"another run has been installing tools into {FOLDER}/ for {INSTALL_S / 60:.0f} minutes"
            raise MachineFailed(message)
        if not told:
            say(f"waiting for another run that installs tools into {FOLDER}/")
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
def fresh_folder(root: Path) -> Iterator[Path]:
    """An empty folder in `.tools/`, from which what is finished is moved to its place. Gone afterwards."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=root / FOLDER) as folder:
        yield Path(folder).absolute()
