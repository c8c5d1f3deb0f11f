"""The definitions of kinds that no release ships: those that were given, else stand-ins that let every field pass."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import field

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.objects import Object, group_of, mapping
from modelfleet.layout import CRDS, FILE_STEM
from modelfleet.records import dataclass
from modelfleet.tools.crds import crd_schemas

DEFINITION = "CustomResourceDefinition"
"""The kind of objects that define kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindDefinition:
    """The definition of one kind, for a file in crds/. A stand-in says only that there is such a kind."""

    item: Object
    stand_in: bool

    @property
    def name(self) -> str:
        """Its name, which begins with the plural of the kind."""
        return str(self.item["metadata"]["name"])

    def content(self) -> str:
        """What its file holds."""
        if not self.stand_in:
            return emit.dump(self.item)
        export = f"oc get crd {self.name} -o yaml > {CRDS}/{self.name}.yaml"
        return f"# A stand-in, which lets every field pass. Replace it: {export}\n{emit.dump(self.item)}"


@dataclass(slots=True)
class Definitions:
    """Those that were given, by group and kind, and those that the import writes, by the name of their file."""

    given: dict[tuple[str, str], GivenObject] = field(default_factory=dict)
    written: dict[str, KindDefinition] = field(default_factory=dict)
    _defined: dict[tuple[str, str], KindDefinition] = field(default_factory=dict)

    def take(self, one: GivenObject) -> None:
        """Keeps a definition that was given, where it is whole."""
        try:
            schemas = dict(crd_schemas(one.object))
        except (KeyError, TypeError, AttributeError):
            return
        if schemas and FILE_STEM.fullmatch(one.name):
            spec = one.object["spec"]
            self.given[str(spec["group"]), str(spec["names"]["kind"])] = one

    def define(self, item: Object, taken: Collection[str]) -> KindDefinition | None:
        """The definition of an object's kind, which is written; None where there is none. `taken` are files that are there."""
        key = str(item["apiVersion"]), str(item["kind"])
        given = self.given.get((group_of(item), key[1]))
        if key in self._defined:
            return self._defined[key]
        if not group_of(item) or (given is not None and _version(item) not in dict(crd_schemas(given.object))):
            return None
        found = KindDefinition(item=given.object if given else _stand_in(item), stand_in=given is None)
        names = (found.name, f"{found.name}-{_version(item)}")
        name = next((name for name in names if name not in {*taken, *self.written} and FILE_STEM.fullmatch(name)), None)
        if name is None:
            return None
        self.written[name] = self._defined[key] = found
        return found


def _stand_in(item: Object) -> Object:
    """A definition that says no more of a kind than the object does: that it is there, in a namespace."""
    kind, group = str(item["kind"]), group_of(item)
    plural = _plural(kind.lower())
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": _version(item), "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": DEFINITION,
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [version],
        },
    }


def _version(item: Object) -> str:
    return str(item["apiVersion"]).rpartition("/")[2]


def _plural(word: str) -> str:
    """The plural as generators of definitions make it."""
    if re.search(r"(s|x|z|ch|sh)$", word):
        return f"{word}es"
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", word) else f"{word}s"


def of_cluster(one: GivenObject, definitions: Mapping[tuple[str, str], GivenObject]) -> bool:
    """Whether a given definition says that an object belongs to no namespace."""
    found = definitions.get((group_of(one.object), one.kind))
    return found is not None and mapping(found.object.get("spec")).get("scope") == "Cluster"
