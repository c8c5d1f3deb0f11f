"""The rows of a plan: for each model, server or other thing of a project what changes and what that does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from generator.overlay import group_of
from generator.plan_change import ProjectChange, grouped, guards, quota, readdressed
from generator.plan_effects import (
    RESTARTS,
    Consequence,
    Effect,
    ObjectChange,
    Quota,
    code,
    field_effect,
    plural,
    reached,
    reason,
    refusals,
    replicas_text,
    restart,
    restarted,
    scaled,
    secret_users,
    started,
    tokens,
)
from generator.plan_words import said
from generator.plan_workloads import LLM_CONFIG, MODELS, RUNTIME, SERVICE, Key, Serving, used_by
from generator.rules.admission import Rulebook

State = Literal["added", "changed", "removed", "moved"]

PROJECT = "Project"
"""Stands for a kind in the row of a project as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that changes. `consequences` begin with the heaviest; `what` says which fields, in a few words.

    `destroys` is set where a model or server goes or is made anew; `command` removes by hand what Argo CD leaves.
    """

    project: str
    key: Key
    state: State
    what: tuple[str, ...]
    consequences: tuple[Consequence, ...]
    objects: tuple[ObjectChange, ...]
    destroys: bool = False
    command: str | None = None

    @property
    def effect(self) -> Effect:
        """The heaviest effect."""
        return self.consequences[0].effect if self.consequences else Effect.NOTHING

    @property
    def label(self) -> str:
        """Kind and name, as acknowledgements spell them."""
        return f"{self.key[0]}/{self.key[1]}"


def rows_of(change: ProjectChange, rules: Rulebook | None) -> list[Row]:
    """All rows of a project; `rules` are the admission rules of the environment's release."""
    found = grouped(change)
    if change.after is None:
        return [_whole(change, [item for items in found.values() for item in items])]
    used = quota(change, found)
    rows = []
    workloads = change.was.keys() | change.now.keys()
    for key, objects in found.items():
        if key in workloads:
            rows.append(_workload(change, key, objects, used, rules))
        elif change.before is not None and not change.moves:
            rows.append(_other(change, key, objects, rules))
    if not change.moves:
        rows += _readdressed(change, found.keys())
    if change.before is None or change.moves:
        rows.insert(0, _whole(change, [item for key in found.keys() - workloads for item in found[key]]))
    return rows


def _readdressed(change: ProjectChange, done: Collection[Key]) -> Iterator[Row]:
    """One row for the models of which nothing changes but, with the facts of the cluster, their addresses."""
    found = {
        key: list(reached(change.was[key], one))
        for key, one in readdressed(change).items()
        if key not in done and (RUNTIME, one.server or "") not in done
    }
    if found:
        yield Row(
            project=change.name,
            key=next(iter(found)) if len(found) == 1 else (PROJECT, change.name),
            state="changed",
            what=(f"where {plural(len(found), 'model')} can be reached",),
            consequences=_ordered(_few(item for items in found.values() for item in items)),
            objects=(),
        )


def _few(found: Iterable[Consequence]) -> Iterator[Consequence]:
    """Of many consequences with the same effect the first, and how many more there are."""
    by_effect: dict[Effect, list[Consequence]] = {}
    for one in dict.fromkeys(found):
        by_effect.setdefault(one.effect, []).append(one)
    for effect, here in by_effect.items():
        if len(here) > _MOST_URLS:
            yield Consequence(effect, f"{here[0].text}, and so for {len(here) - 1} more")
        else:
            yield from here


# ---- models and servers ----------------------------------------------------------------------------------------------


