"""What a plan comes to, for whoever shows it: the verdict, what happens to what, titles, figures, and each difference once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modelfleet.plan.effects import Effect, Impact, ObjectChange, code
from modelfleet.plan.figures import Both, Figures
from modelfleet.plan.plan import EnvironmentPlan, Plan
from modelfleet.plan.row import PROJECT, SET, Row
from modelfleet.serving.workloads import LLM, MODELS, RUNTIME, SERVICE
from modelfleet.wording import plural

Tone = Literal["plain", "head", "good", "mild", "warn", "bad", "added", "removed", "faint"]
"""How a line is meant; whoever shows it chooses the colours."""

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


_VERBS: Mapping[Effect, tuple[str, str]] = {
    Effect.REFUSED: ("would be refused by the cluster", "would be refused by the cluster"),
    Effect.ENVIRONMENT: ("goes", "go"),
    Effect.PROJECT: ("leaves", "leave"),
    Effect.NAMESPACE: ("moves to another namespace", "move to other namespaces"),
    Effect.DELETE: ("is deleted", "are deleted"),
    Effect.WITH_SERVER: ("goes with its server", "go with their server"),
    Effect.RECREATE: ("must be deleted and recreated", "must be deleted and recreated"),
    Effect.UNMANAGED: ("is left to run unmanaged", "are left to run unmanaged"),
    Effect.DOWNTIME: ("is down for a while", "are down for a while"),
    Effect.URL_GONE: ("loses its URL", "lose their URLs"),
    Effect.URL_CHANGED: ("gets another URL", "get other URLs"),
    Effect.AUTH_ON: ("asks for a token from now on", "ask for tokens from now on"),
    Effect.AUTH_OFF: ("can be called without a token", "can be called without a token"),
    Effect.SECRET_GONE: ("is deleted though models read its Secret", "are deleted though models read their Secrets"),
    Effect.TOKEN_LOST: ("loses a token", "lose tokens"),
    Effect.ROLLING: ("restarts", "restart"),
    Effect.RELOAD: ("is loaded anew", "are loaded anew"),
    Effect.SCALE: ("is scaled", "are scaled"),
    Effect.START: ("starts", "start"),
}
"""What a thing or several do, by effect; the rest is nothing new for a running model."""

_QUIET = frozenset({Effect.SCALE, Effect.START})
"""Effects that no request notices."""

_NOUNS: Mapping[str, str] = {
    SERVICE: "model",
    LLM: "model",
    RUNTIME: "model server",
    PROJECT: "project",
    SET: "environment",
}

_TOKENS_STAY = ("still opens its model", "still open their models")
"""What the tokens of a workload do that stay on the cluster though they are no longer in Git."""


def verdict(found: Plan) -> str:
    """One sentence: what merging does to what runs."""
    things: dict[_Verbs, dict[_Thing, set[str]]] = {}
    for verbs, affected, environment in _news(found):
        things.setdefault(verbs, {}).setdefault(affected, set()).add(environment)
    untouched = things.keys() <= {_VERBS[effect] for effect in _QUIET}
    start = "No running model is touched" if untouched else ""
    parts = [_part(things[verbs], verbs) for verbs in (*_VERBS.values(), _TOKENS_STAY) if verbs in things]
    return ": ".join(filter(None, (start, ", ".join(parts)))) + "."


_Verbs = tuple[str, str]
"""What one thing does, and what several do."""

_Thing = tuple[str, str, str]
"""Project, kind and name."""


def _news(found: Plan) -> Iterator[tuple[_Verbs, _Thing, str]]:
    """What happens to each thing in each environment; a restart is one, whatever causes it."""
    told = ((one.name, row, effect) for one in found.environments for row in one.rows for effect in told_effects(row))
    for environment, row, effect in told:
        kept = Effect.ROLLING if effect is Effect.METADATA else effect
        if _only_tokens(row, effect):
            lost = (item.text for item in row.consequences if item.effect is effect)
            yield from (
                (_TOKENS_STAY, (row.project, "removed token", f"{row.label} {text}"), environment) for text in lost
            )
        elif kept in _VERBS:
            yield from ((_VERBS[kept], (row.project, *key), environment) for key in row.models or (row.key,))


def _only_tokens(row: Row, effect: Effect) -> bool:
    """Whether it is not the workload that stays unmanaged, but tokens that it had."""
    return effect is Effect.UNMANAGED and row.state == "changed" and row.key[0] in (*MODELS, RUNTIME)


def _part(found: Mapping[_Thing, set[str]], verbs: _Verbs) -> str:
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
            found.setdefault(effect, []).append(f"tokens of {name}" if _only_tokens(row, effect) else name)
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
    words += ["another cluster"] if any(row.key[0] == SET and row.destroys for row in one.rows) else []
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
    yield "routes", both(figures.routes)
    yield "tokens", both(figures.tokens)
    for word, swaps in (("image", figures.images), ("runtime", figures.runtimes)):
        for swap in swaps[:_MOST_FIGURES]:
            yield word, f"`{swap.before}` → `{swap.after}` ({plural(swap.models, 'workload')})"
        yield from _others(swaps, word)


def _others(found: Sequence[object], word: str) -> Iterator[tuple[str, str]]:
    if (rest := len(found) - _MOST_FIGURES) > 0:
        yield "and", plural(rest, f"other {word}")


def effect_words(found: Sequence[Impact]) -> Iterator[tuple[str, str]]:
    """Each effect with its explanation; what follows from no change of its own is only an explanation."""
    for index, one in enumerate(found):
        if one.effect is Effect.NOTHING and (index or one.text):
            yield ("" if index else Effect.NOTHING.value), one.text
        else:
            yield one.effect.value, one.text


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
