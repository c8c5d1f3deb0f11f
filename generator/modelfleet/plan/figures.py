"""The figures of an environment before and after: models, replicas, accelerators against quota, routes, tokens, images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from modelfleet.capacity.cost import WeeklyCost, week_of
from modelfleet.capacity.pods import pod_units
from modelfleet.capacity.quota import quota_of_project, quota_uses
from modelfleet.finding import dotted
from modelfleet.kubernetes.differences import ABSENT, FieldDifference, differences
from modelfleet.kubernetes.objects import same_value
from modelfleet.plan.effects import code
from modelfleet.plan.meaning import canonical_object
from modelfleet.plan.project_change import ProjectChange
from modelfleet.plan.row import Row
from modelfleet.plan.values import both_texts, short_image
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.serving.accelerators import quota_of
from modelfleet.serving.workloads import MODELS, ProjectState, RunningWorkload, used_by, used_by_name

Both = tuple[int, int]
"""A count before and after."""


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """An environment before and after, and whether anything in it is another fact now."""

    before: Environment | None
    after: Environment | None
    differ: bool


def facts_of(before: Environment | None, after: Environment | None) -> EnvironmentFacts:
    """Compares the facts; acknowledgements are none."""
    if before is after or before is None or after is None:
        return EnvironmentFacts(before, after, before is not after)
    return EnvironmentFacts(before, after, not same_value(_meant(before.facts.data), _meant(after.facts.data)))


def _meant(data: Any) -> Any:
    """The facts alone, with their quantities as the cluster spells them."""
    facts = {key: value for key, value in data.items() if key != "acknowledge"} if isinstance(data, dict) else {}
    return canonical_object(facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The accelerators of a project by identifier, at most, before and after; and its quota where there is one."""

    project: str
    identifier: str
    count: Both
    quota: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """Another resource of a project's quota, at most, before and after."""

    project: str
    resource: str
    before: Fraction
    after: Fraction
    quota: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Something that is another one now, and for how many models."""

    before: str
    after: str
    models: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of an environment. Replicas and accelerators are those of the busiest time."""

    models: Both
    added: int
    changed: int
    removed: int
    replicas: Both
    accelerators: Mapping[str, Both]
    uses: tuple[Use, ...]
    resources: tuple[ResourceChange, ...]
    cost: WeeklyCost | None
    routes: Both
    tokens: Both
    images: tuple[Swap, ...]
    runtimes: tuple[Swap, ...]


def figures(changes: Sequence[ProjectChange], rows: Sequence[Row]) -> Figures:
    """The figures of all projects of an environment; what cannot differ is the same on both sides."""
    states = [row.state for row in rows if row.key[0] in MODELS]
    lost = sum(1 for change in changes for key, one in change.was.items() if one.model and change.loses(key))
    was = [one for change in changes for one in change.was.values()]
    now = [one for change in changes for one in change.now.values()]
    moved = [change for change in changes if change.was is not change.now]
    keys = [(change, key) for change in moved for key in {**change.was, **change.now}]
    both = [(change.was.get(key), change.now.get(key)) for change, key in keys]
    return Figures(
        models=(_models(was), _models(now)),
        added=states.count("added"),
        changed=states.count("changed") + states.count("moved") + sum(len(row.models) for row in rows),
        removed=lost,
        replicas=(sum(one.running for one in was), sum(one.running for one in now)),
        accelerators=_together(used_by_name(was), used_by_name(now)),
        uses=tuple(_uses(moved)),
        resources=tuple(_resources(moved)),
        cost=_cost(moved),
        routes=(_routes(was), _routes(now)),
        tokens=(_tokens(was), _tokens(now)),
        images=tuple(_swaps((old.images, new.images) for old, new in both if old and new)),
        runtimes=tuple(_swaps(((old.runtime or "",), (new.runtime or "",)) for old, new in both if old and new)),
    )


def _models(found: Iterable[RunningWorkload]) -> int:
    return sum(1 for one in found if one.model)


