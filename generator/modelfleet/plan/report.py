"""A plan as text for a terminal, and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from modelfleet.capacity.amounts import quantity_text
from modelfleet.finding import Severity, dotted
from modelfleet.plan.effect import Tone
from modelfleet.plan.figures import Both, Figures
from modelfleet.plan.plan import EnvironmentPlan, Plan
from modelfleet.plan.row import PROJECT, Row
from modelfleet.plan.summary import (
    MAX_LINES_OF_OBJECT,
    Difference,
    effect_words,
    figure_lines,
    heading,
    object_differences,
    title,
    verdict,
)
from modelfleet.plan.values import unified

MAX_PLAN_LINES = 400


class PlanLine(NamedTuple):
    """A line of text and how it is meant."""

    text: str
    tone: Tone = "plain"


def plain_text(text: str) -> str:
    """A text without the marks around names and values."""
    return text.replace("`", "")


def _thing(row: Row) -> str:
    kind, name = row.key
    if kind == PROJECT:
        return f"{row.project}"
    words = {"InferenceService": "model", "LLMInferenceService": "model", "ServingRuntime": "server"}
    return f"{row.project}: {words.get(kind, kind)} {name}"


# ---- text ------------------------------------------------------------------------------------------------------------


def plan_text(found: Plan, *, with_differences: bool = True) -> Iterator[PlanLine]:
    """The plan for a terminal."""
    for line in heading(found):
        yield PlanLine(plain_text(line), "warn")
    if found.stale or found.built:
        yield PlanLine("")
    yield PlanLine(verdict(found) if found.changes else "No effective change.", "head")
    yield PlanLine("")
    for index, one in enumerate(found.environments):
        yield from ([PlanLine("")] if index else [])
        yield from _environment(one)
    budget = MAX_PLAN_LINES
    for difference in object_differences(found) if with_differences else ():
        lines = list(_diff(difference))
        if len(lines) > budget:
            yield PlanLine("")
            yield PlanLine("further differences are left out: --format json has them all", "faint")
            return
        budget -= len(lines)
        yield from lines


def _environment(one: EnvironmentPlan) -> Iterator[PlanLine]:
    yield PlanLine(f"{one.name}: {title(one)}", "head")
    if not one.rows and not one.facts:
        return
    for fact in one.facts:
        yield PlanLine(f"  {plain_text(fact)}", "mild")
    yield PlanLine(
        "  " + ", ".join(f"{plain_text(name)} {plain_text(value)}" for name, value in figure_lines(one.figures)),
        "faint",
    )
    for remark in one.remarks:
        yield PlanLine(f"  {plain_text(remark)}", "warn")
    for row in one.rows:
        yield PlanLine("")
        yield PlanLine(f"  {_thing(row)}: {plain_text('; '.join(row.what))}")
        for effect, words in effect_words(row.consequences):
            shown = ": ".join(filter(None, (effect, plain_text(words))))
            yield PlanLine(f"    {shown}", row.effect.tone if effect == row.effect.title else "plain")
        if row.command:
            yield PlanLine(f"    $ {row.command}", "faint")


def _diff(found: Difference) -> Iterator[PlanLine]:
    """What differs in an object; of one that comes or goes the rows say enough."""
    change = found.change
    lines = unified(change.before, change.after) if change.state == "changed" else []
    if not lines:
        return
    yield PlanLine("")
    yield PlanLine(f"{found.project}: {change.key[0]} {change.key[1]} in {', '.join(found.environments)}", "head")
    for line in lines[:MAX_LINES_OF_OBJECT]:
        yield PlanLine(f"  {line}", "added" if line[:1] == "+" else "removed" if line[:1] == "-" else "faint")
    if len(lines) > MAX_LINES_OF_OBJECT:
        yield PlanLine(f"  ... {len(lines) - MAX_LINES_OF_OBJECT} more lines", "faint")


# ---- JSON ------------------------------------------------------------------------------------------------------------


def plan_data(found: Plan) -> dict[str, Any]:
    """The plan as `schemas/plan.schema.json` describes it."""
    return {
        "version": 1,
        "against": {"revision": found.revision, "commit": found.commit},
        "stale": list(found.stale),
        "builtWithKustomize": [plain_text(line) for line in found.built],
        "environments": [_environment_data(one) for one in found.environments],
        "findings": [finding.data() for finding in found.findings],
        "acknowledged": not any(finding.severity is Severity.ERROR for finding in found.findings),
    }


def _environment_data(one: EnvironmentPlan) -> dict[str, Any]:
    figures = one.figures
    return {
        "name": one.name,
        "state": one.state,
        "prune": one.prune,
        "effect": one.effect.id,
        "facts": [plain_text(fact) for fact in one.facts],
        "remarks": [plain_text(remark) for remark in one.remarks],
        "models": {
            **_both(figures.models),
            "added": figures.added,
            "changed": figures.changed,
            "removed": figures.removed,
        },
        "replicas": _both(figures.replicas),
        "accelerators": [{"name": name, **_both(count)} for name, count in figures.accelerators.items()],
        **_quota_data(figures),
        "routes": _both(figures.routes),
        "tokens": _both(figures.tokens),
        "images": [{"before": swap.before, "after": swap.after, "workloads": swap.models} for swap in figures.images],
        "runtimes": [
            {"before": swap.before, "after": swap.after, "workloads": swap.models} for swap in figures.runtimes
        ],
        "acknowledgements": [
            {
                "text": need.text,
                "project": need.project,
                "file": need.at.file,
                "line": need.at.line,
                "given": need.given,
            }
            for need in one.needs
        ],
        "changes": [_row_data(row) for row in one.rows],
    }


def _quota_data(figures: Figures) -> dict[str, Any]:
    """What quotas have left, and what it costs."""
    cost = figures.cost
    return {
        "quota": [
            {"project": use.project, "resource": use.identifier, **_both(use.count), "quota": use.quota}
            for use in figures.uses
        ],
        "resources": [
            {
                "project": change.project,
                "resource": change.resource,
                "before": quantity_text(change.before, change.resource),
                "after": quantity_text(change.after, change.resource),
                "quota": quantity_text(change.quota, change.resource),
            }
            for change in figures.resources
        ],
        "costPerWeek": None if cost is None else {"before": float(cost.before), "after": float(cost.after)},
    }


def _both(count: Both) -> dict[str, int]:
    return {"before": count[0], "after": count[1]}


def _row_data(row: Row) -> dict[str, Any]:
    return {
        "project": row.project,
        "kind": row.key[0],
        "name": row.key[1],
        "state": row.state,
        "what": [plain_text(words) for words in row.what],
        "effects": [{"effect": one.effect.id, "text": plain_text(one.text)} for one in row.consequences],
        "destroys": row.destroys,
        "command": row.command,
        "objects": [
            {
                "kind": change.key[0],
                "name": change.key[1],
                "state": change.state,
                "fields": [dotted(step.path) for step in change.steps],
                "diff": unified(change.before, change.after),
            }
            for change in row.objects
        ],
    }
