"""Who may call a model with a token of their own: the subjects of bindings to a role that opens it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.names import access_name
from modelfleet.kubernetes.objects import mappings


def callers_of(name: str, given: Sequence[GivenObject], namespace: str) -> tuple[dict[str, str], ...]:
    """The callers that the binding of a spec would name, without the account of the model's own tokens.

    Who is let in by a Role or a RoleBinding of another name is let in by it still: it stands beside the models.
    """
    own = [one for one in given if (one.kind, one.name) == ("RoleBinding", access_name("RoleBinding", name))]
    return tuple(caller for one in own for caller in _subjects(one, name, namespace))


def _subjects(binding: GivenObject, name: str, namespace: str) -> Iterator[dict[str, str]]:
    for _, subject in mappings(binding.object.get("subjects")):
        who, where = str(subject.get("name", "")), str(subject.get("namespace") or namespace)
        if subject.get("kind") == "Group":
            yield {"group": who}
        elif subject.get("kind") == "ServiceAccount" and who != access_name("ServiceAccount", name):
            yield {"serviceAccount": who} | ({"namespace": where} if where != namespace else {})
