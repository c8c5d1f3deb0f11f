"""Where the files that travel with the package are: in a wheel inside of it, in a checkout beside it.

Data are written as YAML, with comments, schemas as JSON, with notes, and templates as text. What is made of them is kept as JSON
in `__pycache__`, as Python keeps what it compiles: beside the source or under its prefix, never where Python is told to write
none, and believed only for the very bytes that it was made from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent


def packaged(kind: str) -> Path:
    """The folder `data`, `templates` or `schemas`."""
    inside = _HERE / kind
    return inside if inside.is_dir() else _HERE.parents[1] / kind


def packaged_data(name: str) -> Any:
    """The content of `data/<name>.yaml`."""
    path = packaged("data") / f"{name}.yaml"
    return kept_beside(path, path.read_bytes(), _parsed)


def _parsed(content: bytes) -> Any:
    from modelfleet.pyyaml import yaml

    return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def kept_beside(path: Path, content: bytes, make: Callable[[bytes], Any], maker: bytes = b"") -> Any:
    """What is made of the content of a file, plain data; `maker` differs wherever something else would be made of it."""
    import hashlib
    import json

    digest = hashlib.sha256(maker + content).hexdigest().encode()
    compiled = kept_place(path)
    with suppress(OSError, ValueError):
        known, _, text = compiled.read_bytes().partition(b"\n")
        if known == digest:
            return json.loads(text)
    found = make(content)
    if not sys.dont_write_bytecode:
        with suppress(OSError, TypeError):  # not writable; or a date, for which JSON has no word
            _keep(compiled, digest, found)
    return found


def kept_place(path: Path) -> Path:
    """Where what is made of a file is kept."""
    if sys.pycache_prefix is not None:
        return Path(sys.pycache_prefix) / path.relative_to(path.anchor).with_suffix(".json")
    return path.parent / "__pycache__" / f"{path.stem}.json"


def _keep(compiled: Path, digest: bytes, found: Any) -> None:
    import json

    text = json.dumps(found, separators=(",", ":"))
    if json.loads(text) != found:  # such as numbers for keys
        return
    compiled.parent.mkdir(parents=True, exist_ok=True)
    fresh = compiled.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(digest + b"\n" + text.encode())
    fresh.replace(compiled)
