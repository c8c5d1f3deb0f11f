"""Where the files that travel with the package are: in a wheel inside of it, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent


def packaged(kind: str) -> Path:
    """The folder `data`, `templates` or `schemas`."""
    inside = _HERE / kind
    return inside if inside.is_dir() else _HERE.parents[1] / kind


def packaged_data(name: str) -> Any:
    """The content of `data/<name>.yaml`."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((packaged("data") / f"{name}.yaml").read_bytes(), Loader=loader)
