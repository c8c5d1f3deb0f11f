"""Process 1 of the lab's namespaces: starts and stops programs, and hands out connections to them.

It runs in a network namespace that has only a loopback, so that no program of the lab can be reached from outside and two
labs do not meet. When the tests end, however they do, their end of the socket closes, this process ends, and the kernel
ends everything that runs in its process namespace. It needs nothing but Python's own library.

    supervisor.py SOCKET-FD HOSTS-FILE
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP, _PR_SET_PDEATHSIG = 0x8913, 0x8914, 1, 1


def main() -> None:
    """Serves requests until the other end is closed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    control = socket.socket(fileno=int(sys.argv[1]))
    _loopback_up()
    _mount("--bind", sys.argv[2], "/etc/hosts")
    if Path("/dev/shm").is_dir():
        _mount("-t", "tmpfs", "tmpfs", "/dev/shm")  # Argo CD leaves files there
    running: dict[str, subprocess.Popen[bytes]] = {}
    while request := control.recv(1 << 20):
        found: list[int] = []
        try:
            answer = _answer(json.loads(request), running, found)
        except OSError as error:
            answer = {"error": str(error)}
        socket.send_fds(control, [json.dumps(answer).encode()], found)
        for descriptor in found:
            os.close(descriptor)


def _answer(request: dict[str, Any], running: dict[str, subprocess.Popen[bytes]], found: list[int]) -> dict[str, Any]:
    match request["do"]:
        case "connect":
            with socket.create_connection(("127.0.0.1", request["port"]), timeout=5) as connection:
                connection.settimeout(None)
                found.append(os.dup(connection.fileno()))
        case "start":
            with Path(request["log"]).open("ab") as log:
                running[request["name"]] = subprocess.Popen(
                    request["command"], env=request["environment"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
        case "ended":
            return {"ended": {name: code for name, process in running.items() if (code := process.poll()) is not None}}
        case "stop":
            _stop(running.pop(request["name"]))
        case unknown:
            message = f"no such request: {unknown}"
            raise OSError(message)
    return {}


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    process.kill()
    process.wait()


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main()
