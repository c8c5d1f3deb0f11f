"""The schemas of what is written by hand, for editors: with the names that exist in a repository as what they complete.

Names are examples and not choices, so a schema accepts exactly what the packaged one accepts; what fits a cluster is for `check`
to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelfleet.packaged import packaged
from modelfleet.pipeline.repository import load_repository, settle_environments
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment

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
    sizes: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()


def names_of(root: Path) -> CompletedNames:
    """The names that exist in a repository. Raises `Rejected` where its files cannot be read as what they are."""
    environments, runtime_catalog = settle_environments(load_repository(root))

    def offered(environment: Environment) -> Iterable[str]:
        release = environment.release.name if environment.release else None
        names = runtime_catalog.names(environment.name, release)
        return (name for name in names if name not in environment.runtimes or not environment.runtimes[name].disabled)

    each = environments.values()
    return CompletedNames(
        environments=tuple(sorted(environments)),
        runtimes=tuple(sorted({name for environment in each for name in offered(environment)})),
        sizes=tuple(sorted({name for environment in each for name in environment.sizes})),
        accelerators=tuple(sorted({name for environment in each for name in environment.accelerators})),
    )


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
    environments = schema["properties"]["environments"]
    if names.environments:
        override = environments["additionalProperties"]
        nothing_differs = {"defaultSnippets": [{"label": "{}", "description": "nothing differs here", "body": {}}]}
        environments["properties"] = {name: {**override, **nothing_differs} for name in names.environments}
        environments["examples"] = [{name: {} for name in names.environments}]
