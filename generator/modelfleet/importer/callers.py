"""Who may call a model with a token of their own: the subjects of bindings to a role that opens it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.names import access_name
from modelfleet.kubernetes.objects import items, mapping, mappings

_RESOURCES = {"inferenceservices", "llminferenceservices", "*"}


def callers_of(name: str, given: Sequence[GivenObject], namespace: str) -> tuple[dict[str, str], ...]:
    """The callers of a model or server, without the account of its own tokens."""
    roles = {one.name for one in given if one.kind == "Role" and _opens(one, name)}
    found: list[dict[str, str]] = []
    for one in given:
        if one.kind != "RoleBinding":
            continue
        role = mapping(one.object.get("roleRef"))
        if one.name == access_name("RoleBinding", name) or (role.get("kind") == "Role" and role.get("name") in roles):
            found += [caller for caller in _subjects(one, name, namespace) if caller not in found]
    return tuple(found)


def _opens(role: GivenObject, name: str) -> bool:
    """Whether a role lets its subjects see this model, by its name."""
    return any(
        _RESOURCES & set(map(str, items(rule.get("resources")))) and name in items(rule.get("resourceNames"))
        for _, rule in mappings(role.object.get("rules"))
    )


def _subjects(binding: GivenObject, name: str, namespace: str) -> Iterator[dict[str, str]]:
    for _, subject in mappings(binding.object.get("subjects")):
        who, where = str(subject.get("name", "")), str(subject.get("namespace") or namespace)
        if subject.get("kind") == "Group":
            yield {"group": who}
        elif subject.get("kind") == "ServiceAccount" and who != access_name("ServiceAccount", name):
            yield {"serviceAccount": who} | ({"namespace": where} if where != namespace else {})
