"""What a plan comes to, for whoever shows it: the verdict, what happens to what, titles, figures, and each difference once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelfleet.capacity.amounts import quantity_text
from modelfleet.capacity.cost import WeeklyCost, amount_text
from modelfleet.plan.effect import Effect, Verbs, sentence_order
from modelfleet.plan.effects import Impact, ObjectChange, code
from modelfleet.plan.figures import Both, Figures
from modelfleet.plan.result import EnvironmentPlan, Plan
from modelfleet.plan.row import PROJECT, SET, Row
from modelfleet.serving.workloads import LLM, MODELS, RUNTIME, SERVICE
from modelfleet.wording import plural

_MOST_STALE = 2
_MOST_NAMED = 3
_MOST_FIGURES = 10


def both(count: Both) -> str:
    """`2`, or `2 → 3`."""
    return str(count[0]) if count[0] == count[1] else f"{count[0]} → {count[1]}"


# ---- what is said first ----------------------------------------------------------------------------------------------


def heading(found: Plan) -> Iterator[str]:
    """What has to be known before anything else."""
    if found.stale:
        shown = ", ".join(f"`{path}`" for path in found.stale[:_MOST_STALE])
        more = f" and {len(found.stale) - _MOST_STALE} more" if len(found.stale) > _MOST_STALE else ""
        yield (
            f"The generated files are stale: {plural(len(found.stale), 'file')} not as rendered ({shown}{more}). This plan is "
            "that of a fresh render; run `modelfleet render` and commit the result, or something else is synced."
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


def told_effects(row: Row) -> tuple[Effect, ...]:
    """The effects for which a row is counted: the heaviest; where the thing stays, also others that its users notice."""
    others = [one.effect for one in row.consequences[1:] if one.effect.weight > Effect.RELOAD.weight]
    return tuple(dict.fromkeys((row.effect, *(others if row.state == "changed" else ()))))


def happenings(one: EnvironmentPlan) -> Iterator[tuple[Effect, str]]:
    """What happens in an environment: each effect, the heaviest first, with the names of what it happens to."""
    found: dict[Effect, list[str]] = {}
    for row in one.rows:
        for effect in told_effects(row):
            name = code(row.project) if row.key[0] == PROJECT else thing(row)
            found.setdefault(effect, []).append(f"tokens of {name}" if effect is Effect.TOKEN_KEPT else name)
    for effect in sorted(found, key=lambda effect: -effect.weight):
        if effect is Effect.NOTHING:
            yield effect, ""
            continue
        things = found[effect]
        rest = len(things) - _MOST_NAMED
        yield effect, ", ".join(things[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def thing(row: Row) -> str:
    """What a row is about."""
    kind, name = row.key
    if kind == PROJECT:
        return f"project {code(row.project)}"
    words = {SERVICE: "", LLM: "", RUNTIME: "server "}
    return f"{words.get(kind, f'{kind} ')}{code(f'{row.project}/{name}')}"


def title(one: EnvironmentPlan) -> str:
    """What happens to an environment, in a few words."""
    figures = one.figures
    if one.state == "removed":
        return f"the environment goes, with {plural(figures.models[0], 'model')}"
    if not one.rows and not one.facts:
        return "no effective change" if one.differs else "no change"
    words = ["new environment"] if one.state == "added" else []
    of_set = {item.effect for row in one.rows if row.key[0] == SET for item in row.consequences}
    words += ["another cluster"] if Effect.UNMANAGED in of_set else []
    quiet = [row for row in one.rows if row.effect is Effect.NOTHING]
    changed = figures.changed - sum(row.key[0] in MODELS for row in quiet)
    words += _counts("model", ((figures.added, "added"), (changed, "changed"), (figures.removed, "removed")))
    states = [row.state for row in one.rows if row.key[0] == RUNTIME and row.effect is not Effect.NOTHING]
    words += _counts("server", [(states.count(state), state) for state in dict.fromkeys(states)])
    words += [f"{plural(len(quiet), 'change')} without effect"] if quiet else []
    return ", ".join(words) or "no model changes"


def _counts(word: str, counts: Iterable[tuple[int, str]]) -> Iterator[str]:
    """`2 models added`, `1 model removed`."""
    return (f"{plural(count, word)} {state}" for count, state in counts if count)


def figure_lines(figures: Figures) -> Iterator[tuple[str, str]]:
    """The figures that are to be read, by name; only those that say something."""
    yield "models", both(figures.models)
    yield "replicas at most", both(figures.replicas)
    for name, count in figures.accelerators.items():
        yield f"`{name}`", both(count)
    uses = [use for use in figures.uses if use.count[0] != use.count[1]]
    for use in uses[:_MOST_FIGURES]:
        quota = "" if use.quota is None else f" of {use.quota}"
        yield f"`{use.identifier}` of project `{use.project}`", both(use.count) + quota
    yield from _others(uses, "use")
    for change in figures.resources[:_MOST_FIGURES]:
        texts = [quantity_text(amount, change.resource) for amount in (change.before, change.after, change.quota)]
        yield f"`{change.resource}` of project `{change.project}`", f"{texts[0]} → {texts[1]} of {texts[2]}"
    yield from _others(figures.resources, "resource")
    if figures.cost is not None:
        yield "cost", _cost_text(figures.cost)
    yield "routes", both(figures.routes)
    yield "tokens", both(figures.tokens)
    for word, swaps in (("image", figures.images), ("runtime", figures.runtimes)):
        for swap in swaps[:_MOST_FIGURES]:
            yield word, f"`{swap.before}` → `{swap.after}` ({plural(swap.models, 'workload')})"
        yield from _others(swaps, word)


def _cost_text(cost: WeeklyCost) -> str:
    """What a change costs or saves a week."""
    difference = cost.after - cost.before
    sign = "+" if difference > 0 else "-"
    return f"{sign}{amount_text(abs(difference))} a week, at the rates of the environment"


def _others(found: Sequence[object], word: str) -> Iterator[tuple[str, str]]:
    if (rest := len(found) - _MOST_FIGURES) > 0:
        yield "and", plural(rest, f"other {word}")


def effect_words(found: Sequence[Impact]) -> Iterator[tuple[str, str]]:
    """Each effect with its explanation; what follows from no change of its own is only an explanation."""
    for index, one in enumerate(found):
        if one.effect is Effect.NOTHING and (index or one.text):
            yield ("" if index else Effect.NOTHING.title), one.text
        else:
            yield one.effect.title, one.text


def given_acks(one: EnvironmentPlan) -> Iterator[str]:
    """What is acknowledged, and where."""
    given = [need for need in one.needs if need.given]
    for need in given[:_MOST_FIGURES]:
        places = ", ".join(code(f"{at.file}:{at.line}") for at in need.answers)
        yield f"acknowledged in {places}: {code(need.text)}"
    if (rest := len(given) - _MOST_FIGURES) > 0:
        yield f"and {plural(rest, 'more acknowledgement')}"


# ---- differences -----------------------------------------------------------------------------------------------------

MAX_LINES_OF_OBJECT = 40
"""Of a longer difference only the beginning is shown."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How one object of a project changes, and in which environments it changes in the same way."""

    project: str
    change: ObjectChange
    environments: tuple[str, ...]


def object_differences(found: Plan) -> list[Difference]:
    """Each change of an object once, those with the heaviest effects first."""
    rows = [(row, one.name) for one in found.environments for row in one.rows]
    together: dict[tuple[str, str], list[tuple[ObjectChange, list[str]]]] = {}
    ordered: list[tuple[str, ObjectChange, list[str]]] = []
    for row, environment in sorted(rows, key=lambda item: -item[0].effect.weight):
        for change in row.objects:
            known = together.setdefault((row.project, f"{change.key[0]}/{change.key[1]}"), [])
            places = next((where for other, where in known if _alike(other, change)), None)
            if places is None:
                places = []
                known.append((change, places))
                ordered.append((row.project, change, places))
            if environment not in places:
                places.append(environment)
    return [Difference(project, change, tuple(sorted(places))) for project, change, places in ordered]


def _alike(one: ObjectChange, other: ObjectChange) -> bool:
    """Whether the same fields change in the same way; what stays may be different."""
    return one.state == other.state and one.steps == other.steps
