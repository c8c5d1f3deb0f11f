"""The ConfigMaps that models read, as far as objects/ tells whether they are there. Others may be in the namespace already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Finding, Pointer, Severity
from modelfleet.pipeline.beside import ObjectsBeside
from modelfleet.records import dataclass
from modelfleet.resolve.model import Project
from modelfleet.rules import Violation
from modelfleet.rules.check import located
from modelfleet.wording import choices, closest, did_you_mean

_KIND = "ConfigMap"


@dataclass(frozen=True, slots=True)
class ConfigMapReference:
    """A ConfigMap that is read, or some of its keys; `pointer` is where it is named."""

    name: str
    keys: tuple[tuple[Pointer, str], ...]
    pointer: Pointer


def config_map_findings(project: Project, beside: ObjectsBeside) -> Iterator[Finding]:
    """ConfigMaps that stand elsewhere or under another name, and keys that one does not have."""
    environment = project.environment.name
    here = {key[2]: document.data for key, document in beside.of(project.name, environment).items() if key[1] == _KIND}
    elsewhere = {
        str(document.data["metadata"]["name"]): f"objects/{project.name}/{place}/"
        for (owner, place, _), document in beside.files.items()
        if owner == project.name and place not in (None, environment) and document.data["kind"] == _KIND
    }
    for model in project.models if here or elsewhere else ():
        for found in _references(project.spec.data["models"][model.name], model.pointer):
            for code, violation in _wrong(found, here, elsewhere):
                yield located(code, violation, project.spec, environment)


def _wrong(
    found: ConfigMapReference, here: Mapping[str, Any], elsewhere: Mapping[str, str]
) -> Iterator[tuple[str, Violation]]:
    if found.name in here:
        known = [str(key) for part in ("data", "binaryData") for key in here[found.name].get(part) or ()]
        for pointer, key in found.keys:
            if key not in known:
                message, hint = f"ConfigMap {found.name!r} has no key {key!r}", did_you_mean(key, known, choices(known))
                yield "OBJ006", Violation(pointer=pointer, message=message, hint=hint)
    elif found.name in elsewhere:
        message = f"ConfigMap {found.name!r} stands in {elsewhere[found.name]} alone"
        hint = "put it into the folder of this environment, too, or one folder up for all environments"
        yield "OBJ007", Violation(pointer=found.pointer, message=message, hint=hint)
    elif near := closest(found.name, list(here)):
        message = f"no ConfigMap {found.name!r} stands in objects/, and the pods wait where the namespace has none"
        yield (
            "OBJ007",
            Violation(
                pointer=found.pointer, message=message, hint=f"did you mean {near!r}?", severity=Severity.WARNING
            ),
        )


def _references(written: Mapping[str, Any], entry: Pointer) -> Iterator[ConfigMapReference]:
    """What an entry of a model reads; what may be absent is left out."""
    for name, value in (written.get("env") or {}).items():
        if isinstance(value, dict) and "configMap" in value and not value.get("optional"):
            pointer = (*entry, "env", name)
            yield ConfigMapReference(value["configMap"], (((*pointer, "key"), value["key"]),), (*pointer, "configMap"))
    for index, source in enumerate(written.get("envFrom") or ()):
        reference = source.get("configMapRef")
        if reference and not reference.get("optional"):
            yield ConfigMapReference(reference["name"], (), (*entry, "envFrom", index, "configMapRef", "name"))
    for index, volume in enumerate(written.get("volumes") or ()):
        mounted = volume.get("configMap")
        if isinstance(mounted, dict) and isinstance(mounted.get("name"), str) and not mounted.get("optional"):
            pointer = (*entry, "volumes", index, "configMap")
            items = mounted.get("items")
            keys = tuple(
                ((*pointer, "items", place, "key"), str(item["key"]))
                for place, item in enumerate(items if isinstance(items, list) else ())
                if isinstance(item, dict) and "key" in item
            )
            yield ConfigMapReference(mounted["name"], keys, (*pointer, "name"))
