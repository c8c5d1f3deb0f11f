"""The pages of the documentation on what can be written: every field of a spec and of an environment, from the schemas."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from functools import lru_cache
from typing import Any

from modelfleet.packaged import packaged
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.reference import reference
from modelfleet.reference.markdown import markdown_table
from modelfleet.resolve import catalog
from modelfleet.spec.fields import WORKLOAD_KINDS, fields

_DEFAULT = lazy_pattern(r" ?Left out(?: or \[\])?: (.*?)\.(?= |$)")
_ENTRY = "<name>"
_KINDS = {
    "standard": "standard",
    "advanced": "advanced",
    "multi-node": "several nodes",
    "distributed": "llm-d",
    "server": "server",
    "served": "model on a server",
}


@dataclass(frozen=True, slots=True)
class _Schema:
    """A schema, and the definitions whose properties a page has shown already."""

    root: Mapping[str, Any]
    shown: set[str] = field(default_factory=set)

    def followed(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        """A part of the schema with what it refers to."""
        name = _definition(part)
        return {**self.followed(self.root["$defs"][name]), **part} if name else part


def spec_page() -> Iterator[str]:
    """Every field of a project's spec."""
    yield "# The spec"
    yield ""
    yield "Everything that `projects/<project>.yaml` can say. What is under `environments.<environment>` is merged over the"
    yield "rest in that environment: every field except `version` and `environments` can be used there too, and null removes an"
    yield "entry. *Releases* are those of OpenShift AI that have a field; without an entry, all do."
    yield ""
    schema = _Schema(_load("project"))
    entries = schema.root["$defs"]
    yield from _section("The project", _rows(schema, "", schema.root))
    for title, prefix, part in (
        ("A connection", f"connections.{_ENTRY}", entries["connection"]),
        ("A shared runtime", f"runtimes.{_ENTRY}", entries["sharedRuntime"]),
        ("A model", f"models.{_ENTRY}", entries["model"]),
        ("A model server", f"servers.{_ENTRY}", entries["server"]),
        ("A model on a server", f"servers.{_ENTRY}.models.{_ENTRY}", entries["servedModel"]),
    ):
        yield from _section(f"{title}: `{prefix}`", _rows(schema, "", part, fresh=True))
    yield "## Which kinds of workload accept a field"
    yield ""
    yield "A model is *standard* (a Deployment) or *advanced* (Knative), is spread over *several nodes* (`multiNode`), or is"
    yield "distributed inference with *llm-d* (`llmd`). All kinds accept a field that is not listed."
    yield ""
    yield from markdown_table([["Field", "Not by", "Because"], *_refusals()])


def environment_page() -> Iterator[str]:
    """Every fact of an environment."""
    yield "# The environment"
    yield ""
    yield "Everything that `environments/<environment>.yaml` and `environments/base.yaml` can say of a cluster. The environment's"
    yield "file is merged over the base; null in it removes an entry of the base."
    yield ""
    schema = _Schema(_load("environment"))
    yield from _section("The facts", _rows(schema, "", schema.root))


@lru_cache(maxsize=2)
def _load(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((packaged("schemas") / f"{name}.schema.json").read_bytes())
    return found


def _section(title: str, rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from markdown_table([["Field", "What it says", "Default", "Releases", "Example"], *rows])
    yield ""


def _definition(part: Mapping[str, Any]) -> str:
    return str(part.get("$ref", "")).rpartition("/")[2]


def _rows(schema: _Schema, prefix: str, part: Mapping[str, Any], *, fresh: bool = False) -> Iterator[list[str]]:
    """A row for each property, and below it those of its properties; `fresh`: nothing counts as shown."""
    if fresh:
        schema.shown.clear()
    for name, written in part.get("properties", {}).items():
        described = schema.followed(written)
        yield _row(f"{prefix}{name}", name, described)
        if not _seen(schema, written):
            yield from _below(schema, f"{prefix}{name}", described)


def _below(schema: _Schema, name: str, described: Mapping[str, Any]) -> Iterator[list[str]]:
    """The properties of a map, of its entries, or of the items of a list; those that have a section are left out."""
    entries, items = described.get("additionalProperties"), described.get("items")
    yield from _rows(schema, f"{name}.", described)
    for inner, step in ((entries, f".{_ENTRY}."), (items, "[]."), *((one, ".") for one in described.get("allOf", ()))):
        if isinstance(inner, dict) and _definition(inner) not in _SECTIONS and not _seen(schema, inner):
            yield from _rows(schema, f"{name}{step}", schema.followed(inner))


_SECTIONS = frozenset({"connection", "sharedRuntime", "model", "server", "servedModel", "override", "given", "whole"})


def _seen(schema: _Schema, part: Mapping[str, Any]) -> bool:
    """Whether the properties of a definition were shown before; it is marked as shown."""
    name = _definition(part)
    known = name in schema.shown
    schema.shown.update({name} if name else ())
    return known


def _row(path: str, name: str, described: Mapping[str, Any]) -> list[str]:
    text = str(described.get("description", ""))
    default = _DEFAULT.search(text)
    known = fields().get(path)
    releases = reference.span(
        [
            one
            for one in catalog.release_names()
            if known and known.needs and catalog.release(one).capabilities[known.needs]
        ]
    )
    return [
        f"`{path}`",
        _DEFAULT.sub("", text).strip(),
        default[1] if default else "",
        releases if known and known.needs else "",
        f"`{_flow(name, described['examples'][0])}`" if described.get("examples") else "",
    ]


def _flow(name: str, example: Any) -> str:
    """An example on one line, as it would be written in braces."""
    from modelfleet.pyyaml import yaml

    text = yaml.safe_dump({name: example}, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return str(text).strip()[1:-1]


def _refusals() -> Iterator[list[str]]:
    for known in fields().values():
        reasons: dict[str, list[str]] = {}
        for kind in WORKLOAD_KINDS:
            if kind in known.refusals:
                reasons.setdefault(known.refusals[kind], []).append(_KINDS[kind])
        for reason, kinds in reasons.items():
            yield [f"`{known.name}`", ", ".join(kinds), reason]
