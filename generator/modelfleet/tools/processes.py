"""Runs programs, and our own work side by side. The only module that starts processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from modelfleet.finding import MachineFailed
from modelfleet.records import dataclass
from modelfleet.wording import printable

_MOST_COMPLAINT = 2000  # characters
_MOST_REASON = 300
_Task = TypeVar("_Task")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
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
class ProcessOptions:
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
    within: ProcessOptions | None = None,
) -> Completed:
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
            env=_with_safe_path(within.environment if within else os.environ),
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
            end_process(process.pid, group)
            if isinstance(error, subprocess.TimeoutExpired):
                message = f"{name} did not end within {limit_s:.0f} s and was stopped"
                raise MachineFailed(message) from None
            raise
    return Completed(code=process.returncode, out=out, err=_shown(err))


def two_at_a_time(do: Callable[[_Task], Completed], tasks: Iterable[_Task]) -> Iterator[Completed]:
    """The outcomes in the order of the tasks, of which two run at a time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(do, tasks)


# ---- how programs are run --------------------------------------------------------------------------------------------


def _limit_memory(process: int, limit: int) -> None:
    import resource

    if hasattr(resource, "prlimit"):
        try:
            resource.prlimit(process, resource.RLIMIT_AS, (limit, limit))
        except (OSError, ValueError):  # it has ended already, or a lower limit is set: both are fine
            return


def end_process(process: int, group: bool) -> None:
    """Ends a process at once, with its group if asked, and waits for it."""
    import signal

    try:
        (os.killpg if group else os.kill)(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _shown(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").splitlines()
    return "\n".join(printable(line.expandtabs()) for line in lines)[-_MOST_COMPLAINT:]


def failure_note(err: str) -> str:
    """The line of a stderr that names the cause, shortened."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ")[:_MOST_REASON] if lines else "it printed nothing"


def on_path(program: str) -> Path | None:
    """The program on PATH, but never one out of the folder that we happen to stand in."""
    folders = _absolute(os.environ.get("PATH", ""))
    found = shutil.which(program, path=folders) if folders else None
    return Path(found) if found else None


def _with_safe_path(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables for a program, which finds the programs that it starts where we would find them."""
    found = dict(environment)
    return found | {"PATH": _absolute(found["PATH"])} if "PATH" in found else found


def _absolute(path: str) -> str:
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if Path(folder).is_absolute())
