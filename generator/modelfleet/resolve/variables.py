"""Where a variable's value comes from when it is not written: in the spec, and as Kubernetes says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelfleet.records import dataclass


@dataclass(frozen=True, slots=True)
class EnvSource:
    """One kind of source: its field in a spec, its key in a variable's `valueFrom`, and the parts of both, by field."""

    field: str
    key: str
    parts: Mapping[str, str]

    def reference(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """What Kubernetes reads, of what a spec says."""
        return {part: written[name] for name, part in self.parts.items() if name in written}

    def written(self, reference: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a spec says, of what Kubernetes reads; None where that is more than it can say."""
        names = {part: name for name, part in self.parts.items()}
        if self.parts[self.field] not in reference or not reference.keys() <= names.keys():
            return None
        return {names[part]: value for part, value in reference.items()}


_KEY_OF = {"key": "key", "optional": "optional"}

_SOURCES = (
    EnvSource("secret", "secretKeyRef", {"secret": "name", **_KEY_OF}),
    EnvSource("configMap", "configMapKeyRef", {"configMap": "name", **_KEY_OF}),
    EnvSource("field", "fieldRef", {"field": "fieldPath"}),
    EnvSource("resource", "resourceFieldRef", {"resource": "resource"}),
)


def env_sources() -> tuple[EnvSource, ...]:
    """All kinds of sources."""
    return _SOURCES
