"""Runs programs, and our own work side by side. The only module that starts processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from generator.finding import MachineFailed, printable

_MOST_COMPLAINT = 2000  # characters
_MOST_REASON = 300

_Task = TypeVar("_Task")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A process that has ended by itself. `err` is printable and at most 2,000 characters long."""

    code: int
    out: bytes
    err: str

    @property
    def complaint(self) -> str:
        """The last line of stderr that says something."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Takes the place of our environment variables; `memory` bounds the address space in bytes where the system can.

    `group`: the program may start others, so all of them are ended with it. Without it, Ctrl-C reaches it by itself.
    """

    environment: Mapping[str, str]
    memory: int | None = None
    group: bool = True


def run(
    words: Sequence[str | Path],
    cwd: Path,
    stdin: bytes = b"",
    limit_s: float = 60.0,
    within: Surroundings | None = None,
) -> Done:
    """Runs a program to its end, within our own environment variables unless told otherwise.

    Raises MachineFailed where it cannot be started or takes longer than `limit_s`; an exit code is the caller's.
    """
    import subprocess

    name = Path(words[0]).name
    group = within is None or within.group
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=within.environment if within else None,
            start_new_session=group,
        )
    except OSError as error:
        message = f"{name} cannot be started ({words[0]}): {error.strerror}"
        raise MachineFailed(printable(message)) from error
    with process:
        try:
            if within and within.memory is not None:
                _limit_memory(process.pid, within.memory)
            out, err = process.communicate(stdin or None, timeout=limit_s)
        except BaseException as error:
            _end(process.pid, group)
            if isinstance(error, subprocess.TimeoutExpired):
                message = f"{name} had not ended after {limit_s:.0f} s and was stopped"
                raise MachineFailed(message) from None
            raise
    return Done(code=process.returncode, out=out, err=_shown(err))


def two_at_a_time(do: Callable[[_Task], Done], tasks: Iterable[_Task]) -> Iterator[Done]:
    """The outcomes in the order of the tasks, of which two run at a time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(do, tasks)


# ---- our own work ----------------------------------------------------------------------------------------------------

_MOST_PROCESSES = 4  # beyond them, what each one has to read again of the same memory outweighs its help


def shares(tasks: Sequence[_Item], weights: Sequence[int], least: int) -> list[Sequence[_Item]]:
    """The tasks in as many parts of about the same weight as can run side by side, of `least` or more on average.

    The order stays. It is one part where processes cannot be forked, or threads are running that a fork would cut off.
    """
    import threading

    whole = sum(weights)
    count = min(_processors(), _MOST_PROCESSES, max(whole // least, 1))
    if not hasattr(os, "fork") or threading.active_count() > 1:
        count = 1
    parts: dict[int, list[_Item]] = {}
    done = 0
    for task, weight in zip(tasks, weights, strict=True):
        middle = (2 * done + weight) * count // (2 * whole or 1)
        parts.setdefault(min(middle, count - 1), []).append(task)
        done += weight
    return list(parts.values())


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(do: Callable[[Sequence[_Item]], _Result], parts: Sequence[Sequence[_Item]]) -> list[_Result]:
    """What `do` makes of each part, in their order: of the first here, of each other in a copy of this process.

    The outcome of a part must be data that pickle carries. A part whose process fails, or cannot be started, is done here,
    so that what is wrong with it shows as it would have without the process.
    """
    running = [_forked(do, part) for part in parts[1:]]
    try:
        found = [do(part) for part in parts[:1]]
        for part in parts[1:]:
            copy = running.pop(0)
            arrived = None if copy is None else _received(copy)
            found.append(do(part) if arrived is None else arrived[0])
    finally:
        for copy in running:
            if copy is not None:
                os.close(copy.pipe)
                _end(copy.process, group=False)
                os.waitpid(copy.process, 0)
    return found


class _Copy(NamedTuple):
    """A copy of this process, and the end of a pipe at which its outcome arrives."""

    process: int
    pipe: int


def _forked(do: Callable[[Sequence[_Item]], _Result], part: Sequence[_Item]) -> _Copy | None:
    """Starts a copy that sends what `do` makes of the part; None where the system has no room for one."""
    try:
        reading, writing = os.pipe()
    except OSError:
        return None
    try:
        process = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return None
    if process:
        os.close(writing)
        return _Copy(process, reading)
    code = 1
    try:
        import pickle

        os.close(reading)
        with os.fdopen(writing, "wb") as stream:
            pickle.dump((do(part),), stream, protocol=5)
        code = 0
    finally:
        os._exit(code)  # without a word, and without what this process would do at its end


def _received(copy: _Copy) -> tuple[Any] | None:
    """The outcome of a copy, once it has ended; None where it failed."""
    import pickle

    with os.fdopen(copy.pipe, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(copy.process, 0)
    found: tuple[Any] | None = None if status else pickle.loads(content)
    return found


# ---- how programs are run --------------------------------------------------------------------------------------------


def _limit_memory(process: int, limit: int) -> None:
    import resource

    if hasattr(resource, "prlimit"):
        try:
            resource.prlimit(process, resource.RLIMIT_AS, (limit, limit))
        except (OSError, ValueError):  # it has ended already, or a lower limit is set: both are fine
            return


def _end(process: int, group: bool) -> None:
    import signal

    try:
        (os.killpg if group else os.kill)(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _shown(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").splitlines()
    return "\n".join(printable(line.expandtabs()) for line in lines)[-_MOST_COMPLAINT:]


def reason(err: str) -> str:
    """The line of a stderr that names the cause, shortened."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ")[:_MOST_REASON] if lines else "it says nothing"


def on_path(program: str) -> Path | None:
    """The program on PATH, but never one out of the folder that we happen to stand in."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if Path(folder).is_absolute()]
    found = shutil.which(program, path=os.pathsep.join(folders)) if folders else None
    return Path(found) if found else None
