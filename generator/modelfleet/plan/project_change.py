"""A project before and after: which of its objects differ, to which model each belongs, what the accelerators come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelfleet.kubernetes.names import ACCOUNT_OF_TOKEN, workload_of
from modelfleet.kubernetes.objects import Object, mapping, same_value, with_namespace
from modelfleet.plan.consequences import QuotaUse, restart
from modelfleet.plan.effect import RESTARTS
from modelfleet.plan.effects import ObjectChange, field_effect, object_change
from modelfleet.plan.meaning import canonical_object
from modelfleet.records import dataclass
from modelfleet.serving.accelerators import quota_of, summed
from modelfleet.serving.workloads import (
    LLM,
    LLM_CONFIG,
    MODELS,
    RUNTIME,
    SERVICE,
    Key,
    ProjectState,
    RunningWorkload,
    made_with,
    used_by,
)


@dataclass(frozen=True, slots=True)
class Successor:
    """The project that has a namespace from now on, in one environment of the cluster or another, and what is there."""

    name: str
    side: ProjectState


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """A project in one environment before and after: None where it is not there.

    `prune`: Argo CD deletes what is no longer in Git. `environment_goes`: the whole environment does. `heir`: the project
    that takes over the namespace of this one, which goes; `inherits`: it is such an heir, and before is what was there.
    `successor`: another that has the namespace that this one leaves.
    """

    name: str
    before: ProjectState | None
    after: ProjectState | None
    was: Mapping[Key, RunningWorkload]
    now: Mapping[Key, RunningWorkload]
    prune: bool
    environment_goes: bool = False
    heir: ProjectChange | None = None
    inherits: bool = False
    successor: Successor | None = None

    @property
    def moves(self) -> bool:
        """Whether it changes its namespace."""
        return self.before is not None and self.after is not None and self.before.namespace != self.after.namespace

    def loses(self, key: Key) -> bool:
        """Whether a model or server goes."""
        return key in self.was and key not in self.now

    @property
    def passed_on(self) -> frozenset[Key]:
        """The objects that the successor has, too: to the cluster they are the same ones."""
        if self.before is None or self.successor is None:
            return frozenset()
        return frozenset(self.before.objects.keys() & self.successor.side.objects.keys())

    @property
    def stays(self) -> bool:
        """Whether what is no longer in Git stays on the cluster: without pruning, where the project leaves a namespace
        altogether, as Argo CD may no longer delete anything there, and what another project's Application made."""
        return not self.prune or self.moves or self.after is None or self.inherits


def handed_over(changes: Sequence[ProjectChange]) -> list[ProjectChange]:
    """The changes; where a new project takes the namespace of one that goes, it is what becomes of the objects there.

    A project that is renamed is such a one where its namespace keeps its name: it is the same objects to the cluster.
    """
    gone = {one.before.namespace: one for one in changes if one.before and not one.after and not one.environment_goes}
    heirs: dict[str, ProjectChange] = {}
    for one in changes:
        old = gone.get(one.after.namespace) if one.after and not one.before else None
        if old is not None:
            heirs[old.name] = replace(one, before=old.before, was=old.was, inherits=True)
    made = {one.name: one for one in heirs.values()}
    return [
        replace(one, was={}, heir=heirs[one.name]) if one.name in heirs else made.get(one.name, one) for one in changes
    ]


# ---- which object belongs to what ------------------------------------------------------------------------------------


def grouped(change: ProjectChange) -> dict[Key, list[ObjectChange]]:
    """The objects that differ, by the model, server or thing of its own that they belong to."""
    before = change.before.objects if change.before else {}
    after = change.after.objects if change.after else {}
    found: dict[Key, list[ObjectChange]] = {}
    users = _users(change)
    for key in (*after, *(key for key in before if key not in after)):
        differing = _differing(change, key, before.get(key), after.get(key))
        if differing is not None:
            for owner in _owners(change, key, users):
                found.setdefault(owner, []).append(differing)
    for key, one in readdressed(change).items():
        if key not in found and one.server and guards(change, one.server):
            found.setdefault((RUNTIME, one.server), [])
    return found


