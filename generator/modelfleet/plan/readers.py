"""Which models read a Secret, a ConfigMap or a volume as they start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelfleet.kubernetes.names import CONNECTIONS, SERVING_GROUP
from modelfleet.kubernetes.objects import group_of, mapping
from modelfleet.serving.workloads import RUNTIME, Key, ProjectState

SECRET, CONFIG_MAP, CLAIM = "Secret", "ConfigMap", "PersistentVolumeClaim"

_REFERENCES: Mapping[str, Sequence[tuple[str, str]]] = {
    SECRET: (
        ("secretKeyRef", "name"),
        ("secretRef", "name"),
        ("secret", "secretName"),  # a volume
        ("secret", "name"),  # a source of a projected volume
        ("storage", "key"),
    ),
    CONFIG_MAP: (
        ("configMapKeyRef", "name"),
        ("configMapRef", "name"),
        ("configMap", "name"),  # a volume, or a source of a projected one
    ),
    CLAIM: (("persistentVolumeClaim", "claimName"),),
}


def readers(found: ProjectState, key: Key) -> tuple[str, ...]:
    """The models that read it, themselves or in the containers of their runtime; none of another kind."""
    if key[0] not in _REFERENCES:
        return ()
    models = []
    for (kind, model), item in found.objects.items():
        if group_of(item) != SERVING_GROUP or kind == RUNTIME:
            continue
        named = mapping(mapping(mapping(item.get("spec")).get("predictor")).get("model")).get("runtime")
        runtime = found.objects.get((RUNTIME, named)) if isinstance(named, str) else None
        if _reads(item, key) or _reads(runtime, key):
            models.append(model)
    return tuple(models)


def _reads(value: Any, key: Key) -> bool:
    kind, name = key
    if isinstance(value, list):
        return any(_reads(child, key) for child in value)
    if kind == CLAIM and isinstance(value, str):
        return value.startswith("pvc://") and value.removeprefix("pvc://").partition("/")[0] == name
    if not isinstance(value, dict):
        return False
    if kind == SECRET and (value.get(CONNECTIONS) == name or _pulled_with(value, name)):
        return True
    for field, part in _REFERENCES[kind]:
        reference = value.get(field)
        if isinstance(reference, dict) and reference.get(part) == name:
            return True
    return any(_reads(child, key) for child in value.values())


def _pulled_with(value: Mapping[str, Any], name: str) -> bool:
    pulls = value.get("imagePullSecrets")
    return isinstance(pulls, list) and any(isinstance(item, dict) and item.get("name") == name for item in pulls)
