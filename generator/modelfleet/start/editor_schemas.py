"""The schemas of what is written by hand, for editors: with the names that exist in a repository as what they complete.

Names are examples and not choices, so a schema accepts exactly what the packaged one accepts; what fits a cluster is for `check`
to say. But a field or a value that the releases of all environments refuse is not in it, and neither is null where it is refused:
a YAML language server offers each property, each choice and each type that it reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from modelfleet.packaged import packaged
from modelfleet.pipeline.repository import load_repository, settle_environments
from modelfleet.records import dataclass
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment
from modelfleet.spec.fields import Field, needy_fields

SCHEMA_FILES: Mapping[str, str] = {
    "project": "project.schema.json",
    "environment": "environment.schema.json",
    "runtime": "custom-runtime.schema.json",
}
"""The schema of each kind of hand-written file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedNames:
    """What an editor offers, sorted."""

    environments: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    frameworks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those of each runtime."""
    sizes: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    refused: frozenset[str] = frozenset()
    """Fields, and `multi-model` and `advanced`, that no environment takes."""


def names_of(root: Path) -> CompletedNames:
    """The names that exist in a repository. Raises `Rejected` where its files cannot be read as what they are."""
    environments, runtime_catalog = settle_environments(load_repository(root))

    def offered(environment: Environment) -> Iterable[str]:
        release = environment.release.name if environment.release else None
        names = runtime_catalog.names(environment.name, release)
        return (name for name in names if name not in environment.runtimes or not environment.runtimes[name].disabled)

    each = environments.values()
    served: dict[str, set[str]] = {}
    for environment in each:
        for name in offered(environment):
            found = runtime_catalog.find(
                name, environment.name, environment.release.name if environment.release else None
            )
            served.setdefault(name, set()).update(map(str, found.formats if found else ()))
    return CompletedNames(
        environments=tuple(sorted(environments)),
        runtimes=tuple(sorted(served)),
        frameworks={name: tuple(sorted(formats)) for name, formats in sorted(served.items()) if formats},
        sizes=tuple(sorted({name for environment in each for name in environment.sizes})),
        accelerators=tuple(sorted({name for environment in each for name in environment.accelerators})),
        refused=_refused_by_all(tuple(each)),
    )


def _refused_by_all(environments: Sequence[Environment]) -> frozenset[str]:
    """What no environment takes; where a release is open, it may be one that does."""
    taken: set[str] = set()
    for environment in environments:
        switches, unknown = environment.platforms, environment.release is None
        taken |= {one.name for one in needy_fields() if unknown or (one.needs and environment.can(one.needs))}
        if (unknown or environment.can("modelMesh")) and switches.model_mesh is not False:
            taken.add("multi-model")
        if (unknown or environment.can("serverless")) and switches.serverless is not False:
            taken.add("advanced")
    known = {one.name for one in needy_fields()} | {"multi-model", "advanced"}
    return frozenset(known - taken) if environments else frozenset()


def editor_schema(kind: str, names: CompletedNames) -> str:
    """The schema of a kind of file, as text."""
    schema = json.loads((packaged("schemas") / SCHEMA_FILES[kind]).read_text("utf-8"))
    if kind == "project":
        _complete_project(schema, names)
    elif kind == "environment":
        schema["properties"]["release"]["examples"] = list(reversed(catalog.release_names()))
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _complete_project(schema: dict[str, Any], names: CompletedNames) -> None:
    definitions = schema["$defs"]
    offers = {
        "runtime": names.runtimes,
        "size": names.sizes,
        "accelerator": names.accelerators,
    }
    for definition, found in offers.items():
        if found:
            definitions[definition]["examples"] = list(found)
    if names.accelerators:
        definitions["accelerator"]["properties"]["name"]["examples"] = list(names.accelerators)
    if names.frameworks:
        _complete_frameworks(definitions, names.frameworks)
    _omit_refused(schema, names.refused)
    environments = schema["properties"]["environments"]
    if names.environments:
        override = environments["additionalProperties"]
        nothing_differs = [{"label": "{}", "description": "nothing differs here", "body": "{}"}]
        environments["properties"] = {
            name: {"allOf": [override], "defaultSnippets": nothing_differs} for name in names.environments
        }
        environments["examples"] = [{name: {} for name in names.environments}]
    _offer_no_null(schema)


def _complete_frameworks(definitions: dict[str, Any], frameworks: Mapping[str, tuple[str, ...]]) -> None:
    """After a model's runtime is written, the frameworks that this runtime serves; for a model on a server all that any serves."""
    every = sorted({name for each in frameworks.values() for name in each})
    definitions["servedModel"]["properties"]["framework"] = {"$ref": "#/$defs/framework", "examples": every}
    definitions["framework"].pop("examples", None)
    definitions["model"]["allOf"] = [
        {
            "if": {"properties": {"runtime": {"const": runtime}}, "required": ["runtime"]},
            "then": {"properties": {"framework": {"examples": list(found)}}},
        }
        for runtime, found in frameworks.items()
    ]


