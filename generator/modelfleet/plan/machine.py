"""A plan as JSON for machines."""

from __future__ import annotations

from typing import Any

from modelfleet.capacity.amounts import quantity_text
from modelfleet.finding import Severity, dotted
from modelfleet.plan.effects import plain_text
from modelfleet.plan.figures import Both, Figures
from modelfleet.plan.result import EnvironmentPlan, Plan
from modelfleet.plan.row import Row
from modelfleet.plan.values import unified


def plan_data(found: Plan) -> dict[str, Any]:
    """The plan as `schemas/plan.schema.json` describes it."""
    return {
        "version": 1,
        "against": {"revision": found.revision, "commit": found.commit},
        "stale": list(found.stale),
        "builtWithKustomize": [plain_text(line) for line in found.built],
        "environments": [_environment_data(one) for one in found.environments],
        "findings": [finding.data() for finding in found.findings],
        "acknowledged": not any(finding.severity is Severity.ERROR for finding in found.findings),
    }


def _environment_data(one: EnvironmentPlan) -> dict[str, Any]:
    figures = one.figures
    return {
        "name": one.name,
        "state": one.state,
        "prune": one.prune,
        "effect": one.effect.id,
        "facts": [plain_text(fact) for fact in one.facts],
        "remarks": [plain_text(remark) for remark in one.remarks],
        "models": {
            **_both(figures.models),
            "added": figures.added,
            "changed": figures.changed,
            "removed": figures.removed,
        },
        "replicas": _both(figures.replicas),
        "accelerators": [{"name": name, **_both(count)} for name, count in figures.accelerators.items()],
        **_quota_data(figures),
        "routes": _both(figures.routes),
        "tokens": _both(figures.tokens),
        "images": [{"before": swap.before, "after": swap.after, "workloads": swap.models} for swap in figures.images],
        "runtimes": [
            {"before": swap.before, "after": swap.after, "workloads": swap.models} for swap in figures.runtimes
        ],
        "acknowledgements": [
            {
                "text": need.text,
                "project": need.project,
                "file": need.at.file,
                "line": need.at.line,
                "given": need.given,
            }
            for need in one.needs
        ],
        "changes": [_row_data(row) for row in one.rows],
    }


def _quota_data(figures: Figures) -> dict[str, Any]:
    """What quotas have left, and what it costs."""
    cost = figures.cost
    return {
        "quota": [
            {"project": use.project, "resource": use.identifier, **_both(use.count), "quota": use.quota}
            for use in figures.uses
        ],
        "resources": [
            {
                "project": change.project,
                "resource": change.resource,
                "before": quantity_text(change.before, change.resource),
                "after": quantity_text(change.after, change.resource),
                "quota": quantity_text(change.quota, change.resource),
            }
            for change in figures.resources
        ],
        "costPerWeek": None if cost is None else {"before": float(cost.before), "after": float(cost.after)},
    }


def _both(count: Both) -> dict[str, int]:
    return {"before": count[0], "after": count[1]}


def _row_data(row: Row) -> dict[str, Any]:
    return {
        "project": row.project,
        "kind": row.key[0],
        "name": row.key[1],
        "state": row.state,
        "what": [plain_text(words) for words in row.what],
        "effects": [{"effect": one.effect.id, "text": plain_text(one.text)} for one in row.consequences],
        "destroys": row.destroys,
        "command": row.command,
        "objects": [
            {
                "kind": change.key[0],
                "name": change.key[1],
                "state": change.state,
                "fields": [dotted(step.path) for step in change.steps],
                "diff": unified(change.before, change.after),
            }
            for change in row.objects
        ],
    }
