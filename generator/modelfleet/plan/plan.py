"""What merging does to every environment: what would be synced before and after, compared by meaning.

Before is what is committed at a revision; after is a fresh render of the working tree. Only overlays of which a file
differs are looked into; where facts of a cluster change, all of its overlays are, since addresses may move.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelfleet.finding import Finding, merged
from modelfleet.kubernetes.objects import Object
from modelfleet.layout import ARGOCD, argocd_folder
from modelfleet.plan.acknowledgements import (
    Acknowledgement,
    Destruction,
    RequiredAck,
    acknowledgements_of,
    missing_acks,
    required_acks,
    stale_acks,
)
from modelfleet.plan.broken_contracts import broken_contracts
from modelfleet.plan.committed import Comparison, RenderedFleet, built_before, environments_before, revision_of
from modelfleet.plan.comparison import Compared, comparison_of, project_changes, prunes, stale_files, unlike_rendered
from modelfleet.plan.difference import ABSENT
from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import Impact, ObjectChange, code, object_change
from modelfleet.plan.figures import EnvironmentFacts, Figures, changed_facts, facts_of, figures
from modelfleet.plan.project_change import ProjectChange
from modelfleet.plan.project_rows import rows_of
from modelfleet.plan.row import SET, Row
from modelfleet.plan.words import names, said
from modelfleet.resolve.environment import Environment
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.workloads import RUNTIME, Key, RunningWorkload
from modelfleet.wording import plural


class NoSuchEnvironment(Exception):
    """An environment was asked for that is neither in the files nor at the revision; `known` are those that are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name)
        self.name, self.known = name, tuple(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """What happens to one environment. `state` is `added`, `changed`, `removed` or `unchanged`; `rows` begin with the heaviest.

    `differs`: files differ, though maybe in nothing that matters. `facts` are the cluster facts that change, `remarks` what
    else is to be known; `needs` are the acknowledgements that it takes.
    """

    name: str
    state: str
    differs: bool
    prune: bool
    figures: Figures
    facts: tuple[str, ...]
    remarks: tuple[str, ...]
    rows: tuple[Row, ...]
    needs: tuple[RequiredAck, ...]

    @property
    def effect(self) -> Effect:
        """The heaviest effect on a model."""
        return max((row.effect for row in self.rows), key=lambda effect: effect.weight, default=Effect.NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole plan. `revision` is what it compares with in the user's words, `commit` the commit of that.

    `stale` are generated files that are not as a fresh render would write them. `built` names folders that took the real
    kustomize, with the reason. `findings` are missing acknowledgements (errors) and stale ones (warnings).
    """

    revision: str
    commit: str
    stale: tuple[str, ...]
    built: tuple[str, ...]
    environments: tuple[EnvironmentPlan, ...]
    findings: tuple[Finding, ...]

    @property
    def changes(self) -> bool:
        """Whether anything has an effect or is at least another object."""
        return any(one.rows or one.facts for one in self.environments)


def plan(root: Path, after: RenderedFleet, against: str | None = None, only: Collection[str] = ()) -> Plan:
    """The plan of merging the working tree; `only` limits it to some environments.

    Raises:
        MachineFailed: there is no Git, no such revision, or a committed folder that cannot be built.
        NoSuchEnvironment: one of `only` is not known.
    """
    comparison = comparison_of(root, after, against)
    before = environments_before(comparison)
    known = sorted({*after.environments, *before})
    for name in only:
        if name not in known:
            raise NoSuchEnvironment(name, known)
    chosen = [name for name in known if not only or name in only]
    projects = [one.project for one in after.deployed]
    written = list(acknowledgements_of(after.environments, projects))
    plans = [_of_environment(comparison, name, before.get(name), written) for name in chosen]
    found = [need for one in plans for need in one.needs]
    findings = [*missing_acks(found), *stale_acks(found, [one for one in written if not only or one.concerns(only)])]
    return Plan(
        revision=comparison.revision,
        commit=comparison.default,
        stale=stale_files(comparison),
        built=tuple(comparison.built),
        environments=tuple(plans),
        findings=tuple(merged(findings)),
    )


# ---- one environment -------------------------------------------------------------------------------------------------


def _of_environment(
    comparison: Comparison, name: str, before: Environment | None, written: Sequence[Acknowledgement]
) -> EnvironmentPlan:
    after = comparison.after.environments.get(name)
    facts = facts_of(before, after)
    changes, differs = project_changes(comparison, name, facts)
    rules = rulebook(after.release.capabilities, after.release.terms) if after and after.release else None
    rows = [row for change in changes if change.differs for row in rows_of(change.change, rules)]
    rows += _argocd(comparison, name, facts)
    rows.sort(key=lambda row: (-row.effect.weight, row.project, row.key))
    counted = figures([one.change for one in changes], rows)
    loss = Destruction(
        environment=name,
        rows=rows,
        models=counted.models[0],
        gone=len({(change.change.name, key) for change in changes for key in _gone(change.change)}),
        all=after is None,
    )
    projects = [one.project for one in comparison.after.deployed]
    state = "added" if before is None else "removed" if after is None else "changed" if rows else "unchanged"
    return EnvironmentPlan(
        name=name,
        state=state,
        differs=differs,
        prune=prunes(after),
        figures=counted,
        facts=changed_facts(facts),
        remarks=(
            *_branch(comparison, facts),
            *_remarks(facts, rows, changes),
            *_large(loss),
            *broken_contracts(comparison, name),
        ),
        rows=tuple(rows),
        needs=tuple(required_acks(loss, written, comparison.after.environments, projects)),
    )


def _gone(change: ProjectChange) -> Iterator[Key]:
    """Models that are no longer where they were."""
    for key, one in change.was.items():
        if one.model and (key not in change.now or change.moves):
            yield key


# ---- Argo CD ---------------------------------------------------------------------------------------------------------


def _argocd(comparison: Comparison, name: str, facts: EnvironmentFacts) -> list[Row]:
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
            rows.append(_administered(name, change, _clusters(facts) if key[0] == SET else None))
    return rows


def _clusters(facts: EnvironmentFacts) -> tuple[str, str] | None:
    """The old and the new cluster of an environment, where that is another one now."""
    old, new = ((one.cluster.server or one.cluster.name) if one else None for one in (facts.before, facts.after))
    return None if old is None or new is None or old == new else (old, new)


def _by_key(objects: Iterable[Object]) -> dict[Key, Object]:
    return {(str(item["kind"]), str(item["metadata"]["name"])): item for item in objects}


def _administered(name: str, change: ObjectChange, clusters: tuple[str, str] | None) -> Row:
    command = code(f"oc apply -k {argocd_folder(name)}")
    found = []
    widened = change.before is None or any(step.before is ABSENT for step in change.steps)
    if change.before is not None and change.after is None:
        kind, called = change.key
        gone = code(f"oc delete -n {change.before['metadata'].get('namespace')} {kind.lower()}/{called}")
        text = f"it stays until an administrator of Argo CD deletes it: {gone} where Argo CD runs"
    elif widened and change.key[0] == "AppProject":
        text = f"{command} where Argo CD runs; before that, Argo CD refuses what is new in it"
    else:
        text = f"{command} where Argo CD runs"
    if clusters:
        old, new = map(code, clusters)
        moved = f"its models are made anew on {new}, and what runs on {old} stays there until it is deleted by hand"
        found.append(Impact(Effect.UNMANAGED, f"{moved}; not so if only Argo CD's name of the cluster changes"))
    return Row(
        project=ARGOCD,
        key=change.key,
        state="added" if change.before is None else "removed" if change.after is None else "changed",
        what=said([change], None) or (change.state,),
        consequences=(*found, Impact(Effect.ADMIN, text)),
        objects=(change,),
    )


def _shares(found: Mapping[Key, RunningWorkload]) -> bool:
    """Whether there are model servers, whose namespace has another label."""
    return any(key[0] == RUNTIME for key in found)


def _unlisted(rows: Sequence[Row]) -> Iterator[str]:
    """The kinds that the AppProject no longer lists."""
    for row in rows:
        for change in row.objects:
            for step in change.steps if change.key[0] == "AppProject" else ():
                if step.path[:2] == ("spec", "namespaceResourceWhitelist") and step.after is ABSENT:
                    yield step.path[-1].rpartition(" ")[2]


def _branch(comparison: Comparison, facts: EnvironmentFacts) -> Iterator[str]:
    """That another branch is synced from now on, which need not be the one that this is merged into."""
    old, new = revision_of(facts.before), revision_of(facts.after)
    if facts.after is None or old is None or new is None or old == new:
        return
    count = unlike_rendered(comparison, facts.after.name, new)
    if count is None:
        differs = "which is not here to compare with"
    elif count:
        differs = (
            f"where {plural(count, 'generated file')} of this environment {'is' if count == 1 else 'are'} not as rendered here: "
            "unless this is merged there, too, what is there is synced and not what this plan shows"
        )
    else:
        differs = "where all is as rendered here"
    yield f"once the ApplicationSet is applied, Argo CD syncs {code(new)} instead of {code(old)}, {differs}"


def _large(loss: Destruction) -> Iterator[str]:
    if loss.large:
        go = f"{loss.gone} of {plural(loss.models, 'model')} {'goes' if loss.gone == 1 else 'go'} at once, more than a fifth"
        yield f"{go}: that needs an acknowledgement of its own, {code(f'environment/{loss.environment}')}"


def _remarks(facts: EnvironmentFacts, rows: Sequence[Row], changes: Sequence[Compared]) -> Iterator[str]:
    before, after = facts.before, facts.after
    if before is not None and after is not None and prunes(after) and not prunes(before):
        yield (
            "Argo CD is to delete what is no longer in Git: from the next sync on that is also what earlier changes "
            "have left on the cluster"
        )
    if after is not None and prunes(after) and (kinds := list(_unlisted(rows))):
        yield (
            f"apply {code(argocd_folder(after.name))} only when Argo CD has deleted what goes: "
            f"from then on it may no longer touch {', '.join(map(code, kinds))}"
        )
    if after is not None and not after.managed:
        new = [
            one.change.after.namespace
            for one in changes
            if one.change.after is not None
            and (one.change.before is None or one.change.moves or _shares(one.change.was) != _shares(one.change.now))
        ]
        if new:
            yield f"{names(new)} must exist with the labels that {code(f'modelfleet labels --env {after.name}')} prints"