def _workload(
    change: ProjectChange, key: Key, objects: Sequence[ObjectChange], quota: Quota, rules: Rulebook | None
) -> Row:
    old, new = change.was.get(key), change.now.get(key)
    if old is None and new is not None:
        return _added(change, key, objects, new, quota)
    if new is None and old is not None:
        return _removed(change, key, objects, old)
    if old is None or new is None:
        raise AssertionError(key)
    if change.moves:
        return _moved(change, key, objects, (old, new), quota)
    found = list(_refused(change, objects, rules))
    pods = list(_pods(change, key, objects, (old, new), quota))
    anew = any(item.effect is Effect.RECREATE for item in (*found, *pods))
    found += [item for item in pods if not (anew and item.effect in RESTARTS)]
    found += [*scaled(old, new, quota), *_reached(change, key, old, new), *tokens(old, new, change.prune)]
    gone = [item for item in objects if item.after is None]
    left = [item for item in gone if change.stays and item.key[0] != "Secret"]
    if left:
        found.append(Consequence(Effect.NOTHING, f"left on the cluster until deleted by hand: {_named(left)}"))
    recreated = [item for item in found if item.effect is Effect.RECREATE]
    deleted = (
        [item for item in objects if item.before is not None and _immutable(item, new, rules, change)]
        if recreated
        else []
    )
    command = _delete(change, [*deleted, *(gone if change.stays else ())])
    return Row(
        project=change.name,
        key=key,
        state="changed",
        what=_what(objects, old, new),
        consequences=_ordered(found or [Consequence(Effect.NOTHING, reason(objects, new.mode))]),
        objects=tuple(objects),
        destroys=bool(recreated),
        command=command,
    )


def _refused(change: ProjectChange, objects: Sequence[ObjectChange], rules: Rulebook | None) -> Iterator[Consequence]:
    if rules is None or change.after is None:
        return
    for item in objects:
        if item.after is not None and group_of(item.after) == "serving.kserve.io":
            for found in refusals(item, change.after, rules):
                if found.effect is Effect.RECREATE:
                    text = f"the cluster refuses it in place ({found.text}): once it is deleted, it is made anew"
                    yield Consequence(Effect.RECREATE, text)
                else:
                    yield found


def _immutable(item: ObjectChange, new: Serving, rules: Rulebook | None, change: ProjectChange) -> bool:
    """Whether the object has to be deleted before it can be what it is to be."""
    if field_effect([item], new.mode) is Effect.RECREATE:
        return True
    return any(found.effect is Effect.RECREATE for found in _refused(change, [item], rules))


def _pods(
    change: ProjectChange, key: Key, objects: Sequence[ObjectChange], both: tuple[Serving, Serving], quota: Quota
) -> Iterator[Consequence]:
    old, new = both
    effect = field_effect(objects, new.mode)
    if effect is Effect.RECREATE:
        named = _named([item for item in objects if field_effect([item], new.mode) is Effect.RECREATE])
        yield Consequence(Effect.RECREATE, f"{named} cannot be changed: delete it, and it is made anew")
        others = [item for item in objects if field_effect([item], new.mode) is not Effect.RECREATE]
        effect = field_effect(others, new.mode)
    effect = restart(old, new, effect)
    if effect in RESTARTS:
        yield restarted(new, effect, objects, quota)
        if not new.model:
            yield from _on_server(change, key[1])
    elif effect is Effect.RELOAD and old.server and change.loses((RUNTIME, old.server)) and not change.stays:
        yield Consequence(
            Effect.DOWNTIME, f"its server {code(old.server)} goes: it answers once {code(new.server)} has loaded it"
        )
    elif effect is Effect.RELOAD:
        yield Consequence(effect, "its server loads the new one and then sends it the requests; no pod restarts")
    elif old.stopped and new.stopped:
        yield Consequence(Effect.NOTHING, "it is stopped, so no pod runs that would restart")


def _on_server(change: ProjectChange, server: str) -> Iterator[Consequence]:
    names = [key[1] for key, one in change.now.items() if one.server == server]
    if names:
        yield Consequence(Effect.NOTHING, f"with all its models: {_listed(names)}")


def _reached(change: ProjectChange, key: Key, old: Serving, new: Serving) -> Iterator[Consequence]:
    if new.model:
        if not (new.server and guards(change, new.server)):
            yield from reached(old, new)
        return
    served = [
        (change.was[model], one) for model, one in change.now.items() if one.server == key[1] and model in change.was
    ]
    yield from _few(item for before, one in served for item in reached(before, one))


def _added(change: ProjectChange, key: Key, objects: Sequence[ObjectChange], new: Serving, quota: Quota) -> Row:
    found = [started(new, quota)]
    if new.address and new.address.external:
        found.append(Consequence(Effect.URL_NEW, code(new.address.external)))
    found += [Consequence(Effect.TOKEN_NEW, f"Secret {code(name)}") for name in new.tokens]
    noun = "model" if new.model else "model server"
    with_runtime = f" with {code(new.runtime)}" if new.runtime else ""
    return Row(
        project=change.name,
        key=key,
        state="added",
        what=(f"new {noun}{with_runtime}",),
        consequences=_ordered(found),
        objects=tuple(objects),
    )


