"""Reads the bytes of a hand-written file: a regular one, within the limit, and never through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from modelfleet.finding import Finding, Location, MachineFailed, Rejected
from modelfleet.spec.discover import irregular, kind_of, linked
from modelfleet.spec.limits import MAX_BYTES
from modelfleet.wording import printable


def read_content(root: Path, file: str) -> bytes:
    """The bytes of a file below the root, whose path is separated by '/', as far as the limit and one byte more.

    Raises Rejected for links, what is not a regular file and more than 4 MiB; MachineFailed where it cannot be read.
    """
    path = root
    try:
        for step in file.split("/"):
            path = path / step
            if path.is_symlink():
                raise Rejected([linked(path.relative_to(root).as_posix())])
        _refuse_unreadable(path.lstat(), file)
        # What was looked at may be another file by now: neither follow it nor wait for it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            _refuse_unreadable(os.fstat(descriptor), file)
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        hint = (
            "give this user the right to read it"
            if isinstance(error, PermissionError)
            else "run the command again when it is there"
        )
        message = f"cannot read {printable(file)}: {error.strerror}; {hint}"
        raise MachineFailed(message) from error


def _refuse_unreadable(status: os.stat_result, file: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Rejected([irregular(file, kind_of(status.st_mode))])
    if status.st_size > MAX_BYTES:
        raise Rejected([too_large(file, status.st_size)])


def too_large(file: str, size: int) -> Finding:
    """The finding about a file beyond the limit."""
    message, hint = (
        f"the file has {size:,} bytes, and the limit is 4 MiB ({MAX_BYTES:,})",
        "split it, or remove what is not part of the spec",
    )
    return Finding(at=Location(file), code="YAML004", message=message, hint=hint)
