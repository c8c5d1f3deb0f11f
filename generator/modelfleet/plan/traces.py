"""What a change resembles or leaves behind, beyond its rows: a model under another name, a Secret that nothing reads any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelfleet.kubernetes.objects import Object, same_value
from modelfleet.plan.effects import code
from modelfleet.plan.project_change import ProjectChange
from modelfleet.serving.workloads import LLM, SERVICE, Key

_MAKES_SECRETS = ("ExternalSecret", "SealedSecret")


def traces(changes: Iterable[ProjectChange]) -> Iterator[str]:
    """A sentence for each."""
    for one in changes:
        yield from _renamed(one)
        yield from _unread(one)


# ---- another name ----------------------------------------------------------------------------------------------------


def _renamed(change: ProjectChange) -> Iterator[str]:
    """Models that are gone while one of the same spec is new."""
    before, after = _models(change.before), _models(change.after)
    added = {key: item for key, item in after.items() if key not in before}
    for (kind, old), item in before.items():
        if (kind, old) in after or change.after is None or change.moves:
            continue
        twins = (
            new
            for (other, new), made in added.items()
            if other == kind and _alike(item["spec"], made["spec"], (old, new))
        )
        twin = next(twins, None)
        if twin is not None:
            del added[kind, twin]
            names = [code(f"{change.name}/{name}") for name in (twin, old)]
            yield (
                f"{names[0]} looks like {names[1]} under another name: a cluster knows a model by its name, so this is a new "
                "model with an address and tokens of its own, and the old one is no longer served from here"
            )


def _models(state: Any) -> Mapping[Key, Object]:
    found: Mapping[Key, Object] = state.objects if state is not None else {}
    return {key: item for key, item in found.items() if key[0] in (SERVICE, LLM)}


def _alike(one: Any, other: Any, names: tuple[str, str]) -> bool:
    """Whether two values are the same, apart from the models' own names, which runtimes and accounts begin with."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key], names) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_alike(*pair, names) for pair in zip(one, other, strict=True))
    if one == other or not (isinstance(one, str) and isinstance(other, str)):
        return same_value(one, other)
    return one.startswith(names[0]) and other == names[1] + one.removeprefix(names[0])


# ---- nobody reads it -------------------------------------------------------------------------------------------------


def _unread(change: ProjectChange) -> Iterator[str]:
    """Secrets that are still made from the store, and that only models read which no longer do."""
    if change.before is None or change.after is None:
        return
    kept = [
        name for kind, name in change.after.objects if kind in _MAKES_SECRETS and (kind, name) in change.before.objects
    ]
    if not kept:
        return
    read, now = (_texts(state.objects) for state in (change.before, change.after))
    for name in kept:
        if name in read and name not in now:
            yield (
                f"nothing in project {code(change.name)} reads the Secret {code(name)} any more, and it is still copied from the "
                "store: remove it from the spec if nobody else needs it"
            )


def _texts(objects: Mapping[Key, Object]) -> frozenset[str]:
    """Every text in objects but those that make Secrets: whatever has the name may read it, a Job or an account, too."""
    return frozenset(text for key, item in objects.items() if key[0] not in _MAKES_SECRETS for text in _strings(item))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from _strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from _strings(child)