def _routes(found: Iterable[RunningWorkload]) -> int:
    return sum(1 for one in found if one.address and one.address.external)


def _tokens(found: Iterable[RunningWorkload]) -> int:
    return sum(len(one.tokens) for one in found)


def _together(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, Both]:
    names = dict.fromkeys((*before, *after))
    return {name: (before.get(name, 0), after.get(name, 0)) for name in names}


def _uses(changes: Sequence[ProjectChange]) -> Iterator[Use]:
    for change in changes:
        side = change.after or change.before
        counts = _together(used_by(change.was.values()), used_by(change.now.values()))
        for identifier, count in counts.items():
            quota = quota_of(side.environment, change.name, identifier) if side else None
            yield Use(project=change.name, identifier=identifier, count=count, quota=quota)


def _resources(changes: Sequence[ProjectChange]) -> Iterator[ResourceChange]:
    """What changes of the quota beside accelerators."""
    for change in changes:
        side = change.after or change.before
        hard = quota_of_project(side.environment, change.name) if side else {}
        plain = {name: amount for name, amount in hard.items() if not name.startswith("requests.") or "/" not in name}
        if plain:
            before, after = (_used(one, plain) for one in (change.before, change.after))
            for name, amount in plain.items():
                if name in after and before.get(name) != after[name]:
                    yield ResourceChange(
                        project=change.name, resource=name, before=before[name], after=after[name], quota=amount
                    )


def _used(state: ProjectState | None, hard: Mapping[str, Fraction]) -> dict[str, Fraction]:
    units, objects = (pod_units(state), state.objects.values()) if state else ((), ())
    return {use.resource: use.used for use in quota_uses(hard, units, objects)}


def _cost(changes: Sequence[ProjectChange]) -> WeeklyCost | None:
    """What the workloads cost whose accelerators change; None where a rate is not known."""
    before, after = Fraction(0), Fraction(0)
    for change in changes:
        keys = [key for key in {**change.was, **change.now} if _paid(change.was.get(key)) != _paid(change.now.get(key))]
        for side, workloads, later in ((change.before, change.was, False), (change.after, change.now, True)):
            here = [workloads[key] for key in keys if key in workloads]
            week = week_of(side.environment, here) if side else Fraction(0)
            if week is None:
                return None
            before, after = (before, after + week) if later else (before + week, after)
    return None if before == after else WeeklyCost(before, after)


def _paid(one: RunningWorkload | None) -> Any:
    return (one.accelerator, one.accelerators) if one else (None, {})


def _swaps(pairs: Iterable[tuple[tuple[str, ...], tuple[str, ...]]]) -> Iterator[Swap]:
    counts: dict[tuple[str, str], int] = {}
    for old, new in pairs:
        if old != new and any(old) and any(new):
            key = (", ".join(map(short_image, old)), ", ".join(map(short_image, new)))
            counts[key] = counts.get(key, 0) + 1
    for (before, after), models in counts.items():
        yield Swap(before=before, after=after, models=models)


# ---- facts of the cluster --------------------------------------------------------------------------------------------

_MOST_FACTS = 12


def changed_facts(facts: EnvironmentFacts) -> tuple[str, ...]:
    """The facts of an environment that are others now, in words."""
    if facts.before is None or facts.after is None or not facts.differ:
        return ()
    both = (_meant(facts.before.facts.data), _meant(facts.after.facts.data))
    found = [_fact(change) for change in differences(*both)]
    rest = len(found) - _MOST_FACTS
    return tuple(found) if rest <= 1 else (*found[:_MOST_FACTS], f"{rest} more facts")


def _fact(change: FieldDifference) -> str:
    name, label = str(change.pointer[-1]), code(dotted(change.pointer))
    old, new = both_texts(change.before, change.after, name)
    if change.after is ABSENT:
        return f"{label} removed"
    if change.before is ABSENT:
        return f"{label} {code(new)} added" if new else f"{label} added"
    return f"{label} {code(old)} → {code(new)}" if old and new else label
