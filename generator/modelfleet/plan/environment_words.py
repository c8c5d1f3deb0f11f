"""What happens to an environment, its models and whatever else changes, in the words that every format of a plan uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import Impact, code
from modelfleet.plan.result import EnvironmentPlan
from modelfleet.plan.row import PROJECT, SET, Row
from modelfleet.serving.workloads import LLM, MODELS, RUNTIME, SERVICE
from modelfleet.wording import plural

_MOST_NAMED = 3
_MOST_ACKS = 10


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


_LEAST_FOLDED = 4


def folded_rows(rows: Iterable[Row]) -> Iterator[tuple[Row, ...]]:
    """Rows of which the same is to be said, together where they are many; a row with a command of its own stays alone."""
    groups: dict[object, list[Row]] = {}
    for place, row in enumerate(rows):
        said = (row.key[0], row.state, row.what, tuple(effect_words(row.consequences)))
        groups.setdefault(place if row.command or row.key[0] == PROJECT else said, []).append(row)
    for group in groups.values():
        yield from (tuple(group),) if len(group) >= _LEAST_FOLDED else ((row,) for row in group)


def things(group: Sequence[Row]) -> str:
    """What a row is about, or several: how many, and the first of them."""
    if len(group) == 1:
        return thing(group[0])
    kind = group[0].key[0]
    projects = len({row.project for row in group})
    count = plural(len(group), {SERVICE: "model", LLM: "model", RUNTIME: "server"}.get(kind, kind))
    where = f" in {plural(projects, 'project')}" if projects > 1 else ""
    first = ", ".join(code(f"{row.project}/{row.key[1]}") for row in group[:_MOST_NAMED])
    return f"{count}{where}: {first} and {len(group) - _MOST_NAMED} more"


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
    for need in given[:_MOST_ACKS]:
        places = ", ".join(code(f"{at.file}:{at.line}") for at in need.answers)
        yield f"acknowledged in {places}: {code(need.text)}"
    if (rest := len(given) - _MOST_ACKS) > 0:
        yield f"and {plural(rest, 'more acknowledgement')}"