def _removed(change: ProjectChange, key: Key, objects: Sequence[ObjectChange], old: Serving) -> Row:
    models = [] if old.model else [(name, one) for (_, name), one in change.was.items() if one.server == key[1]]
    gone = [name for name, _ in models if change.loses((SERVICE, name))]
    url = old.address.external if old.address else None
    found: list[Consequence] = []
    if change.stays:
        where = f"it runs on in {code(change.before.namespace)}" if change.before else "it runs on"
        found.append(Consequence(Effect.UNMANAGED, f"{where}{_holding([old])}, until it is deleted by hand"))
        if gone:
            found.append(Consequence(Effect.NOTHING, f"so do its models {_listed(gone)}"))
    else:
        freed = ", ".join(f"{count} {code(name)}" for name, count in old.accelerators.items())
        found.append(Consequence(Effect.DELETE, f"frees {freed}" if freed else ""))
        if gone:
            found.append(Consequence(Effect.WITH_SERVER, _listed(gone)))
        urls = [url] if url else [one.address.external for _, one in models if one.address and one.address.external]
        found += [Consequence(Effect.URL_GONE, code(each)) for each in urls[:_MOST_URLS]]
        if len(urls) > _MOST_URLS:
            found.append(Consequence(Effect.URL_GONE, f"and {plural(len(urls) - _MOST_URLS, 'more URL')}"))
        found += [
            Consequence(Effect.TOKEN_LOST, f"Secret {code(name)}: who uses it is locked out") for name in old.tokens
        ]
    return Row(
        project=change.name,
        key=key,
        state="removed",
        what=("model removed" if old.model else "model server removed",),
        consequences=_ordered(found),
        objects=tuple(objects),
        destroys=True,
        command=_delete(change, objects) if change.stays else None,
    )


def _holding(found: Iterable[Serving]) -> str:
    """What stays on the cluster holds on to its accelerators."""
    return "".join(f", with {count} {code(name)}" for name, count in used_by(found).items())


def _moved(
    change: ProjectChange, key: Key, objects: Sequence[ObjectChange], both: tuple[Serving, Serving], quota: Quota
) -> Row:
    old, new = both
    found = [started(new, quota), *reached(old, new)]
    if old.tokens:
        found.append(
            Consequence(Effect.TOKEN_LOST, "its tokens are new ones; those of the old namespace do not open it")
        )
    held = "".join(f", with {count} {code(name)}" for name, count in old.accelerators.items())
    before = change.before.namespace if change.before else ""
    found.append(
        Consequence(Effect.UNMANAGED, f"the old one runs on in {code(before)}{held}, until it is deleted by hand")
    )
    return Row(
        project=change.name,
        key=key,
        state="moved",
        what=("made anew in the new namespace", *said([item for item in objects if item.steps], new.mode)),
        consequences=_ordered(found),
        objects=tuple(item for item in objects if item.steps or item.before is None or item.after is None),
        destroys=True,
        command=_delete(change, objects),
    )


# ---- everything else -------------------------------------------------------------------------------------------------


def _other(change: ProjectChange, key: Key, objects: Sequence[ObjectChange], rules: Rulebook | None) -> Row:
    """A thing that is no part of one model: a connection's secret, the namespace, a runtime that nobody uses."""
    item = objects[0]
    found = list(_refused(change, objects, rules))
    effect = field_effect(objects, None)
    side = change.after or change.before
    users = secret_users(side, key[1]) if side and key[0] == "ExternalSecret" else ()
    one = len(users) == 1
    read = f"{_listed(users)} {'reads' if one else 'read'} it" if users else "no model reads it"
    if key[0] == "ExternalSecret":
        if item.state == "removed" and not change.stays:
            loses = f"; {_listed(users)} cannot start again without it" if users else ""
            found.append(
                Consequence(Effect.NEXT_START if users else Effect.NOTHING, f"its Secret is deleted with it{loses}")
            )
        elif item.state == "removed":
            found.append(Consequence(Effect.NOTHING, "it stays, with its Secret, until it is deleted by hand"))
        elif item.state == "added":
            found.append(Consequence(Effect.NOTHING, f"its Secret is made from the store; {read}"))
        elif effect is Effect.NEXT_START and users:
            found.append(Consequence(Effect.NEXT_START, f"{read} when {'its' if one else 'their'} pods start"))
    elif effect is not Effect.NOTHING and item.state == "changed":
        found.append(
            Consequence(effect, f"{_named(objects)} cannot be changed in place" if effect is Effect.RECREATE else "")
        )
    elif item.state == "removed" and change.stays:
        found.append(Consequence(Effect.NOTHING, "it stays until it is deleted by hand"))
    if not found:
        found.append(Consequence(Effect.NOTHING, reason(objects, None)))
    kept = item.key[0] == "Namespace"
    return Row(
        project=change.name,
        key=key,
        state="added" if item.state == "added" else "removed" if item.state == "removed" else "changed",
        what=said(objects, None) or (item.state,),
        consequences=_ordered(found),
        objects=tuple(objects),
        command=_delete(change, objects) if item.state == "removed" and change.stays and not kept else None,
    )


