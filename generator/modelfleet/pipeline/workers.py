"""Work on a large fleet in as many processes as there are processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


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
                _ended(copy)
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
        os._exit(code)  # silently, and without what this process would do at its end


def _ended(copy: _Copy) -> None:
    from modelfleet.tools.processes import end_process

    os.close(copy.pipe)
    end_process(copy.process, group=False)
    os.waitpid(copy.process, 0)


def _received(copy: _Copy) -> tuple[Any] | None:
    """The outcome of a copy, once it has ended; None where it failed."""
    import pickle

    with os.fdopen(copy.pipe, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(copy.process, 0)
    found: tuple[Any] | None = None if status else pickle.loads(content)
    return found
