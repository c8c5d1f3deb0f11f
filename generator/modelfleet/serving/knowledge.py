"""What is known about a kind of serving object: which effects a change of each of its fields has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from modelfleet.packaged import packaged_data


@lru_cache(maxsize=1)
def knowledge() -> Mapping[str, Any]:
    """The content of `data/effects.yaml`."""
    found: Mapping[str, Any] = packaged_data("effects")
    return found
