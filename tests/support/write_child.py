"""A process of its own that writes a tree, for tests that kill it, starve it or make it wait.

    write_child.py write ROOT TREE                     TREE: a JSON file of what `write` is given
    write_child.py pause ROOT TREE STEP                says "paused" before its STEPth change and waits for a line
    write_child.py signal-everywhere FOLDER TREE SIGNAL [RECOVER]

The last copies FOLDER/template for N = 1, 2, … to FOLDER/N and writes there, sending itself SIGNAL before its Nth
change, until a run ends without having come that far. For each it prints a line: N, and how the run ended.
It exits 0, 4 (refused), 5 (the machine failed, said on stderr), 130 (Ctrl-C); anything else is a bug.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from modelfleet.finding import MachineFailed, Rejected
from modelfleet.layout import Scope
from modelfleet.tree.lock import WriteOptions
from modelfleet.tree.write import recover, write


def written(root: Path, files: dict[str, str], step: Callable[[str], None], *, only_recover: bool = False) -> int:
    try:
        if only_recover:
            recover(root, WriteOptions(step=step))
        else:
            write(root, files, Scope(), WriteOptions(step=step))
    except Rejected:
        return 4
    except MachineFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 5
    except KeyboardInterrupt:
        return 130
    return 0


def at_step(number: int, act: Callable[[], object]) -> Callable[[str], None]:
    count = 0

    def step(what: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            act()

    return step


def pause() -> None:
    sys.stdout.write("paused\n")
    sys.stdout.flush()
    sys.stdin.readline()


def signal_everywhere(folder: Path, files: dict[str, str], number: int, *, only_recover: bool) -> None:
    ended, place, copy = None, 0, folder
    while ended != 0:
        place += 1
        copy = folder / str(place)
        shutil.copytree(folder / "template", copy, symlinks=True)
        ended = ended_in_fork(copy, files, at_step(place, lambda: os.kill(os.getpid(), number)), only_recover)
        sys.stdout.write(f"{place} {ended}\n")
        sys.stdout.flush()
    shutil.rmtree(copy)


def ended_in_fork(root: Path, files: dict[str, str], step: Callable[[str], None], only_recover: bool) -> int:
    child = os.fork()
    if child == 0:
        os._exit(written(root, files, step, only_recover=only_recover))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    mode, root, tree, *rest = sys.argv[1:]
    files = json.loads(Path(tree).read_text(encoding="utf-8"))
    if mode == "signal-everywhere":
        number = signal.Signals[rest[0]]
        signal_everywhere(Path(root), files, number, only_recover="RECOVER" in rest)
        return 0
    step = at_step(int(rest[0]), pause) if mode == "pause" else at_step(0, pause)
    return written(Path(root), files, step)


if __name__ == "__main__":
    sys.exit(main())
