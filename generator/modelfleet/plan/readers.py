"""Which models read a Secret, a ConfigMap or a volume as they start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelfleet.kubernetes.names import CONNECTIONS, SERVING_GROUP, volume_of
from modelfleet.kubernetes.objects import group_of
from modelfleet.serving.workloads import MODELS, Key, ProjectState, made_with

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


def readers(found: ProjectState, key: Key, *, needed: bool = False) -> tuple[str, ...]:
    """The models that read it, themselves or in their runtime or configurations; none of another kind.

    `needed`: only those that cannot start without it, since their reference to it is not optional.
    """
    if key[0] not in _REFERENCES:
        return ()
    models = []
    for (kind, model), item in found.objects.items():
        if kind not in MODELS or group_of(item) != SERVING_GROUP:
            continue
        if any(_reads(part, key, needed) for part in (item, *map(found.objects.get, made_with(item)))):
            models.append(model)
    return tuple(models)


def _reads(value: Any, key: Key, needed: bool) -> bool:
    kind, name = key
    if isinstance(value, list):
        return any(_reads(child, key, needed) for child in value)
    if kind == CLAIM and isinstance(value, str):
        return (volume := volume_of(value)) is not None and volume[0] == name
    if not isinstance(value, dict):
        return False
    if kind == SECRET and (value.get(CONNECTIONS) == name or _pulled_with(value, name)):
        return True
    for field, part in _REFERENCES[kind]:
        reference = value.get(field)
        if isinstance(reference, dict) and reference.get(part) == name and not (needed and reference.get("optional")):
            return True
    return any(_reads(child, key, needed) for child in value.values())


def _pulled_with(value: Mapping[str, Any], name: str) -> bool:
    pulls = value.get("imagePullSecrets")
    return isinstance(pulls, list) and any(isinstance(item, dict) and item.get("name") == name for item in pulls)
