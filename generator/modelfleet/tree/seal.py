"""The first line of a generated file: it names the sources and holds a checksum of the rest."""

from __future__ import annotations

import re
from typing import Literal

from modelfleet.patterns import lazy_pattern

_HEADER = lazy_pattern(rb"# Generated from [^\n]+: edit those, then `modelfleet render`\. sha256:([0-9a-f]{16})\n")
_HEADER_BELOW = lazy_pattern(rb"^# Generated from [^\n]*`modelfleet render`", re.MULTILINE)
_HEAD_BYTES = 4096
SealState = Literal["ours", "edited", "foreign"]


def sealed(sources: str, body: str) -> str:
    """The full text of a generated file: a comment that names the files it came from and seals the body, then the body.

    The checksum is the first 16 digits of what `tail -n +2 FILE | sha256sum` prints.
    """
    if not sources or not sources.isprintable():
        msg = f"cannot name the sources in one line: {sources!r}"
        raise ValueError(msg)
    digest = sha256(body.encode())[:16]
    return f"# Generated from {sources}: edit those, then `modelfleet render`. sha256:{digest}\n{body}"


def seal_state(content: bytes) -> SealState:
    """Whether a file is as it was generated, was generated and then edited or badly merged, or is someone else's."""
    header = _HEADER.match(content)
    if header and sha256(content[header.end() :])[:16].encode() == header[1]:
        return "ours"
    # A merge conflict or a note can stand above the line.
    return "edited" if header or _HEADER_BELOW.search(content, 0, _HEAD_BYTES) else "foreign"


def sha256(content: bytes) -> str:
    """The checksum in hexadecimal digits."""
    import hashlib

    return hashlib.sha256(content).hexdigest()
