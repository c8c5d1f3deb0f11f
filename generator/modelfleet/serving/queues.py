"""The LocalQueue of Kueue in which the pods of an object wait."""

from __future__ import annotations

from modelfleet.kubernetes.names import HARDWARE_PROFILE, QUEUE_NAME
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.resolve.environment import Environment


def queue_of(environment: Environment, item: Object) -> str | None:
    """The queue that a label names, else the one into which the webhook puts it for its hardware profile."""
    metadata = mapping(item.get("metadata"))
    if named := mapping(metadata.get("labels")).get(QUEUE_NAME):
        return str(named)
    profile = environment.profiles.get(str(mapping(metadata.get("annotations")).get(HARDWARE_PROFILE)))
    return profile.queue if profile else None
