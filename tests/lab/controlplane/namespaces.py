"""A place of its own for the lab's processes: namespaces for network, mounts and processes, and a folder for their files."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HOSTS = ("github.com", "kubernetes.default.svc")  # names that are served from within
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


class Namespaces:
    """Namespaces in which programs run; closed, or with the death of this process, nothing of them is left."""

    def __init__(self) -> None:
        self.folder = _fresh_folder()
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost {' '.join(HOSTS)}\n")
        self._one_at_a_time = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [
            *_unshare(),
            sys.executable,
            "-I",
            str(_SUPERVISOR),
            str(theirs.fileno()),
            str(self.folder / "hosts"),
        ]
        with (self.folder / "supervisor.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        theirs.close()

    def start(self, name: str, command: Sequence[str | Path], **environment: str) -> None:
        """Runs a program until it is stopped; what it prints goes to a log in the folder."""
        temporary = self.folder / "tmp" / name
        temporary.mkdir(parents=True, exist_ok=True)
        given = {"PATH": os.environ["PATH"], "HOME": str(temporary), "TMPDIR": str(temporary), **environment}
        self._ask(
            do="start", name=name, command=[str(word) for word in command], environment=given, log=str(self.log(name))
        )

    def stop(self, name: str) -> None:
        """Ends a program and waits for its end."""
        self._ask(do="stop", name=name)

    def connect(self, port: int) -> socket.socket:
        """A connection to a program inside."""
        _, descriptors = self._exchange(do="connect", port=port)
        return socket.socket(fileno=descriptors[0])

    def wait_for(self, port: int, seconds: float) -> None:
        """Until something listens on the port."""
        until = time.monotonic() + seconds
        while True:
            try:
                return self.connect(port).close()
            except OSError:
                if time.monotonic() > until:
                    raise
            self.all_run()
            time.sleep(0.05)

    def all_run(self) -> None:
        """Raises ProgramEnded with the end of its log where a program has ended by itself."""
        ended = self._ask(do="ended")["ended"]
        if ended:
            tails = (f"{name} ended with {code}:\n{self.log(name).read_text()[-3000:]}" for name, code in ended.items())
            raise ProgramEnded("\n".join(tails))

    def log(self, name: str) -> Path:
        """What a program has printed."""
        return self.folder / f"{name}.log"

    def close(self) -> None:
        """Ends every program and removes the folder."""
        self._control.close()
        self._process.wait(30)
        self._lock.close()
        shutil.rmtree(self.folder)

    def _ask(self, **request: Any) -> Mapping[str, Any]:
        return self._exchange(**request)[0]

    def _exchange(self, **request: Any) -> tuple[Mapping[str, Any], list[int]]:
        with self._one_at_a_time:
            self._control.send(json.dumps(request).encode())
            text, descriptors, _, _ = socket.recv_fds(self._control, 1 << 20, 1)
        if not text:
            raise ProgramEnded(f"the namespaces cannot be used: {self.log('supervisor').read_text().strip()}")
        answer = json.loads(text)
        if "error" in answer:
            raise OSError(answer["error"])
        return answer, descriptors


class ProgramEnded(Exception):
    """A program of the lab is not there any more; the text says why, as far as it said so."""


def unusable() -> str | None:
    """Why namespaces cannot be made on this machine, or None where they can."""
    done = subprocess.run(
        [*_unshare(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True, check=False
    )
    return done.stderr.strip() or f"unshare ended with {done.returncode}" if done.returncode else None


def _unshare() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]


def _fresh_folder() -> Path:
    """A new folder; those that runs left which were killed are removed."""
    from lab.controlplane.build import cache_folder

    runs = cache_folder() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for old in runs.iterdir():
        with contextlib.suppress(OSError), (old / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old)
    return Path(tempfile.mkdtemp(dir=runs))


if __name__ == "__main__":
    sys.exit(unusable())
