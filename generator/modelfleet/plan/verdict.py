"""What a plan comes to, in what is said first: notes on the plan itself, and one sentence on what merging does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelfleet.plan.effect import Effect, Verbs, sentence_order
from modelfleet.plan.environment_words import told_effects
from modelfleet.plan.result import Plan
from modelfleet.plan.row import PROJECT, SET, Row
from modelfleet.serving.workloads import LLM, RUNTIME, SERVICE
from modelfleet.wording import plural

_MOST_STALE = 2


def heading(found: Plan) -> Iterator[str]:
    """What has to be known before anything else."""
    if found.stale:
        shown = ", ".join(f"`{path}`" for path in found.stale[:_MOST_STALE])
        more = f" and {len(found.stale) - _MOST_STALE} more" if len(found.stale) > _MOST_STALE else ""
        yield (
            f"The generated files are stale: {plural(len(found.stale), 'file')} not as rendered ({shown}{more}). "
            "This plan shows a fresh render; run `modelfleet render` and commit the result, or something else "
            "will be synced."
        )
    yield from found.built


_NOUNS: Mapping[str, str] = {
    SERVICE: "model",
    LLM: "model",
    RUNTIME: "model server",
    PROJECT: "project",
    SET: "environment",
}


def verdict(found: Plan) -> str:
    """One sentence: what merging does to what runs."""
    things: dict[Verbs, dict[_Thing, set[str]]] = {}
    for verbs, affected, environment in _news(found):
        things.setdefault(verbs, {}).setdefault(affected, set()).add(environment)
    untouched = things.keys() <= {effect.value.verbs for effect in Effect if not effect.value.noticed}
    start = "No running model is touched" if untouched else ""
    parts = [_part(things[verbs], verbs) for verbs in sentence_order() if verbs in things]
    return ": ".join(filter(None, (start, ", ".join(parts)))) + "."


_Thing = tuple[str, str, str]
"""Project, kind and name."""


def _news(found: Plan) -> Iterator[tuple[Verbs, _Thing, str]]:
    """What happens to each thing in each environment; a restart is one, whatever causes it."""
    for one in found.environments:
        for row in one.rows:
            for effect in told_effects(row):
                if (verbs := effect.value.verbs) is not None:
                    yield from ((verbs, affected, one.name) for affected in _things(row, effect))


def _things(row: Row, effect: Effect) -> Iterator[_Thing]:
    """What an effect of a row happens to, each thing once."""
    if effect.value.counted:
        texts = (item.text for item in row.consequences if item.effect is effect)
        yield from ((row.project, effect.value.counted, f"{row.label} {text}") for text in texts)
    else:
        yield from ((row.project, *key) for key in row.models or (row.key,))


def _part(found: Mapping[_Thing, set[str]], verbs: Verbs) -> str:
    counts: dict[str, int] = {}
    for _, kind, _ in found:
        noun = _NOUNS.get(kind, kind)
        counts[noun] = counts.get(noun, 0) + 1
    *others, last = (plural(count, noun) for noun, count in counts.items())
    words = f"{', '.join(others)} and {last}" if others else last
    verb = verbs[0 if len(found) == 1 else 1]
    environments = {name for names in found.values() for name in names}
    return f"{words} {verb}" + (f" in {len(environments)} environments" if len(environments) > 1 else "")