def readdressed(change: ProjectChange) -> dict[Key, RunningWorkload]:
    """The models that answer at other addresses, or other callers: by their objects, their server's or the cluster's facts."""
    both = ((key, change.was[key], new) for key, new in change.now.items() if key in change.was)
    return {key: new for key, old, new in both if old.address != new.address}


def guards(change: ProjectChange, server: str) -> bool:
    """Whether it is the server that changes who reaches its models."""
    before, after = ((one.objects.get((RUNTIME, server)) if one else None) for one in (change.before, change.after))
    return before is not None and after is not None and not same_value(before["metadata"], after["metadata"])


def _differing(change: ProjectChange, key: Key, before: Object | None, after: Object | None) -> ObjectChange | None:
    """The change of one object; where the project moves, apart from its namespace."""
    moved = change.moves and before is not None and after is not None
    if before is not None and after is not None and not moved and same_value(before, after):
        return None
    if (
        before is not None
        and moved
        and change.after is not None
        and (key[0] != "RoleBinding" or before.get("subjects"))
    ):
        before = with_namespace(before, change.after.namespace)
    old = None if before is None else canonical_object(before)
    new = None if after is None else canonical_object(after)
    found = object_change(key, old, new)
    return ObjectChange(key, old, new, ()) if found is None and moved else found


def _owners(change: ProjectChange, key: Key, users: Mapping[Key, Mapping[Key, None]]) -> tuple[Key, ...]:
    workloads = change.was.keys() | change.now.keys()
    if key in workloads:
        server = change.was[key].server if key in change.was and key not in change.now else None
        return ((RUNTIME, server),) if server and change.loses((RUNTIME, server)) else (key,)
    sides = [side for side in (change.after, change.before) if side is not None]
    item = next(side.objects[key] for side in sides if key in side.objects)
    kind, name = key
    if kind in (RUNTIME, LLM_CONFIG):
        return tuple(user for user in users.get(key, ()) if user in workloads) or (key,)
    if kind == "Secret":
        account = mapping(item["metadata"].get("annotations")).get(ACCOUNT_OF_TOKEN)
        named = workload_of("ServiceAccount", account) or account if isinstance(account, str) else None
    else:
        named = workload_of(kind, name)
    owner = next(((each, named) for each in (RUNTIME, SERVICE, LLM) if named and (each, named) in workloads), None)
    return (owner,) if owner else (key,)


def _users(change: ProjectChange) -> dict[Key, dict[Key, None]]:
    """The models that are made with each runtime and each configuration, before or after."""
    found: dict[Key, dict[Key, None]] = {}
    for side in (change.after, change.before):
        for key, item in side.objects.items() if side else ():
            for part in made_with(item) if key[0] in MODELS else ():
                found.setdefault(part, {})[key] = None
    return found


# ---- accelerators ----------------------------------------------------------------------------------------------------


def quota(change: ProjectChange, objects: Mapping[Key, Sequence[ObjectChange]]) -> QuotaUse:
    """What a project's accelerators come to, with what its restarts need beside."""
    before, used = used_by(change.was.values()), used_by(change.now.values())
    rolling: list[tuple[RunningWorkload, RunningWorkload]] = []
    left: list[RunningWorkload] = []
    for key, old in change.was.items():
        new = change.now.get(key)
        if new is not None and not change.moves:
            if restart(old, new, field_effect(objects.get(key, ()), new.mode)) in RESTARTS:
                rolling.append((old, new))
        elif change.stays and not change.moves:
            left.append(old)
    side = change.after or change.before
    limit = {
        name: quota_of(side.environment, change.name, name) if side else None for name in before.keys() | used.keys()
    }
    return QuotaUse(
        before=before,
        used=used,
        limit=limit,
        extra=summed((new.beyond(old), 1) for old, new in rolling),
        held=summed((new.held(old), 1) for old, new in rolling),
        kept=used_by(left),
    )
