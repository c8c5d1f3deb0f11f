"""The row of a model or model server in a plan: what changes about it, what that does, and what is to be done by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from modelfleet.kubernetes.names import SERVING_GROUP
from modelfleet.kubernetes.objects import group_of, mapping
from modelfleet.plan.commands import deletion
from modelfleet.plan.consequences import (
    QuotaUse,
    by_runtime,
    reached,
    requeued,
    restart,
    restarted,
    scaled,
    started,
    tokens,
)
from modelfleet.plan.effect import RESTARTS, Effect
from modelfleet.plan.effects import (
    Admission,
    Impact,
    ObjectChange,
    code,
    effect_reason,
    field_effect,
    refusals,
    rule_for,
)
from modelfleet.plan.project_change import ProjectChange, guards
from modelfleet.plan.row import Row
from modelfleet.plan.shares import shared_out
from modelfleet.plan.words import MAX_URLS, few, names, objects_named, ordered, said, what_changed
from modelfleet.serving.workloads import RUNTIME, SERVICE, Key, RunningWorkload, used_by
from modelfleet.wording import plural

ANEW = "delete it after the merge, and Argo CD recreates it"
"""What to do with what cannot be changed."""


def serving_row(
    change: ProjectChange, key: Key, objects: Sequence[ObjectChange], quota: QuotaUse, judge: Admission | None
) -> Row:
    """The row of a model or server of which something changes."""
    old, new = change.was.get(key), change.now.get(key)
    if old is None and new is not None:
        return _added(change, key, objects, new, quota)
    if new is None and old is not None:
        return _removed(change, key, objects, old)
    if old is None or new is None:
        raise AssertionError(key)
    if change.moves:
        return _moved(change, key, objects, (old, new), quota)
    found = list(refused(objects, judge))
    pods = list(_pods(change, key, objects, (old, new), quota))
    anew = any(item.effect is Effect.RECREATE for item in found)
    found += [item for item in pods if not (anew and item.effect in (*RESTARTS, Effect.RELOAD))]
    found += [
        *requeued(old, new),
        *scaled(old, new, quota),
        *shared_out(old, new, quota),
        *_reached(change, key, old, new),
        *tokens(old, new),
        *_runtime_left(change, key, objects),
    ]
    gone = [item for item in objects if item.after is None and item.key != _named_runtime(change, key)]
    left = [item for item in gone if change.stays and (new.open or item.key[0] != "Secret")]
    if left:
        found.append(Impact(Effect.NOTHING, f"left on the cluster until deleted by hand: {objects_named(left)}"))
    recreated = [item for item in found if item.effect is Effect.RECREATE]
    deleted = [item for item in objects if item.before is not None and _immutable(item, judge)] if recreated else []
    by_hand = gone if change.stays else [item for item in gone if item.key[0] == "Secret" and not new.open]
    command = deletion(change, [*deleted, *by_hand], again=bool(deleted))
    return Row(
        project=change.name,
        key=key,
        state="changed",
        what=what_changed(objects, old, new),
        consequences=ordered(found or [_otherwise(objects, new)]),
        objects=tuple(objects),
        command=command,
    )


def _named_runtime(change: ProjectChange, key: Key) -> Key | None:
    """The ServingRuntime that a model names afterwards."""
    spec = mapping((change.after.objects[key] if change.after else {}).get("spec"))
    return RUNTIME, str(mapping(mapping(spec.get("predictor")).get("model")).get("runtime"))


def _runtime_left(change: ProjectChange, key: Key, objects: Sequence[ObjectChange]) -> Iterator[Impact]:
    """What becomes of a model whose runtime is no longer in Git, though it goes on naming it."""
    if any(item.after is None and item.key == _named_runtime(change, key) for item in objects):
        name = code(str((_named_runtime(change, key) or key)[1]))
        if change.stays:
            text = f"the ServingRuntime {name} stays on the cluster, where the model goes on using it: do not delete it"
            yield Impact(Effect.NOTHING, text)
        else:
            text = (
                f"Argo CD deletes the ServingRuntime {name}, which the model goes on naming: it cannot start without it"
            )
            yield Impact(Effect.DOWNTIME, text)


def _otherwise(objects: Sequence[ObjectChange], new: RunningWorkload) -> Impact:
    """What a change comes to that neither the pods nor the replicas show."""
    steps = [(change.key[0], step.path) for change in objects for step in change.steps]
    scaling = [path for kind, path in steps if rule_for(kind, new.mode, path).effect is Effect.SCALE]
    if any(not path[-1].lower().endswith("replicas") for path in scaling):
        return Impact(Effect.SCALE, "it is scaled by other rules now; no pod restarts")
    return Impact(Effect.NOTHING, effect_reason(objects, new.mode))


def refused(objects: Sequence[ObjectChange], judge: Admission | None) -> Iterator[Impact]:
    """What the cluster would refuse of changed objects, or of that what it takes once they are made anew."""
    if judge is None:
        return
    for item in objects:
        if item.after is not None and group_of(item.after) == SERVING_GROUP:
            for found in refusals(item, judge):
                if found.effect is Effect.RECREATE:
                    text = f"the cluster refuses to update it in place ({found.text}): {ANEW}"
                    yield Impact(Effect.RECREATE, text)
                else:
                    yield found


def _immutable(item: ObjectChange, judge: Admission | None) -> bool:
    """Whether the object has to be deleted before it can be what it is to be."""
    return any(found.effect is Effect.RECREATE for found in refused([item], judge))


def _pods(
    change: ProjectChange,
    key: Key,
    objects: Sequence[ObjectChange],
    both: tuple[RunningWorkload, RunningWorkload],
    quota: QuotaUse,
) -> Iterator[Impact]:
    old, new = both
    effect = restart(old, new, field_effect(objects, new.mode))
    if effect in RESTARTS:
        watched = change.after is not None and change.after.environment.can("watchesRuntimes")
        found = restarted(old, new, effect, quota, unseen=by_runtime(new, objects) and not watched)
        served = "" if new.model else _on_server(change, key[1])
        yield Impact(found.effect, found.text + served)
    elif effect is Effect.RELOAD and old.server and change.loses((RUNTIME, old.server)) and not change.stays:
        yield Impact(
            Effect.DOWNTIME, f"its server {code(old.server)} goes: it answers once {code(new.server)} has loaded it"
        )
    elif effect is Effect.BESIDE:
        yield Impact(effect, "its transformer rolls; the model's own pods go on")
    elif effect is Effect.RELOAD:
        yield Impact(effect, "its server loads the new one and then sends it the requests; no pod restarts")
    elif old.stopped and new.stopped:
        yield Impact(Effect.NOTHING, "it is stopped, so there is no pod to restart")


def _on_server(change: ProjectChange, server: str) -> str:
    models = [key[1] for key, one in change.now.items() if one.server == server]
    return f"; with all its models: {names(models)}" if models else ""


def _reached(change: ProjectChange, key: Key, old: RunningWorkload, new: RunningWorkload) -> Iterator[Impact]:
    if new.model:
        if not (new.server and guards(change, new.server)):
            yield from reached(old, new)
        return
    served = [
        (change.was[model], one) for model, one in change.now.items() if one.server == key[1] and model in change.was
    ]
    yield from few(item for before, one in served for item in reached(before, one))


def _added(
    change: ProjectChange, key: Key, objects: Sequence[ObjectChange], new: RunningWorkload, quota: QuotaUse
) -> Row:
    found = [started(new, quota), *shared_out(None, new, quota)]
    if new.address and new.address.external:
        found.append(Impact(Effect.URL_NEW, code(new.address.external)))
    found += [Impact(Effect.TOKEN_NEW, f"Secret {code(item.key[1])}") for item in objects if item.key[0] == "Secret"]
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


def _removed(change: ProjectChange, key: Key, objects: Sequence[ObjectChange], old: RunningWorkload) -> Row:
    models = [] if old.model else [(name, one) for (_, name), one in change.was.items() if one.server == key[1]]
    gone = [name for name, _ in models if change.loses((SERVICE, name))]
    url = old.address.external if old.address else None
    found: list[Impact] = []
    if change.stays:
        where = f"it keeps running in {code(change.before.namespace)}" if change.before else "it keeps running"
        served = f" with its models {names(gone)}" if gone else ""
        found.append(Impact(Effect.UNMANAGED, f"{where}{served}{holding([old])}, until it is deleted by hand"))
    else:
        freed = ", ".join(f"{count} {code(name)}" for name, count in old.accelerators.items())
        found.append(Impact(Effect.DELETE, f"frees {freed}" if freed else ""))
        if gone:
            found.append(Impact(Effect.WITH_SERVER, names(gone)))
        lost = [one.address.external for name, one in models if name in gone and one.address]
        urls = [each for each in (url, *lost) if each]
        found += [Impact(Effect.URL_GONE, code(each)) for each in urls[:MAX_URLS]]
        if len(urls) > MAX_URLS:
            found.append(Impact(Effect.URL_GONE, f"and {plural(len(urls) - MAX_URLS, 'more URL')}"))
        found += [
            Impact(Effect.TOKEN_LOST, f"Secret {code(item.key[1])}: who uses it is locked out")
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
        command=deletion(change, objects) if change.stays else None,
    )


def holding(found: Iterable[RunningWorkload]) -> str:
    """What stays on the cluster holds on to its accelerators."""
    return "".join(f", with {count} {code(name)}" for name, count in used_by(found).items())


def _moved(
    change: ProjectChange,
    key: Key,
    objects: Sequence[ObjectChange],
    both: tuple[RunningWorkload, RunningWorkload],
    quota: QuotaUse,
) -> Row:
    old, new = both
    found = [started(new, quota, old), *reached(old, new)]
    if old.tokens:
        found.append(Impact(Effect.TOKEN_LOST, "its tokens are new ones; those of the old namespace do not open it"))
    before = change.before.namespace if change.before else ""
    if change.successor is not None and key in change.passed_on:
        stays = f"the old one in {code(before)} becomes that of {code(change.successor.name)}"
    else:
        stays = f"the old one keeps running in {code(before)}{holding([old])}, until it is deleted by hand"
    found.append(Impact(Effect.UNMANAGED, stays))
    return Row(
        project=change.name,
        key=key,
        state="moved",
        what=("created again in the new namespace", *said([item for item in objects if item.steps], new.mode)),
        consequences=ordered(found),
        objects=tuple(item for item in objects if item.steps or item.before is None or item.after is None),
        command=deletion(change, objects),
    )
