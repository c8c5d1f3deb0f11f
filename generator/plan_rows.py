"""The rows of a plan: for each model, server or other thing of a project what changes and what that does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from generator.finding import plural
from generator.overlay import group_of
from generator.plan_change import ProjectChange, Successor, grouped, guards, quota, readdressed
from generator.plan_effects import (
    RESTARTS,
    Admission,
    Consequence,
    Effect,
    ObjectChange,
    Quota,
    admission,
    by_runtime,
    code,
    field_effect,
    reached,
    reason,
    refusals,
    restart,
    restarted,
    scaled,
    secret_users,
    started,
    tokens,
)
from generator.plan_row import (
    MOST_URLS,
    PROJECT,
    Row,
    State,
    application_left,
    deletion,
    few,
    handover,
    names,
    objects_named,
    ordered,
    passed_on,
    what_changed,
)
from generator.plan_words import said
from generator.plan_workloads import RUNTIME, SERVICE, Key, Serving, used_by
from generator.rules.admission import Rulebook

_ANEW = "delete it after the merge, and Argo CD makes it anew"


def rows_of(change: ProjectChange, rules: Rulebook | None) -> list[Row]:
    """All rows of a project; `rules` are the admission rules of the environment's release."""
    found = grouped(change)
    if change.heir is not None:
        return [_handed_over(change, change.heir)]
    if change.after is None:
        return [_whole(change, [item for items in found.values() for item in items])]
    used = quota(change, found)
    judge = admission(change.after, rules) if rules is not None else None
    rows = []
    workloads = change.was.keys() | change.now.keys()
    for key, objects in found.items():
        if key in workloads:
            rows.append(_workload(change, key, objects, used, judge))
        elif change.before is not None and not change.moves:
            rows.append(_other(change, key, objects, judge))
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
            what=(f"where {'it' if len(found) == 1 else plural(len(found), 'model')} can be reached",),
            consequences=ordered(few(item for items in found.values() for item in items)),
            objects=(),
            models=len(found) if len(found) > 1 else 0,
        )


# ---- models and servers ----------------------------------------------------------------------------------------------


