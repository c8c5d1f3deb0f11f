"""Groups of nodes that are alike, from the Nodes of a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.objects import items, mapping

_ROLES = ("node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/infra")
_PRODUCT = "nvidia.com/gpu.product"


def node_groups(given: Iterable[GivenObject], accelerators: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The nodes for models by what they give and whom they keep away, each group under a name of its own."""
    groups: list[tuple[dict[str, Any], list[GivenObject]]] = []
    for one in given:
        labels = mapping(one.object["metadata"].get("labels"))
        if one.kind != "Node" or any(role in labels for role in _ROLES):
            continue
        group = _group(one, accelerators)
        same = next((members for known, members in groups if known == group), None)
        if same is None:
            groups.append((group, [one]))
        else:
            same.append(one)
    names: set[str] = set()
    for group, members in groups:
        devices = list(group.get("accelerators", ()))
        wanted = devices[0] if devices else "workers"
        name = next(name for name in _numbered(wanted) if name not in names)
        names.add(name)
        yield name, {"count": len(members), **group}


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _group(node: GivenObject, accelerators: Mapping[str, Any]) -> dict[str, Any]:
    given = mapping(node.status.get("allocatable")) or mapping(node.status.get("capacity"))
    labels = mapping(node.object["metadata"].get("labels"))
    found: dict[str, Any] = {key: str(given[key]) for key in ("cpu", "memory") if key in given}
    taints = [mapping(one) for one in items(mapping(node.object.get("spec")).get("taints"))]
    lasting = [
        {key: one[key] for key in ("key", "value", "effect") if key in one}
        for one in taints
        if not str(one.get("key", "")).startswith("node.kubernetes.io/")
    ]
    devices = {
        name: int(str(given[offer["identifier"]]))
        for name, offer in accelerators.items()
        if str(given.get(offer.get("identifier"), "0")).isdecimal()
        and int(str(given.get(offer.get("identifier"), "0"))) > 0
        and _tolerates(offer, lasting, labels)
    }
    if devices:
        found["accelerators"] = dict(list(devices.items())[:1])
    kept = {key: str(labels[key]) for key in (_PRODUCT,) if key in labels}
    if kept:
        found["labels"] = kept
    if lasting:
        found["taints"] = lasting
    return found


def _tolerates(offer: Mapping[str, Any], taints: list[dict[str, Any]], labels: Mapping[str, Any]) -> bool:
    """Whether the accelerator is the one of such a node: it is let in, and sent there where it says so."""
    tolerated = [mapping(one) for one in items(offer.get("tolerations"))]
    for taint in taints:
        if not any(
            one.get("key") in (None, taint.get("key")) and one.get("value") in (None, taint.get("value"))
            for one in tolerated
        ):
            return False
    return mapping(offer.get("nodeSelector")).items() <= labels.items()
