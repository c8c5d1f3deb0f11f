"""Where the files that travel with the package are: in a wheel inside of it, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def packaged(kind: str) -> Path:
    """The folder `data`, `templates` or `schemas`."""
    inside = _HERE / kind
    return inside if inside.is_dir() else _HERE.parent / kind