# ---- what no environment takes ---------------------------------------------------------------------------------------


def _omit_refused(schema: dict[str, Any], refused: frozenset[str]) -> None:
    definitions = schema["$defs"]
    for one in needy_fields():
        for workload in ("model", "server", "servedModel") if one.name in refused else ():
            _omit(definitions, definitions[workload], one)
    if "advanced" in refused:
        _omit_choice(definitions["model"]["properties"]["mode"], "advanced")
    if "multi-model" in refused:
        _omit_choice(definitions["platform"], "multi-model")
        override = schema["properties"]["environments"]["additionalProperties"]
        for part in (schema, _followed(definitions, override)):
            part["properties"].pop("servers", None)


def _omit(definitions: Mapping[str, Any], part: Any, needy: Field) -> None:
    """Takes the property of a field out of the schema of a workload; values that ask for nothing stay."""
    for step in needy.pointer[:-1]:
        part = _followed(definitions, part).get("properties", {}).get(step, {})
    properties = _followed(definitions, part).get("properties", {})
    name = needy.pointer[-1]
    if name in properties and needy.neutral:
        found = _followed(definitions, properties[name])
        for value in set(found["enum"]) - {*needy.neutral, None}:
            _omit_choice(found, value)
    else:
        properties.pop(name, None)


def _omit_choice(part: dict[str, Any], value: Any) -> None:
    for word in ("enum", "examples"):
        if word in part:
            part[word] = [each for each in part[word] if each != value]


def _followed(definitions: Mapping[str, Any], part: Any) -> Any:
    """The part of a schema that a reference leads to."""
    while "$ref" in part:
        part = definitions[part["$ref"].rpartition("/")[2]]
    return part


# ---- null ------------------------------------------------------------------------------------------------------------


def _offer_no_null(schema: dict[str, Any]) -> None:
    """Takes null from the types of what stands outside of `environments`, where `given` refuses it anyway.

    `given` itself names no types any more: an editor would offer true and false for each of them.
    """
    definitions = schema["$defs"]
    definitions["given"] = {"not": {"type": "null"}, "additionalProperties": {"$ref": "#/$defs/given"}}
    made: dict[str, Any] = {}
    for name, part in schema["properties"].items():
        if name != "environments":
            schema["properties"][name] = _without_null(part, definitions, made)
    definitions.update(made)


def _without_null(part: Any, definitions: Mapping[str, Any], made: dict[str, Any]) -> Any:
    """A part of a schema without null among its types; items of lists are left alone, since null is not refused there."""
    if isinstance(part, list):
        return [_without_null(each, definitions, made) for each in part]
    if not isinstance(part, dict):
        return part
    return {key: _keyword(key, value, definitions, made) for key, value in part.items()}


def _keyword(key: str, value: Any, definitions: Mapping[str, Any], made: dict[str, Any]) -> Any:
    if key == "properties":
        return {name: _without_null(each, definitions, made) for name, each in value.items()}
    if key in ("items", "examples", "if", "not", "propertyNames", "defaultSnippets") or key.startswith("x-"):
        return value
    if key in ("type", "enum") and isinstance(value, list):
        kept = [each for each in value if each not in ("null", None)]
        return kept[0] if key == "type" and len(kept) == 1 else kept
    if key == "$ref":
        name = value.rpartition("/")[2]
        given = f"{name}-given"
        if given not in made:
            made[given] = {}  # it may refer to itself
            made[given] = _without_null(definitions[name], definitions, made)
        return f"#/$defs/{given}"
    return _without_null(value, definitions, made)
