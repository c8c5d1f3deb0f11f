"""A plan as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from modelfleet.plan.effect import Tone
from modelfleet.plan.effects import plain_text
from modelfleet.plan.environment_words import effect_words, folded_rows, given_acks, things, title
from modelfleet.plan.figure_words import figure_lines
from modelfleet.plan.object_differences import MAX_LINES_OF_OBJECT, Difference, object_differences
from modelfleet.plan.result import EnvironmentPlan, Plan
from modelfleet.plan.row import PROJECT, Row
from modelfleet.plan.values import unified
from modelfleet.plan.verdict import heading, verdict

MAX_PLAN_LINES = 400


class PlanLine(NamedTuple):
    """A line of text and how it is meant."""

    text: str
    tone: Tone = "plain"


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
    for given in given_acks(one):
        yield PlanLine(f"  {plain_text(given)}", "good")
    for row, *others in folded_rows(one.rows):
        yield PlanLine("")
        about = plain_text(things((row, *others))) if others else _thing(row)
        yield PlanLine(f"  {about}: {plain_text('; '.join(row.what))}")
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
