"""The queues of Kueue that namespaces have, from LocalQueues and the ClusterQueues that they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.objects import mapping, mappings, text
from modelfleet.kubernetes.quantity import NotAQuantity, canonical_quantity, quantity_value


def queues_of(given: Iterable[GivenObject]) -> Iterator[tuple[GivenObject, dict[str, Any]]]:
    """Every LocalQueue, and what is known of it."""
    found = list(given)
    clusters = {one.name: one for one in found if one.kind == "ClusterQueue"}
    for one in found:
        name = text(mapping(one.object.get("spec")).get("clusterQueue"))
        if one.kind == "LocalQueue" and name:
            nominal = _nominal(clusters[name]) if name in clusters else {}
            yield one, {"clusterQueue": name} | ({"nominal": nominal} if nominal else {})


def _nominal(queue: GivenObject) -> dict[str, str]:
    """What a ClusterQueue has of each resource, of all flavors together."""
    amounts: dict[str, list[str]] = {}
    for resource in _resources(mapping(queue.object.get("spec"))):
        amounts.setdefault(str(resource.get("name")), []).append(str(resource.get("nominalQuota", "0")))
    return {name: total for name, texts in amounts.items() if (total := _sum(texts)) is not None}


def _resources(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for _, group in mappings(spec.get("resourceGroups")):
        for _, flavor in mappings(group.get("flavors")):
            yield from (resource for _, resource in mappings(flavor.get("resources")))


def _sum(texts: list[str]) -> str | None:
    """The sum of quantities, in powers of 1024 where one of them is; None where one is not a quantity."""
    try:
        total = sum(map(quantity_value, texts), Fraction(0))
    except NotAQuantity:
        return None
    if any(each.endswith("i") for each in texts):
        return canonical_quantity(f"{ceil(total / 1024)}Ki")
    return canonical_quantity(f"{ceil(total * 1000)}m")
