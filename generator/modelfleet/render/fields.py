"""What the fields of a model become in the templates of its objects.

What is put in as it is written stands in `data/fields.yaml`; here is what has to be worked out, for every kind of object at
once: each template takes what it names. What only one kind of object has is worked out beside its template call.
"""

from __future__ import annotations

import json
from typing import Any

from modelfleet.kubernetes.names import STORAGE_SECRET
from modelfleet.render.values import metadata_entries, profile_values
from modelfleet.resolve.downloads import download_secret
from modelfleet.resolve.model import Model, Project
from modelfleet.resolve.timeouts import request_timeout
from modelfleet.spec.fields import template_fields


def field_values(project: Project, model: Model) -> dict[str, Any]:
    """The values of a model's fields by their names in templates, for loops as pairs."""
    capabilities = model.written.get("capabilities")
    return {
        **{field.template: field.word_for(field.value_in(model.written)) for field in template_fields()},
        **metadata_entries(model),
        "pod_spec": tuple(model.pod_spec.items()),
        "container_spec": tuple(model.container_spec.items()),
        "display_name": model.display_name,
        "dashboard": "true",
        "capabilities": json.dumps(capabilities, separators=(",", ":")) if capabilities else None,
        "gen_ai_asset": model.gen_ai_asset,
        "stopped": _stopped(project, model),
        "return_401": model.return_401,
        "timeout": request_timeout(project, model),
        "storage_secret": None if STORAGE_SECRET in model.annotations else download_secret(model),
        **profile_values(model.hardware),
    }


_SAID = {
    "displayName": ("display_name",),
    "description": ("description",),
    "mode": ("deployment_mode",),
    "tokens": ("enable_auth",),
    "modelType": ("model_type",),
    "dashboard": ("dashboard",),
    "mesh": ("mesh",),
    "storageSecret": ("storage_secret",),
    "replicas": ("min_replicas", "max_replicas", "replicas"),
    "size": (),  # its hardware says nothing then
    "hardwareProfile": (),  # its hardware has none then
    "workerSize": ("worker_resources",),
    "frameworkVersion": ("format_version",),
    "runtime": ("runtime",),
}
"""The values with which templates say fields that a spec can leave unsaid."""


def unsaid(model: Model) -> dict[str, None]:
    """The values of the fields of which the spec lets nothing be written, to go over all others."""
    return {value: None for name in model.omit for value in _SAID[name]}


def _stopped(project: Project, model: Model) -> str | None:
    """In the words of its annotation; where it runs, they are written if the spec says so and the release reads them."""
    if model.stopped:
        return "true"
    return "false" if model.written.get("stopped") is False and project.environment.can("stop") else None
