"""The fleet as text for a terminal, and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelfleet.overview.facts import EnvironmentOverview, ServedEntry
from modelfleet.report.table import table
from modelfleet.wording import plural

MODES = {
    "standard": "standard",
    "multi-node": "several nodes",
    "advanced": "Knative",
    "server": "model server",
    "distributed": "llm-d",
}
"""What the ways of serving are called."""


def replicas_words(entry: ServedEntry) -> str:
    """Its replicas in a few characters."""
    if entry.stopped:
        return "stopped"
    return str(entry.most) if entry.least == entry.most else f"{entry.least} to {entry.most}"


def accelerators_text(entry: ServedEntry) -> str:
    """Its accelerators at the busiest time."""
    return ", ".join(f"{count} {name}" for name, count in entry.accelerators.items()) or "none"


def reach_text(entry: ServedEntry) -> str:
    """From where it can be reached, and whether with a token."""
    where = "outside" if entry.public else "inside"
    return f"{where}, {'token' if entry.guarded else 'open'}"


def overview_lines(found: Sequence[EnvironmentOverview]) -> Iterator[str]:
    """The fleet for a terminal."""
    for index, environment in enumerate(found):
        yield from ([""] if index else [])
        until = f", supported until {environment.supported_until}" if environment.supported_until else ""
        release = environment.release or "no release"
        count = f"{plural(len(environment.models), 'model')} of {plural(len(environment.projects), 'project')}"
        yield f"{environment.name}: {release}{until}; {count}"
        if environment.models:
            rows = [
                ("PROJECT", "MODEL", "SERVED BY", "MODE", "REPLICAS", "ACCELERATORS", "REACHED FROM"),
                *map(_row, environment.models),
            ]
            yield from (f"  {line}" for line in table(rows))
        for use in environment.quotas:
            limit = "no quota" if use.limit is None else f"of {use.limit}"
            yield f"  {use.project}: {use.used} {use.identifier} {limit}"
        for warning in environment.warnings:
            yield f"  {warning.code}: {warning.path}: {warning.message}"


def _row(entry: ServedEntry) -> tuple[str, ...]:
    name = f"{entry.model} (deprecated)" if entry.deprecated else entry.model
    served = entry.server or entry.runtime or "-"
    mode = MODES.get(entry.mode, entry.mode)
    return entry.project, name, served, mode, replicas_words(entry), accelerators_text(entry), reach_text(entry)


def overview_data(found: Sequence[EnvironmentOverview]) -> dict[str, Any]:
    """The fleet as `schemas/fleet.schema.json` describes it."""
    return {"version": 1, "environments": [_environment(one) for one in found]}


def _environment(one: EnvironmentOverview) -> dict[str, Any]:
    return {
        "name": one.name,
        "cluster": one.cluster,
        "release": one.release,
        "supportedUntil": one.supported_until,
        "accelerators": dict(one.accelerators),
        "quota": [
            {"project": use.project, "resource": use.identifier, "used": use.used, "limit": use.limit}
            for use in one.quotas
        ],
        "models": [_model(entry) for entry in one.models],
        "warnings": [warning.data() for warning in one.warnings],
    }


def _model(entry: ServedEntry) -> dict[str, Any]:
    return {
        "project": entry.project,
        "namespace": entry.namespace,
        "model": entry.model,
        "mode": entry.mode,
        "runtime": entry.runtime,
        "server": entry.server,
        "replicas": {"least": entry.least, "most": entry.most},
        "stopped": entry.stopped,
        "accelerators": dict(entry.accelerators),
        "public": entry.public,
        "token": entry.guarded,
        "tokenSecrets": list(entry.token_secrets),
        "deprecated": entry.deprecated,
        "endpoints": [
            {"protocol": one.protocol, "servedAs": one.served_as, "internal": one.internal, "external": one.external}
            for one in entry.endpoints
        ],
    }
