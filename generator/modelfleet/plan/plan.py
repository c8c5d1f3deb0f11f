"""What merging does to every environment: what would be synced before and after, compared by meaning.

Before is what is committed at a revision; after is a fresh render of the working tree. Only overlays of which a file
differs are looked into; where facts of a cluster change, all of its overlays are, since addresses may move.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from modelfleet.finding import merged
from modelfleet.plan.acknowledgements import (
    Acknowledgement,
    Destruction,
    acknowledgements_of,
    missing_acks,
    required_acks,
    stale_acks,
)
from modelfleet.plan.argocd_rows import argocd_rows
from modelfleet.plan.broken_contracts import broken_contracts
from modelfleet.plan.compared import project_changes, prunes
from modelfleet.plan.comparison import Comparison, comparison_of, environments_before, stale_files
from modelfleet.plan.figures import changed_facts, facts_of, figures
from modelfleet.plan.gpu_memory import gpu_memory
from modelfleet.plan.project_change import ProjectChange
from modelfleet.plan.project_rows import rows_of
from modelfleet.plan.remarks import large_loss, remarks
from modelfleet.plan.rendered import RenderedFleet
from modelfleet.plan.result import EnvironmentPlan, NoSuchEnvironment, Plan
from modelfleet.plan.traces import traces
from modelfleet.resolve.environment import Environment
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.workloads import Key


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
    rows += argocd_rows(comparison, name, facts)
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
    needs = required_acks(loss, written, comparison.after.environments, projects)
    touched = [one.change for one in changes if one.differs]
    told = (*remarks(comparison, facts, rows, changes), *traces(touched), *large_loss(loss, needs))
    state = "added" if before is None else "removed" if after is None else "changed" if rows else "unchanged"
    return EnvironmentPlan(
        name=name,
        state=state,
        differs=differs,
        prune=prunes(after),
        figures=counted,
        facts=changed_facts(facts),
        remarks=(*told, *broken_contracts(comparison, name), *gpu_memory(comparison.after, name, rows)),
        rows=tuple(rows),
        needs=tuple(needs),
    )


def _gone(change: ProjectChange) -> Iterator[Key]:
    """Models that are no longer where they were."""
    for key, one in change.was.items():
        if one.model and (key not in change.now or change.moves):
            yield key