def _whole(change: ProjectChange, objects: Sequence[ObjectChange]) -> Row:
    """The row of a project that goes, with all that is in it; or that comes or moves, with what belongs to no model."""
    models = [key[1] for key, one in (change.was or change.now).items() if one.model]
    serving = f"{plural(len(models), 'model')}" + (f": {_listed(models)}" if models else "")
    what: tuple[str, ...]
    state: State
    if change.before is None:
        what, effect, text, state = ("new project",), Effect.START, serving, "added"
    elif change.after is None:
        effect = Effect.ENVIRONMENT if change.environment_goes else Effect.PROJECT
        what, state = ("goes with its environment" if change.environment_goes else "leaves the environment",), "removed"
        text = (
            f"{serving}; Argo CD deletes nothing of it: all stays in {code(change.before.namespace)}"
            f"{_holding(change.was.values())}, until it is deleted by hand"
        )
    else:
        what = (f"namespace {code(change.before.namespace)} → {code(change.after.namespace)}",)
        effect, state = Effect.NAMESPACE, "moved"
        text = f"{serving}; all is made anew, and what is in the old namespace stays there until it is deleted by hand"
    gone = [item for item in objects if item.before is not None and item.key[0] != "Namespace"]
    return Row(
        project=change.name,
        key=(PROJECT, change.name),
        state=state,
        what=what,
        consequences=(Consequence(effect, text),),
        objects=tuple(item for item in objects if item.steps or item.before is None or item.after is None),
        destroys=change.before is not None,
        command=_delete(change, gone) if state != "added" else None,
    )


# ---- words -----------------------------------------------------------------------------------------------------------

_MOST_LISTED = 6
_MOST_URLS = 2


def _listed(names: Iterable[str]) -> str:
    found = [code(name) for name in names]
    rest = len(found) - _MOST_LISTED
    return ", ".join(found[:_MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _named(objects: Iterable[ObjectChange]) -> str:
    return ", ".join(f"{item.key[0]} {code(item.key[1])}" for item in objects)


def _what(objects: Sequence[ObjectChange], old: Serving, new: Serving) -> tuple[str, ...]:
    """What changed in a few words; least and most replicas are spoken of together."""
    ranges = f"replicas {code(replicas_text(old))} → {code(replicas_text(new))}"
    words = said([item for item in objects if item.steps], new.mode)
    return (*(ranges if word.startswith("replicas") else word for word in words), *_came_and_went(objects))


def _came_and_went(objects: Sequence[ObjectChange]) -> tuple[str, ...]:
    words = []
    for state, word in (("added", "new"), ("removed", "removed")):
        kinds = [item.key[0] for item in objects if item.state == state]
        if kinds:
            words.append(f"{word}: {', '.join(dict.fromkeys(kinds))}")
    return tuple(words)


def _ordered(found: Iterable[Consequence]) -> tuple[Consequence, ...]:
    return tuple(sorted(dict.fromkeys(found), key=lambda item: -item.effect.weight)) or (Consequence(Effect.NOTHING),)


def _delete(change: ProjectChange, objects: Sequence[ObjectChange]) -> str | None:
    """The command that removes objects from the namespace in which they are."""
    side = change.before
    if side is None or not objects:
        return None
    import shlex

    order = {kind: index for index, kind in enumerate((*MODELS, RUNTIME, LLM_CONFIG))}
    named = sorted(objects, key=lambda item: order.get(item.key[0], len(order)))
    words = [f"{item.key[0].lower()}/{item.key[1]}" for item in named]
    return shlex.join(["oc", "delete", "-n", side.namespace, *words])
