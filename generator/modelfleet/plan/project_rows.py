"""The rows of a project in a plan: each model or server, each other thing, and the project itself where it comes or goes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from modelfleet.plan.commands import application_left, deletion, handover, passed_on
from modelfleet.plan.consequences import reached
from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import (
    Admission,
    EffectRule,
    Impact,
    ObjectChange,
    admission,
    code,
    effect_reason,
    field_effect,
    removal,
)
from modelfleet.plan.project_change import ProjectChange, Successor, grouped, quota, readdressed
from modelfleet.plan.readers import CONFIG_MAP, SECRET, readers
from modelfleet.plan.row import PROJECT, Row, State
from modelfleet.plan.words import few, names, ordered, said
from modelfleet.plan.workload_rows import holding, refused, serving_row
from modelfleet.rules.admission.rulebook import Rulebook
from modelfleet.serving.workloads import RUNTIME, Key
from modelfleet.wording import plural


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
            rows.append(serving_row(change, key, objects, used, judge))
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
            models=tuple(found) if len(found) > 1 else (),
        )


# ---- everything else -------------------------------------------------------------------------------------------------


def _other(change: ProjectChange, key: Key, objects: Sequence[ObjectChange], judge: Admission | None) -> Row:
    """A thing that is not part of one model: a connection's secret, the namespace, a runtime that nobody uses."""
    item = objects[0]
    found = list(refused(objects, judge))
    effect = field_effect(objects, None)
    stays = item.state == "removed" and (change.stays or key[0] == "Namespace")
    users = _readers(change, item, (SECRET, key[1]) if key[0] == "ExternalSecret" else key)
    lost = removal(key[0])
    if key[0] == "ExternalSecret":
        found += _of_secret(change, item, users)
    elif item.state == "removed":
        found.append(_left(users) if stays else _deleted(key, lost, users))
    elif item.state == "changed" and effect is not Effect.NOTHING:
        found.append(Impact(effect, _recreated(lost, users) if effect is Effect.RECREATE else ""))
    if not found:
        found.append(Impact(Effect.NOTHING, effect_reason(objects, None)))
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
        idle=lost.effect is not Effect.DELETE and not users,
    )


def _readers(change: ProjectChange, item: ObjectChange, key: Key) -> tuple[str, ...]:
    """The models that read it; where it goes, those that cannot start without it."""
    side = change.after or change.before
    return readers(side, key, needed=item.state == "removed") if side else ()


def _left(users: Sequence[str]) -> Impact:
    """What it means that a thing has left Git and nothing is pruned."""
    return Impact(Effect.NOTHING, f"it stays; {_read(users)}" if users else "it stays until it is deleted by hand")


def _deleted(key: Key, lost: EffectRule, users: Sequence[str]) -> Impact:
    """What it means that Argo CD deletes a thing that is not part of a model, also for models that still read it."""
    effect = Effect.DELETE if users else lost.effect
    words = [lost.reason] if lost.reason else []
    if users or key[0] == CONFIG_MAP:
        words.append(_without(users) if users else "no model needs it")
    return Impact(effect, "; ".join(words))


def _recreated(lost: EffectRule, users: Sequence[str]) -> str:
    """What it means that a thing has to be deleted to change; of what models read, only claims have to."""
    words = [lost.reason] if lost.effect is Effect.DELETE and lost.reason else []
    if users:
        words.append(f"it is deleted only after the pods of {names(users)} have ended")
    return "; ".join(words)


def _read(users: Sequence[str]) -> str:
    return f"{names(users)} {'reads' if len(users) == 1 else 'read'} it" if users else "no model reads it"


def _without(users: Sequence[str]) -> str:
    """What models do that need a thing which is gone."""
    return f"{names(users)} {'runs' if len(users) == 1 else 'run'} on, but cannot start again without it"


def _of_secret(change: ProjectChange, item: ObjectChange, users: Sequence[str]) -> Iterator[Impact]:
    """What becomes of the Secret that an ExternalSecret makes, and who notices when."""
    one, read = len(users) == 1, _read(users)
    if item.state == "removed" and not change.stays:
        loses = f": {_without(users)}" if users else ""
        yield Impact(Effect.SECRET_GONE if users else Effect.NOTHING, f"its Secret is deleted with it{loses}")
    elif item.state == "removed" and users:
        yield Impact(
            Effect.NOTHING, f"it stays, with its Secret; {read}, and whoever deletes the one deletes the other"
        )
    elif item.state == "removed":
        yield Impact(Effect.NOTHING, "it stays, with its Secret, until it is deleted by hand")
    elif item.state == "added":
        yield Impact(Effect.NOTHING, f"its Secret is made from the store; {read}")
    elif field_effect([item], None) is Effect.NEXT_START and users:
        served = all(change.now[key].server for key in change.now if key[1] in users)
        start = (
            f"{'it is' if one else 'they are'} loaded again" if served else f"{'its' if one else 'their'} pods start"
        )
        yield Impact(Effect.NEXT_START, f"{read} when {start}")


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
            f"{serving}; Argo CD does not delete any of it: all stays in {code(change.before.namespace)}"
            f"{holding(change.was.values())}, until it is deleted by hand"
        )
    else:
        what = (f"namespace {code(change.before.namespace)} → {code(change.after.namespace)}",)
        effect, state = Effect.NAMESPACE, "moved"
        text = f"{serving}; everything is created again, and what is in the old namespace stays there until it is deleted by hand"
    return Row(
        project=change.name,
        key=(PROJECT, change.name),
        state=state,
        what=what,
        consequences=(
            Impact(effect, text),
            *passed_on(change),
            *(application_left(change) if change.after is None else ()),
        ),
        objects=tuple(item for item in objects if item.steps or item.before is None or item.after is None),
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
        what=(f"project {code(heir.name)} takes over its namespace",),
        consequences=(Impact(Effect.PROJECT, text), *application_left(change)),
        objects=(),
        command=command,
    )
