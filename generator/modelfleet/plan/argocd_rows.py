"""The rows of what Argo CD itself needs: an administrator applies it, and no sync does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelfleet.kubernetes.differences import ABSENT
from modelfleet.kubernetes.objects import Object
from modelfleet.layout import ARGOCD, argocd_folder
from modelfleet.plan.committed_overlays import built_before
from modelfleet.plan.compared import prunes
from modelfleet.plan.comparison import Comparison
from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import Impact, ObjectChange, code, object_change
from modelfleet.plan.figures import EnvironmentFacts
from modelfleet.plan.row import SET, Row
from modelfleet.plan.words import ordered, said
from modelfleet.serving.workloads import Key


def argocd_rows(comparison: Comparison, name: str, facts: EnvironmentFacts) -> list[Row]:
    """What an administrator has to apply because it changed."""
    tree = comparison.tree(name)
    folder = argocd_folder(name)
    if tree.folders.get(folder) == comparison.fresh.get(folder):
        return []
    now = next((one.objects for one in comparison.after.synced if one.environment == name), ())
    before = built_before(comparison, tree, name, [ARGOCD], {}).get(ARGOCD)
    old, new = (_by_key(before.objects) if before else {}), _by_key(now)
    rows = []
    for key in (*new, *(key for key in old if key not in new)):
        change = object_change(key, old.get(key), new.get(key))
        if change is not None:
            rows.append(_administered(name, change, tuple(_of_set(facts, change)) if key[0] == SET else ()))
    return rows


def _of_set(facts: EnvironmentFacts, change: ObjectChange) -> Iterator[Impact]:
    """What a change of the ApplicationSet does to what runs: on another cluster, or where pruning starts."""
    if clusters := _clusters(facts):
        old, new = map(code, clusters)
        moved = f"its models are created on {new}, and what runs on {old} stays there until it is deleted by hand"
        yield Impact(Effect.UNMANAGED, f"{moved}; this does not apply if only Argo CD's name for the cluster changes")
    if change.before is not None and facts.before is not None and prunes(facts.after) and not prunes(facts.before):
        yield Impact(
            Effect.PRUNING,
            "once it is applied, Argo CD deletes what is no longer in Git, also what earlier changes have left on the cluster",
        )


def _clusters(facts: EnvironmentFacts) -> tuple[str, str] | None:
    """The old and the new cluster of an environment, where that is another one now."""
    old, new = ((one.cluster.server or one.cluster.name) if one else None for one in (facts.before, facts.after))
    return None if old is None or new is None or old == new else (old, new)


def _by_key(objects: Iterable[Object]) -> dict[Key, Object]:
    return {(str(item["kind"]), str(item["metadata"]["name"])): item for item in objects}


def _administered(name: str, change: ObjectChange, found: Iterable[Impact]) -> Row:
    command = code(f"oc apply -k {argocd_folder(name)}")
    widened = change.before is None or any(step.before is ABSENT for step in change.steps)
    if change.before is not None and change.after is None:
        kind, called = change.key
        gone = code(f"oc delete -n {change.before['metadata'].get('namespace')} {kind.lower()}/{called}")
        text = f"it stays until an administrator of Argo CD deletes it: {gone} where Argo CD runs"
    elif widened and change.key[0] == "AppProject":
        text = f"{command} where Argo CD runs; before that, Argo CD refuses what is new in it"
    else:
        text = f"{command} where Argo CD runs"
    return Row(
        project=ARGOCD,
        key=change.key,
        state="added" if change.before is None else "removed" if change.after is None else "changed",
        what=said([change], None) or (change.state,),
        consequences=ordered((*found, Impact(Effect.ADMIN, text))),
        objects=(change,),
    )
