"""Whom Models-as-a-Service lets in, and how many tokens they have: from the platform's policies and subscriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.objects import items, mapping, mappings, text


def policy_of(one: GivenObject) -> dict[str, Any]:
    """A MaaSAuthPolicy as an environment says it."""
    spec = mapping(one.object.get("spec"))
    return {**_people(mapping(spec.get("subjects"))), "models": [name for name, _ in _models(one, spec)]}


def subscription_of(one: GivenObject) -> dict[str, Any]:
    """A MaaSSubscription as an environment says it."""
    spec = mapping(one.object.get("spec"))
    priority = {"priority": spec["priority"]} if "priority" in spec else {}
    limits = {name: _limits(entry) for name, entry in _models(one, spec)}
    return {**_people(mapping(spec.get("owner"))), **priority, "models": limits}


def _people(written: Mapping[str, Any]) -> dict[str, list[str]]:
    """Groups, which are named by maps, and users, which are their names."""
    found = {}
    for part in ("groups", "users"):
        names = [text(mapping(one).get("name")) or text(one) for one in items(written.get(part))]
        if named := [name for name in names if name]:
            found[part] = named
    return found


def _models(one: GivenObject, spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The models by `<namespace>/<model>`; older objects name them alone, in their own namespace."""
    for entry in items(spec.get("modelRefs")):
        known = mapping(entry)
        name = text(known.get("name")) or text(entry)
        if name:
            yield f"{text(known.get('namespace')) or one.namespace or 'default'}/{name}", known


def _limits(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    limits = mappings(entry.get("tokenRateLimits"))
    return [{"tokens": limit.get("limit"), "window": limit.get("window")} for _, limit in limits]
