"""Pods whose containers the spec itself says: a program in place of a runtime, and a transformer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelfleet.kubernetes.objects import items
from modelfleet.resolve.model import Model


def own_program(model: Model) -> dict[str, Any]:
    """What goes over the values where no runtime serves a model: its own containers, of which the first is what serves."""
    if not model.own_program:
        return {}
    first, *others = model.containers
    own = {
        "args": [*items(first.get("args")), *model.args],
        "env": [*items(first.get("env")), *model.env],
        "resources": model.hardware.resources or first.get("resources"),
        **{
            key: [*items(first.get(key)), *value] if isinstance(value, list) else value
            for key, value in model.container_spec.items()
        },
    }
    containers = [{**first, **{key: value for key, value in own.items() if value}}, *others]
    return dict.fromkeys(("runtime", "args", "env", "resources")) | {"containers": containers, "container_spec": ()}


def transformer(written: Mapping[str, Any]) -> dict[str, Any]:
    """A transformer as an InferenceService has it."""
    pod = {key: value for key, value in written.items() if key != "replicas"}
    count = written.get("replicas")
    if count is None:
        return pod
    bounds = count if isinstance(count, dict) else {"min": count, "max": count}
    said = {f"{bound}Replicas": bounds[bound] for bound in ("min", "max") if bound in bounds}
    return {**said, **pod}
