"""Who calls the models of a project, as its spec says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Somebody who calls models of a project; all of them where `models` is empty."""

    name: str
    pointer: Pointer
    models: tuple[str, ...]
    contact: str | None

    def calls(self, model: str) -> bool:
        """Whether it calls this model."""
        return not self.models or model in self.models


def consumers_of(written: Mapping[str, Any]) -> Iterator[Consumer]:
    """The consumers of a project."""
    for name, data in written.items():
        models = tuple(data.get("models") or ())
        yield Consumer(name=name, pointer=("consumers", name), models=models, contact=data.get("contact"))
