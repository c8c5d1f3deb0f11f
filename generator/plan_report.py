"""A plan as text for a terminal, and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from generator.finding import Severity, dotted
from generator.plan import EnvironmentPlan, Plan
from generator.plan_diff import unified
from generator.plan_effects import Consequence, Effect, ObjectChange, plural
from generator.plan_figures import Both, Figures
from generator.plan_row import PROJECT, SET, Row
from generator.plan_workloads import RUNTIME

Tone = Literal["plain", "head", "good", "mild", "warn", "bad", "added", "removed", "faint"]
"""How a line is meant; whoever prints it chooses the colours."""

MOST_LINES_OF_OBJECT = 40
MOST_LINES = 400
_MOST_STALE = 5

TONES: Mapping[Effect, Tone] = {
    Effect.NOTHING: "faint",
    Effect.NEXT_START: "mild",
    Effect.ADMIN: "mild",
    Effect.TOKEN_NEW: "good",
    Effect.URL_NEW: "good",
    Effect.START: "good",
    Effect.SCALE: "mild",
    Effect.RELOAD: "mild",
    Effect.METADATA: "warn",
    Effect.ROLLING: "warn",
    **{effect: "bad" for effect in Effect if effect.weight > Effect.ROLLING.weight},
}


class Line(NamedTuple):
    """A line of text and how it is meant."""

    text: str
    tone: Tone = "plain"


def plain(text: str) -> str:
    """A text without the marks around names and values."""
    return text.replace("`", "")


def both(count: Both) -> str:
    """`2`, or `2 → 3`."""
    return str(count[0]) if count[0] == count[1] else f"{count[0]} → {count[1]}"


def thing(row: Row) -> str:
    """What a row is about."""
    kind, name = row.key
    if kind == PROJECT:
        return f"{row.project}"
    words = {"InferenceService": "model", "LLMInferenceService": "model", "ServingRuntime": "server"}
    return f"{row.project}: {words.get(kind, kind)} {name}"


def effect_words(found: Sequence[Consequence]) -> Iterator[tuple[str, str]]:
    """Each effect with its explanation; what follows from no change of its own is only an explanation."""
    for index, one in enumerate(found):
        if one.effect is Effect.NOTHING and (index or one.text):
            yield ("" if index else Effect.NOTHING.value), one.text
        else:
            yield one.effect.value, one.text


# ---- text ------------------------------------------------------------------------------------------------------------


def text(found: Plan) -> Iterator[Line]:
    """The plan for a terminal."""
    for line in heading(found):
        yield Line(plain(line), "warn")
    if found.stale or found.built:
        yield Line("")
    for index, one in enumerate(found.environments):
        yield from ([Line("")] if index else [])
        yield from _environment(one)
    budget = MOST_LINES
    for one in found.environments:
        for row in one.rows:
            for change in row.objects:
                lines = list(_diff(one.name, row, change))
                if len(lines) > budget:
                    yield Line("")
                    yield Line("further differences are left out: --format json has them all", "faint")
                    return
                budget -= len(lines)
                yield from lines


def heading(found: Plan) -> Iterator[str]:
    """What has to be said first."""
    if found.stale:
        shown = ", ".join(f"`{path}`" for path in found.stale[:_MOST_STALE])
        more = f" and {len(found.stale) - _MOST_STALE} more" if len(found.stale) > _MOST_STALE else ""
        yield (
            f"The generated files are stale: {plural(len(found.stale), 'file')} not as rendered ({shown}{more}). This plan is "
            "that of a fresh render; run `modelfleet render` and commit the result, or something else is synced."
        )
    yield from found.built


def title(one: EnvironmentPlan) -> str:
    """What happens to an environment, in a few words."""
    figures = one.figures
    if one.state == "removed":
        return f"the environment goes, with {plural(figures.models[0], 'model')}"
    if not one.rows and not one.facts:
        return "no effective change" if one.differs else "no change"
    new = "new environment, " if one.state == "added" else ""
    words = ["another cluster"] if any(row.key[0] == SET and row.destroys for row in one.rows) else []
    words += _counts("model", ((figures.added, "added"), (figures.changed, "changed"), (figures.removed, "removed")))
    states = [row.state for row in one.rows if row.key[0] == RUNTIME]
    words += _counts("server", [(states.count(state), state) for state in dict.fromkeys(states)])
    return new + (", ".join(words) or "no model changes")


def _counts(word: str, counts: Iterable[tuple[int, str]]) -> Iterator[str]:
    """`2 models added`, `1 model removed`."""
    return (f"{plural(count, word)} {state}" for count, state in counts if count)


def figure_lines(figures: Figures) -> Iterator[tuple[str, str]]:
    """The figures that are to be read, by name; only those that say something."""
    yield "models", both(figures.models)
    yield "replicas at most", both(figures.replicas)
    for name, count in figures.accelerators.items():
        yield f"`{name}`", both(count)
    for use in figures.uses:
        if use.count[0] != use.count[1]:
            quota = "" if use.quota is None else f" of {use.quota}"
            yield f"`{use.identifier}` of project `{use.project}`", both(use.count) + quota
    yield "routes", both(figures.routes)
    yield "tokens", both(figures.tokens)
    for word, swaps in (("image", figures.images), ("runtime", figures.runtimes)):
        for swap in swaps:
            yield word, f"`{swap.before}` → `{swap.after}` ({plural(swap.models, 'workload')})"


def _environment(one: EnvironmentPlan) -> Iterator[Line]:
    yield Line(f"{one.name}: {title(one)}", "head")
    if not one.rows and not one.facts:
        return
    for fact in one.facts:
        yield Line(f"  {plain(fact)}", "mild")
    yield Line("  " + ", ".join(f"{plain(name)} {plain(value)}" for name, value in figure_lines(one.figures)), "faint")
    for remark in one.remarks:
        yield Line(f"  {plain(remark)}", "warn")
    for row in one.rows:
        yield Line("")
        yield Line(f"  {thing(row)}: {plain('; '.join(row.what))}")
        for effect, words in effect_words(row.consequences):
            shown = ": ".join(filter(None, (effect, plain(words))))
            yield Line(f"    {shown}", TONES[row.effect] if effect == row.effect.value else "plain")
        if row.command:
            yield Line(f"    $ {row.command}", "faint")


def _diff(environment: str, row: Row, change: ObjectChange) -> Iterator[Line]:
    """What differs in an object; of one that comes or goes the rows say enough."""
    lines = unified(change.before, change.after) if change.state == "changed" else []
    if not lines:
        return
    yield Line("")
    yield Line(f"{environment}/{row.project} {change.key[0]}/{change.key[1]}", "head")
    for line in lines[:MOST_LINES_OF_OBJECT]:
        yield Line(f"  {line}", "added" if line[:1] == "+" else "removed" if line[:1] == "-" else "faint")
    if len(lines) > MOST_LINES_OF_OBJECT:
        yield Line(f"  ... {len(lines) - MOST_LINES_OF_OBJECT} more lines", "faint")


# ---- JSON ------------------------------------------------------------------------------------------------------------


def data(found: Plan) -> dict[str, Any]:
    """The plan as `schemas/plan.schema.json` describes it."""
    return {
        "version": 1,
        "against": {"revision": found.revision, "commit": found.commit},
        "stale": list(found.stale),
        "builtWithKustomize": [plain(line) for line in found.built],
        "environments": [_environment_data(one) for one in found.environments],
        "findings": [
            {
                "file": finding.at.file,
                "line": finding.at.line,
                "column": finding.at.column,
                "severity": str(finding.severity),
                "code": finding.code,
                "path": finding.path,
                "message": finding.message,
                "hint": finding.hint,
                "environments": list(finding.environments),
            }
            for finding in found.findings
        ],
        "acknowledged": not any(finding.severity is Severity.ERROR for finding in found.findings),
    }


def _environment_data(one: EnvironmentPlan) -> dict[str, Any]:
    figures = one.figures
    return {
        "name": one.name,
        "state": one.state,
        "prune": one.prune,
        "effect": one.effect.id,
        "facts": [plain(fact) for fact in one.facts],
        "remarks": [plain(remark) for remark in one.remarks],
        "models": {
            **_both(figures.models),
            "added": figures.added,
            "changed": figures.changed,
            "removed": figures.removed,
        },
        "replicas": _both(figures.replicas),
        "accelerators": [{"name": name, **_both(count)} for name, count in figures.accelerators.items()],
        "quota": [
            {"project": use.project, "resource": use.identifier, **_both(use.count), "quota": use.quota}
            for use in figures.uses
        ],
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


def _both(count: Both) -> dict[str, int]:
    return {"before": count[0], "after": count[1]}


def _row_data(row: Row) -> dict[str, Any]:
    return {
        "project": row.project,
        "kind": row.key[0],
        "name": row.key[1],
        "state": row.state,
        "what": [plain(words) for words in row.what],
        "effects": [{"effect": one.effect.id, "text": plain(one.text)} for one in row.consequences],
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
