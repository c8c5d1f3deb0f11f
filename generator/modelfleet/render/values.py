"""Values that several kinds of template calls share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.records import dataclass
from modelfleet.resolve.hardware import Hardware
from modelfleet.resolve.model import Model, ServedModel
from modelfleet.resolve.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCall:
    """A template and what goes into it. `pointer` is the entry of the spec that the object is made for."""

    template: str
    pointer: Pointer
    values: Mapping[str, Any]
    patches: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    runtime: Runtime | None = None


def metadata_entries(model: Model | ServedModel) -> dict[str, Any]:
    """The labels and annotations that a spec gives a model, for the loops of a template."""
    return {"labels": tuple(model.labels.items()), "annotations": tuple(model.annotations.items())}


def list_or_none(values: tuple[Mapping[str, Any], ...] | None) -> list[Mapping[str, Any]] | None:
    """A list, or None where it would be empty: the key is then not written."""
    return list(values) if values else None


def worker_tolerations(hardware: Hardware) -> list[Mapping[str, Any]] | None:
    """A worker's pods get theirs from nobody else: the hardware profile's webhook looks at the head alone."""
    return list_or_none(hardware.all_tolerations)


def profile_values(hardware: Hardware) -> dict[str, Any]:
    """The hardware profile that an object names in its annotations."""
    profile = hardware.profile
    return {
        "profile_name": profile.name if profile else None,
        "profile_namespace": profile.namespace if profile else None,
    }
