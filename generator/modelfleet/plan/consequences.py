"""What follows from a change for what runs: restarts, room for the rollout, tokens, Secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import Impact, ObjectChange, code
from modelfleet.records import dataclass
from modelfleet.serving.workloads import RUNTIME, RunningWorkload
from modelfleet.wording import plural

# ---- a workload that changes -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """A project's accelerators when everything runs, by identifier: before the change and after it, and what it may have.

    `extra`: what is needed beside while all that this change rolls is rolling; `held`: what those hold on to until then that
    need fewer afterwards; `kept`: what those hold on to that are no longer in Git and stay on the cluster.
    """

    before: Mapping[str, int]
    used: Mapping[str, int]
    limit: Mapping[str, int | None]
    extra: Mapping[str, int]
    held: Mapping[str, int]
    kept: Mapping[str, int]

    def left(self, identifier: str) -> int | None:
        """How many the quota has left for what rolls; None where there is no quota."""
        limit = self.limit.get(identifier)
        taken = sum(part.get(identifier, 0) for part in (self.used, self.held, self.kept))
        return None if limit is None else max(limit - taken, 0)

    def change(self, identifier: str, before: RunningWorkload | None, after: RunningWorkload) -> str:
        """How a workload's use of an accelerator changes; where others use it too, what that makes of the project's."""
        own = (before.accelerators.get(identifier, 0) if before else 0, after.accelerators.get(identifier, 0))
        project, limit = (self.before.get(identifier, 0), self.used.get(identifier, 0)), self.limit.get(identifier)
        of = "" if limit is None else f" of {limit}"
        if own == project:
            return f"{code(identifier)} {_from_to(*own)}{of}"
        return f"{code(identifier)} {_from_to(*own)} (project: {_from_to(*project)}{of})"


def _from_to(old: int, new: int) -> str:
    return str(new) if old == new else f"{old} → {new}"


def restart(before: RunningWorkload, after: RunningWorkload, effect: Effect) -> Effect:
    """What a change of the pods comes to, given how the model rolls."""
    if effect not in (Effect.METADATA, Effect.ROLLING):
        return effect
    if not before.running or not after.running:
        return effect if after.mode == "server" and after.model else Effect.NOTHING
    stops = after.missing() >= after.running and not after.surge()
    return Effect.DOWNTIME if stops else effect


def by_runtime(model: RunningWorkload, changes: Sequence[ObjectChange]) -> bool:
    """Whether nothing of a model changes but its runtime."""
    return model.model and all(change.key[0] == RUNTIME for change in changes if change.steps)


def restarted(
    before: RunningWorkload, after: RunningWorkload, effect: Effect, quota: QuotaUse, *, unseen: bool
) -> Impact:
    """A restart in words, with what it needs while it lasts. `unseen`: KServe does not notice what asks for it."""
    once = " once KServe looks at the model again" if unseen else ""
    if effect is Effect.DOWNTIME:
        why = "the old pods go before the new ones come" if after.recreates else "its one group of nodes goes first"
        return Impact(effect, f"{why}{once}: nothing answers until the model is loaded again")
    words = [
        "labels and annotations are copied to the pods, which are replaced"
        if effect is Effect.METADATA
        else f"the pods are replaced{once}"
    ]
    if after.missing():
        words.append(f"up to {plural(after.missing(), 'replica')} fewer meanwhile")
    words += [*room(before, after, quota), *_waits(after)]
    return Impact(effect, "; ".join(words))


def room(before: RunningWorkload, after: RunningWorkload, quota: QuotaUse) -> Iterator[str]:
    """Accelerators that are needed while the model rolls, and whether the quota has them."""
    for identifier, extra in after.beyond(before).items():
        afterwards = after.accelerators.get(identifier, 0)
        most = afterwards + after.held(before).get(identifier, 0) + extra
        text = f"up to {most} {code(identifier)} while it rolls, {afterwards} afterwards"
        limit, left = quota.limit.get(identifier), quota.left(identifier)
        together = quota.extra.get(identifier, 0)
        if left is None:
            yield text
        elif together <= left:
            yield f"{text}; the quota of {limit} has room for {left} more"
        elif extra <= left:
            yield (
                f"{text}; all that rolls here needs {together} more and the quota of {limit} has room for {left}: "
                "one waits for the other"
            )
        elif after.missing():
            yield f"{text}; the quota of {limit} has {left} left, so it rolls with fewer replicas"
        else:
            yield (
                f"{text}, but the quota of {limit} has room for {left} more: the new pods wait, and the old ones keep serving"
            )


def replicas_text(one: RunningWorkload) -> str:
    """The replicas as one number, or from the least to the most."""
    return str(one.most) if one.least == one.most else f"{one.least}–{one.most}"


def scaled(before: RunningWorkload, after: RunningWorkload, quota: QuotaUse) -> Iterator[Impact]:
    """Stopped, resumed, more or fewer replicas, or now with pods of its own or without."""
    if not before.stopped and after.stopped:
        yield Impact(Effect.STOPPED, "its pods go and nothing answers until it is started again")
    elif before.stopped and not after.stopped:
        yield Impact(Effect.START, "; ".join((f"again, with {_replicas(after)}", *_needs(after, quota, before))))
    elif (before.server is None) != (after.server is None):
        yield started(after, quota, before)
    elif (before.least, before.most) != (after.least, after.most):
        text = f"{replicas_text(before)} → {_replicas(after)}"
        if not after.most:
            yield Impact(Effect.STOPPED, f"{text}: nothing answers until it has replicas again")
        else:
            needs = _needs(after, quota, before, waits=after.most > before.most)
            yield Impact(Effect.SCALE, "; ".join((text, *needs)))


def _replicas(one: RunningWorkload) -> str:
    return f"{replicas_text(one)} {'replica' if one.most == 1 else 'replicas'}"


def started(after: RunningWorkload, quota: QuotaUse, before: RunningWorkload | None = None) -> Impact:
    """A model or server that is new, there or at all."""
    if after.stopped:
        return Impact(Effect.START, "made, but stopped")
    if after.model and after.server:
        return Impact(Effect.START, f"loaded by server {code(after.server)}")
    return Impact(Effect.START, "; ".join((_replicas(after), *_needs(after, quota, before))))


def _needs(
    after: RunningWorkload, quota: QuotaUse, before: RunningWorkload | None, *, waits: bool = True
) -> Iterator[str]:
    for identifier in after.per_replica:
        yield quota.change(identifier, before, after)
        limit, kept = quota.limit.get(identifier), quota.kept.get(identifier, 0)
        if waits and kept and limit is not None and quota.used.get(identifier, 0) + kept > limit:
            yield f"but what stays unmanaged holds {kept} of them, so the new pods wait until that is deleted"
    if waits:
        yield from _waits(after)


def _waits(after: RunningWorkload) -> Iterator[str]:
    if after.queue is not None:
        yield f"each new pod waits in its queue {code(after.queue)} until Kueue admits it"


def requeued(before: RunningWorkload, after: RunningWorkload) -> Iterator[Impact]:
    """Another queue of a model that runs: Kueue keeps its Deployment as it is."""
    if before.queue != after.queue and before.running and after.running:
        yield Impact(
            Effect.REFUSED,
            "Kueue lets no Deployment change its queue while pods of it run, so they go on as before: stop the model first "
            "(`stopped: true`), and start it with the new queue in a second change",
        )


def reached(before: RunningWorkload, after: RunningWorkload) -> Iterator[Impact]:
    """Changes of where the model answers and whom."""
    old, new = before.address, after.address
    if old is None or new is None:
        return
    if old.external != new.external:
        if old.external is None:
            yield Impact(Effect.URL_NEW, code(new.external))
        elif new.external is None:
            yield Impact(Effect.URL_GONE, code(old.external))
        else:
            yield Impact(Effect.URL_CHANGED, f"{code(old.external)} → {code(new.external)}")
    if old.internal != new.internal:
        yield Impact(Effect.URL_CHANGED, f"inside the cluster {code(old.internal)} → {code(new.internal)}")
    if new.guarded and not old.guarded:
        yield Impact(Effect.AUTH_ON, "callers without a token are refused")
    elif old.guarded and not new.guarded:
        yield Impact(Effect.AUTH_OFF, "whoever reaches it may call it without a token")


def tokens(before: RunningWorkload, after: RunningWorkload) -> Iterator[Impact]:
    """Tokens that come and go; a model that asks nobody for one any more locks nobody out.

    Argo CD takes the Secret of a token for its ServiceAccount's own: while that stays it is neither listed nor pruned.
    """
    for name in () if after.open else before.tokens:
        if name not in after.tokens:
            text = f"Secret {code(name)}: its token opens the model until it is deleted by hand"
            yield Impact(Effect.TOKEN_KEPT, text)
    for name in after.tokens:
        if name not in before.tokens:
            yield Impact(Effect.TOKEN_NEW, f"Secret {code(name)}")