def _workload(
    change: ProjectChange, key: Key, objects: Sequence[ObjectChange], quota: Quota, judge: Admission | None
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
    found = list(_refused(objects, judge))
    pods = list(_pods(change, key, objects, (old, new), quota))
    anew = any(item.effect is Effect.RECREATE for item in (*found, *pods))
    found += [item for item in pods if not (anew and item.effect in (*RESTARTS, Effect.RELOAD))]
    found += [*scaled(old, new, quota), *_reached(change, key, old, new), *tokens(old, new, change.prune)]
    gone = [item for item in objects if item.after is None]
    left = [item for item in gone if change.stays and (new.open or item.key[0] != "Secret")]
    if left:
        found.append(Consequence(Effect.NOTHING, f"left on the cluster until deleted by hand: {objects_named(left)}"))
    recreated = [item for item in found if item.effect is Effect.RECREATE]
    deleted = (
        [item for item in objects if item.before is not None and _immutable(item, new, judge)] if recreated else []
    )
    command = deletion(change, [*deleted, *(gone if change.stays else ())], again=bool(deleted))
    return Row(
        project=change.name,
        key=key,
        state="changed",
        what=what_changed(objects, old, new),
        consequences=ordered(found or [Consequence(Effect.NOTHING, reason(objects, new.mode))]),
        objects=tuple(objects),
        destroys=bool(recreated),
        command=command,
    )


def _refused(objects: Sequence[ObjectChange], judge: Admission | None) -> Iterator[Consequence]:
    if judge is None:
        return
    for item in objects:
        if item.after is not None and group_of(item.after) == "serving.kserve.io":
            for found in refusals(item, judge):
                if found.effect is Effect.RECREATE:
                    text = f"the cluster refuses it in place ({found.text}): {_ANEW}"
                    yield Consequence(Effect.RECREATE, text)
                else:
                    yield found


def _immutable(item: ObjectChange, new: Serving, judge: Admission | None) -> bool:
    """Whether the object has to be deleted before it can be what it is to be."""
    if field_effect([item], new.mode) is Effect.RECREATE:
        return True
    return any(found.effect is Effect.RECREATE for found in _refused([item], judge))


def _pods(
    change: ProjectChange, key: Key, objects: Sequence[ObjectChange], both: tuple[Serving, Serving], quota: Quota
) -> Iterator[Consequence]:
    old, new = both
    effect = field_effect(objects, new.mode)
    if effect is Effect.RECREATE:
        named = objects_named([item for item in objects if field_effect([item], new.mode) is Effect.RECREATE])
        yield Consequence(Effect.RECREATE, f"{named} cannot be changed: {_ANEW}")
        others = [item for item in objects if field_effect([item], new.mode) is not Effect.RECREATE]
        effect = field_effect(others, new.mode)
    effect = restart(old, new, effect)
    if effect in RESTARTS:
        watched = change.after is not None and change.after.environment.can("watchesRuntimes")
        found = restarted(old, new, effect, quota, unseen=by_runtime(new, objects) and not watched)
        served = "" if new.model else _on_server(change, key[1])
        yield Consequence(found.effect, found.text + served)
    elif effect is Effect.RELOAD and old.server and change.loses((RUNTIME, old.server)) and not change.stays:
        yield Consequence(
            Effect.DOWNTIME, f"its server {code(old.server)} goes: it answers once {code(new.server)} has loaded it"
        )
    elif effect is Effect.RELOAD:
        yield Consequence(effect, "its server loads the new one and then sends it the requests; no pod restarts")
    elif old.stopped and new.stopped:
        yield Consequence(Effect.NOTHING, "it is stopped, so no pod runs that would restart")


def _on_server(change: ProjectChange, server: str) -> str:
    models = [key[1] for key, one in change.now.items() if one.server == server]
    return f"; with all its models: {names(models)}" if models else ""


def _reached(change: ProjectChange, key: Key, old: Serving, new: Serving) -> Iterator[Consequence]:
    if new.model:
        if not (new.server and guards(change, new.server)):
            yield from reached(old, new)
        return
    served = [
        (change.was[model], one) for model, one in change.now.items() if one.server == key[1] and model in change.was
    ]
    yield from few(item for before, one in served for item in reached(before, one))


def _added(change: ProjectChange, key: Key, objects: Sequence[ObjectChange], new: Serving, quota: Quota) -> Row:
    found = [started(new, quota)]
    if new.address and new.address.external:
        found.append(Consequence(Effect.URL_NEW, code(new.address.external)))
    found += [
        Consequence(Effect.TOKEN_NEW, f"Secret {code(item.key[1])}") for item in objects if item.key[0] == "Secret"
    ]
    noun = "model" if new.model else "model server"
    with_runtime = f" with {code(new.runtime)}" if new.runtime else ""
    return Row(
        project=change.name,
        key=key,
        state="added",
        what=(f"new {noun}{with_runtime}",),
        consequences=ordered(found),
        objects=tuple(objects),
    )


def _removed(change: ProjectChange, key: Key, objects: Sequence[ObjectChange], old: Serving) -> Row:
    models = [] if old.model else [(name, one) for (_, name), one in change.was.items() if one.server == key[1]]
    gone = [name for name, _ in models if change.loses((SERVICE, name))]
    url = old.address.external if old.address else None
    found: list[Consequence] = []
    if change.stays:
        where = f"it runs on in {code(change.before.namespace)}" if change.before else "it runs on"
        served = f" with its models {names(gone)}" if gone else ""
        found.append(Consequence(Effect.UNMANAGED, f"{where}{served}{_holding([old])}, until it is deleted by hand"))
    else:
        freed = ", ".join(f"{count} {code(name)}" for name, count in old.accelerators.items())
        found.append(Consequence(Effect.DELETE, f"frees {freed}" if freed else ""))
        if gone:
            found.append(Consequence(Effect.WITH_SERVER, names(gone)))
        urls = [url] if url else [one.address.external for _, one in models if one.address and one.address.external]
        found += [Consequence(Effect.URL_GONE, code(each)) for each in urls[:MOST_URLS]]
        if len(urls) > MOST_URLS:
            found.append(Consequence(Effect.URL_GONE, f"and {plural(len(urls) - MOST_URLS, 'more URL')}"))
        found += [
            Consequence(Effect.TOKEN_LOST, f"Secret {code(item.key[1])}: who uses it is locked out")
            for item in objects
            if item.key[0] == "Secret"
        ]
    return Row(
        project=change.name,
        key=key,
        state="removed",
        what=("model removed" if old.model else "model server removed",),
        consequences=ordered(found),
        objects=tuple(objects),
        destroys=True,
        command=deletion(change, objects) if change.stays else None,
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
    before = change.before.namespace if change.before else ""
    if change.successor is not None and key in change.passed_on:
        stays = f"the old one in {code(before)} becomes that of {code(change.successor.name)}"
    else:
        stays = f"the old one runs on in {code(before)}{_holding([old])}, until it is deleted by hand"
    found.append(Consequence(Effect.UNMANAGED, stays))
    return Row(
        project=change.name,
        key=key,
        state="moved",
        what=("made anew in the new namespace", *said([item for item in objects if item.steps], new.mode)),
        consequences=ordered(found),
        objects=tuple(item for item in objects if item.steps or item.before is None or item.after is None),
        destroys=True,
        command=deletion(change, objects),
    )


# ---- everything else -------------------------------------------------------------------------------------------------


def _other(change: ProjectChange, key: Key, objects: Sequence[ObjectChange], judge: Admission | None) -> Row:
    """A thing that is no part of one model: a connection's secret, the namespace, a runtime that nobody uses."""
    item = objects[0]
    found = list(_refused(objects, judge))
    effect = field_effect(objects, None)
    stays = item.state == "removed" and (change.stays or key[0] == "Namespace")
    users = _readers(change, key[1]) if key[0] == "ExternalSecret" else ()
    if key[0] == "ExternalSecret":
        found += _of_secret(change, item, users)
    elif effect is not Effect.NOTHING and item.state == "changed":
        text = f"{objects_named(objects)} cannot be changed: {_ANEW}" if effect is Effect.RECREATE else ""
        found.append(Consequence(effect, text))
    elif stays:
        found.append(Consequence(Effect.NOTHING, "it stays until it is deleted by hand"))
    if not found:
        found.append(Consequence(Effect.NOTHING, reason(objects, None)))
    anew = any(one.effect is Effect.RECREATE for one in found)
    removed = stays and not users and key[0] != "Namespace"
    return Row(
        project=change.name,
        key=key,
        state="added" if item.state == "added" else "removed" if item.state == "removed" else "changed",
        what=said(objects, None) or (item.state,),
        consequences=ordered(found),
        objects=tuple(objects),
        command=deletion(change, objects, again=anew) if anew or removed else None,
    )


def _readers(change: ProjectChange, name: str) -> tuple[str, ...]:
    side = change.after or change.before
    return secret_users(side, name) if side else ()


def _of_secret(change: ProjectChange, item: ObjectChange, users: Sequence[str]) -> Iterator[Consequence]:
    """What becomes of the Secret that an ExternalSecret makes, and who notices when."""
    one = len(users) == 1
    read = f"{names(users)} {'reads' if one else 'read'} it" if users else "no model reads it"
    if item.state == "removed" and not change.stays:
        loses = f"; {names(users)} cannot start again without it" if users else ""
        yield Consequence(Effect.NEXT_START if users else Effect.NOTHING, f"its Secret is deleted with it{loses}")
    elif item.state == "removed" and users:
        yield Consequence(
            Effect.NOTHING, f"it stays, with its Secret; {read}, and whoever deletes the one deletes the other"
        )
    elif item.state == "removed":
        yield Consequence(Effect.NOTHING, "it stays, with its Secret, until it is deleted by hand")
    elif item.state == "added":
        yield Consequence(Effect.NOTHING, f"its Secret is made from the store; {read}")
    elif field_effect([item], None) is Effect.NEXT_START and users:
        served = all(change.now[key].server for key in change.now if key[1] in users)
        start = (
            f"{'it is' if one else 'they are'} loaded again" if served else f"{'its' if one else 'their'} pods start"
        )
        yield Consequence(Effect.NEXT_START, f"{read} when {start}")


def _whole(change: ProjectChange, objects: Sequence[ObjectChange]) -> Row:
    """The row of a project that goes, with all that is in it; or that comes or moves, with what belongs to no model."""
    models = [key[1] for key, one in (change.was or change.now).items() if one.model]
    serving = f"{plural(len(models), 'model')}" + (f": {names(models)}" if models else "")
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
    return Row(
        project=change.name,
        key=(PROJECT, change.name),
        state=state,
        what=what,
        consequences=(
            Consequence(effect, text),
            *passed_on(change),
            *(application_left(change) if change.after is None else ()),
        ),
        objects=tuple(item for item in objects if item.steps or item.before is None or item.after is None),
        destroys=change.before is not None,
        command=deletion(change, objects) if state != "added" else None,
    )


def _handed_over(change: ProjectChange, heir: ProjectChange) -> Row:
    """The row of a project that goes, but whose namespace and what is in it another one takes over."""
    models = [key[1] for key, one in heir.was.items() if one.model]
    text = (
        f"{plural(len(models), 'model')}: {names(models)}; what is in {code(heir.after.namespace if heir.after else '')} stays "
        f"and becomes that of {code(heir.name)}. Argo CD refuses to sync it as long as it is marked as this project's; once "
        "the mark is changed, models with pods of their own restart"
    )
    command = None
    if change.before is not None and heir.after is not None:
        shared = [key for key in change.before.objects if key in heir.after.objects]
        command = handover(shared, Successor(heir.name, heir.after))
    return Row(
        project=change.name,
        key=(PROJECT, change.name),
        state="removed",
        what=(f"project {code(heir.name)} takes its namespace over",),
        consequences=(Consequence(Effect.PROJECT, text), *application_left(change)),
        objects=(),
        destroys=True,
        command=command,
    )
