"""One run at a time: the lock that a run holds, and the signals that it keeps until it is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.layout import TOP
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.tree.folders import READ, content_of, failed, name_of, opened_folder, opened_root

LOCK = f"{TOP}/.modelfleet.lock"
AS_BEFORE = "the generated folders are unchanged"
_HOLDER = lazy_pattern(rb"(\d{1,10}) ([0-9T:+-]{1,40})\n")
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a run behaves: how long it waits for another one, and what it calls before it changes the file system."""

    patience_s: float = 30.0
    step: Callable[[str], None] = lambda what: None


@dataclass(slots=True)
class RunState:
    """A run that holds the lock, and how far it has come: what it is at, and what an error there means."""

    root: int
    hook: Callable[[str], None]
    signals: list[int]
    at: str = LOCK
    then: str = AS_BEFORE

    def step(self, what: str, path: str) -> None:
        """Announces a change of the file system."""
        self.at = path
        self.hook(f"{what} {path}")

    def prepare(self, what: str, path: str) -> None:
        """Announces a change before the journal, where there is still time to heed a signal."""
        self.step(what, path)
        if self.signals:
            msg = f"stopped by signal {self.signals[0]}; {AS_BEFORE}"
            raise MachineFailed(msg)


@contextmanager
def hold_lock(root: Path, manner: WriteOptions) -> Iterator[RunState]:
    """The right to write; waits for a run that has it.

    Raises:
        MachineFailed: the other run did not end in time, or the file system failed within the block.
    """
    with _signals_kept() as signals, opened_root(root) as top:
        run = RunState(top, manner.step, signals)
        try:
            with _lock(run, manner.patience_s):
                yield run
        except OSError as error:
            raise failed(error, run.at, run.then) from error


@contextmanager
def _signals_kept() -> Iterator[list[int]]:
    """Keeps the signals that would end the process, and lets them have their effect at the end of the block."""
    import signal
    import threading

    kept: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers, and none is interrupted
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                handlers[number] = signal.signal(number, lambda number, frame: kept.append(number))
    try:
        yield kept
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if kept:
            signal.raise_signal(kept[0])


@contextmanager
def _lock(run: RunState, patience_s: float) -> Iterator[None]:
    """Holds the lock. It is a lock of the system's, which is needed with its holder; the file only names him."""
    with opened_folder(run.root, TOP) as top:
        lock = _wait_for_lock(run, top, patience_s)
        try:
            yield
        finally:
            run.hook(f"remove {LOCK}")
            with suppress(OSError):  # what stays behind keeps nobody out
                os.unlink(name_of(LOCK), dir_fd=top)
            os.close(lock)


def _wait_for_lock(run: RunState, top: int, patience_s: float) -> int:
    import time

    run.prepare("make", LOCK)
    deadline = time.monotonic() + patience_s
    while (lock := _try_lock(top)) is None:
        if run.signals or time.monotonic() >= deadline:
            msg = (
                f"{TOP}/ is being written by another modelfleet{holder(run.root)}; waited {patience_s:g} s for it, "
                "try again when it is done"
            )
            raise MachineFailed(msg)
        time.sleep(_POLL_S)
    return lock


def _try_lock(top: int) -> int | None:
    """The descriptor that is the lock for as long as it is open."""
    import fcntl
    from datetime import datetime

    lock = os.open(name_of(LOCK), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644, dir_fd=top)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there = os.stat(name_of(LOCK), dir_fd=top, follow_symlinks=False)
        held = os.path.samestat(os.fstat(lock), there)  # its last holder may have removed what was opened here
    except (BlockingIOError, FileNotFoundError):
        held = False
    except OSError:
        os.close(lock)
        raise
    if not held:
        os.close(lock)
        return None
    with suppress(OSError):  # a full disk is to be told of the file that matters
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {datetime.now().astimezone().isoformat(timespec='seconds')}\n".encode(), 0)
    return lock


def is_held(root: int) -> bool:
    """Whether a run has the lock now."""
    import fcntl

    try:
        lock = os.open(LOCK, READ, dir_fd=root)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def holder(root: int) -> str:
    """Who holds the lock, for a message; empty where that is not known."""
    content = None
    with suppress(OSError), opened_folder(root, TOP) as top:
        content = content_of(top, name_of(LOCK))
    found = _HOLDER.fullmatch(content or b"")
    return f" (process {found[1].decode()}, since {found[2].decode()})" if found else ""
