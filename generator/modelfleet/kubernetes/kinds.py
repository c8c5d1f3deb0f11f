"""What is known of kinds without a cluster: which belong to the cluster, and which names a controller takes for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from modelfleet.packaged import packaged_data
from modelfleet.records import dataclass


@lru_cache(maxsize=1)
def cluster_kinds() -> frozenset[str]:
    """Kinds that have no namespace."""
    return frozenset(packaged_data("kinds")["ofCluster"])


@lru_cache(maxsize=1)
def counted_kinds() -> Mapping[str, frozenset[str]]:
    """What is special about kinds as a ResourceQuota counts them."""
    return {key: frozenset(names) for key, names in packaged_data("kinds")["quota"].items()}


@dataclass(frozen=True, slots=True)
class OwnedName:
    """A name that a controller takes: who it is, what it does with the object, and the labels that its object has there."""

    by: str
    does: str
    labelled: Mapping[str, str]


def owned_name(kind: str, name: str, models: Iterable[str] = ()) -> OwnedName | None:
    """Who makes the object of that kind and name by itself; `models` are those whose objects are looked for, too."""
    return _owned(tuple(models)).get((kind, name))


@lru_cache(maxsize=64)
def _owned(models: tuple[str, ...]) -> Mapping[tuple[str, str], OwnedName]:
    found = {}
    for entry in packaged_data("kinds")["owned"]:
        for model in models if "{model}" in entry["name"] else ("",):
            name, does = (entry[word].replace("{model}", model) for word in ("name", "does"))
            found.update(
                {(kind, name): OwnedName(entry["by"], does, entry.get("labelled", {})) for kind in entry["kinds"]}
            )
    return found
