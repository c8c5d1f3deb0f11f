"""A lab starts quickly, and leaves neither a process nor a file outside of the cache, however its run ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.controlplane.ask import wait_until
from lab.controlplane.build import cache_folder
from lab.controlplane.lab import Lab
from lab.controlplane.namespaces import Namespaces

pytestmark = pytest.mark.kserve
TESTS = Path(__file__).parents[1]
_SECONDS, _CORES = 10, 2
_RUN = """\
import signal
import time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which what runs in the background of a shell ignores
from lab.controlplane.lab import Lab
with Lab() as lab:
    print(lab.folder, flush=True)
    time.sleep({seconds})
"""


def test_a_start_takes_less_than_ten_seconds_of_two_cores(built: Callable[..., None]) -> None:
    """By the clock, or by the processor time of all programs where the machine has other things to do, too."""
    built("control-plane")
    clock, ours = time.monotonic(), time.process_time()
    with Lab() as lab:
        lab.install_kserve("control-plane")
        clock = time.monotonic() - clock
        programs = sum(map(_processor_seconds, _processes(lab.folder)))
    assert programs > 1, "their times are counted"
    assert min(clock, (programs + time.process_time() - ours) / _CORES) < _SECONDS


@pytest.mark.parametrize("end", [None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda end: str(end))
def test_nothing_is_left(built: Callable[..., None], tmp_path: Path, end: signal.Signals | None) -> None:
    """The files of a run that was killed go with the next start, and lie in the cache until then."""
    built("control-plane")
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(cache_folder().parents[1]),
        "TMPDIR": str(temporary),
    }
    program = [sys.executable, "-c", _RUN.format(seconds=600 if end else 0)]
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout
        folder = Path(run.stdout.readline().strip())
        assert folder.parent == cache_folder() / "runs"
        if end:
            assert _processes(folder)
            run.send_signal(end)
        run.communicate(timeout=60)
    wait_until("no process is left", lambda: not _processes(folder), 10)
    Namespaces().close()
    assert not folder.exists()
    assert [*home.rglob("*"), *temporary.rglob("*")] == []


def _processes(folder: Path) -> list[Path]:
    """Where /proc tells of each process of this machine whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if os.fsencode(folder) in (path / "cmdline").read_bytes():
                found.append(path)
    return found


def _processor_seconds(process: Path) -> float:
    """What a process and those that it has waited for have used."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
