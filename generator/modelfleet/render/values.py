"""Values that several kinds of template calls share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.resolve.hardware import Hardware
from modelfleet.resolve.model import Model, Project, ServedModel
from modelfleet.resolve.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCall:
    """A template and what goes into it. `pointer` is the entry of the spec that the object is made for."""

    template: str
    pointer: Pointer
    values: Mapping[str, Any]
    patches: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    runtime: Runtime | None = None


def own_entries(model: Model | ServedModel) -> dict[str, Any]:
    """What a spec gives a model as it is: labels, annotations and parts of a pod's spec, for the loops of a template, fields."""
    found = {"labels": model.labels, "annotations": model.annotations}
    written: dict[str, Any] = {}
    if isinstance(model, Model):
        found |= {"pod_spec": model.pod_spec, "container_spec": model.container_spec}
        written |= model.as_written
    return written | {name: tuple(entries.items()) for name, entries in found.items()}


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


_SAID = {
    "displayName": "display_name",
    "description": "description",
    "mode": "deployment_mode",
    "tokens": "enable_auth",
    "modelType": "model_type",
    "dashboard": "dashboard",
    "storageSecret": "storage_secret",
}
"""The values with which templates say fields that a spec can leave unsaid."""


def said_of(model: Model) -> dict[str, str | None]:
    """What templates say of any model, without the fields that are left unsaid."""
    can = json.dumps(model.capabilities, separators=(",", ":")) if model.capabilities else None
    return {"dashboard": "true", "capabilities": can, **{_SAID[field]: None for field in model.omit}}


def stop_word(project: Project, model: Model) -> str | None:
    """Whether it is stopped, in the words of its annotation; None where nothing is said of it."""
    if model.stopped or (model.told_to_run and project.environment.can("stop")):
        return "true" if model.stopped else "false"
    return None
