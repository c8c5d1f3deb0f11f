"""What a plan says of canaries and of models that share requests."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.kubernetes.objects import same_value
from modelfleet.plan.consequences import QuotaUse
from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import Impact, code
from modelfleet.serving.workloads import RunningCanary, RunningWorkload
from modelfleet.wording import plural


def shared_out(before: RunningWorkload | None, after: RunningWorkload, quota: QuotaUse) -> Iterator[Impact]:
    """Canaries that come, change and go, and shares of requests that change."""
    if after.stopped:
        return
    old = {one.name: one for one in before.canaries} if before else {}
    new = {one.name: one for one in after.canaries}
    for name, one in new.items():
        yield from _canary(old.get(name), one, after)
    for name in old.keys() - new.keys():
        gone = f"the pods of {code(name)} go, and all requests go to "
        yield Impact(Effect.CANARY, gone + ("the other versions" if new else "those of the model"))
    if before is not None and old.keys() != new.keys():
        yield from (
            Impact(Effect.CANARY, quota.change(name, before, after))
            for name in after.accelerators
            if before.accelerators.get(name) != after.accelerators[name]
        )
    yield from _of_group(before, after)


def _canary(old: RunningCanary | None, new: RunningCanary, model: RunningWorkload) -> Iterator[Impact]:
    share = f"{new.percent} % of the requests go to {code(new.name)}"
    rest = 100 - sum(one.percent for one in model.canaries)
    if not (model.address and model.address.external):
        share += ", once there is a route"
    if old is None:
        yield Impact(Effect.CANARY, f"{code(new.name)} starts with {plural(new.replicas, 'replica')}; {share}")
        return
    if old.percent != new.percent:
        yield Impact(Effect.SHARE, f"{share}, {rest} % to the pods of the model (before: {old.percent} %)")
    if old.replicas != new.replicas:
        yield Impact(Effect.CANARY, f"{old.replicas} → {plural(new.replicas, 'replica')} of {code(new.name)}")
    if not same_value(_pods(old), _pods(new)):
        yield Impact(Effect.CANARY, f"the pods of {code(new.name)} are replaced, those of the model stay")


def _pods(canary: RunningCanary) -> dict[str, object]:
    return {key: value for key, value in canary.predictor.items() if key != "minReplicas"}


def _of_group(before: RunningWorkload | None, after: RunningWorkload) -> Iterator[Impact]:
    old = before.traffic if before else None
    if after.traffic is None or old == after.traffic:
        return
    group, weight, total = after.traffic
    percent = round(100 * weight / total) if total else 0
    yield Impact(
        Effect.SHARE, f"{percent} % of the requests of group {code(group)} go to it (weight {weight} of {total})"
    )
