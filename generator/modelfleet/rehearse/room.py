"""The room that a train needs in the quotas of an environment while old and new run side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from modelfleet.capacity.amounts import quantity_text
from modelfleet.capacity.pods import pod_units
from modelfleet.capacity.quota import ResourceUse, quota_of_project, quota_uses
from modelfleet.plan.effect import RESTARTS
from modelfleet.rehearse.stop import Merge, QuotaRaise, in_environment
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.serving.workloads import project_state


def uses_of(one: DeployedProject) -> tuple[ResourceUse, ...]:
    """What a project uses of its quota."""
    project = one.project
    hard = quota_of_project(project.environment, project.name)
    units = pod_units(project_state(project.environment, project.namespace, one.objects, project))
    return quota_uses(hard, units, one.objects)


def lacking_quota(merges: Iterable[Merge], environment: str) -> tuple[QuotaRaise, ...]:
    """The resources of which more is needed at some moment than the quotas have, with the most that is needed."""
    found: dict[tuple[str, str], QuotaRaise] = {}
    for merge in merges:
        restarted = {row.project for row in merge.rows if any(one.effect in RESTARTS for one in row.consequences)}
        for project, one in in_environment(merge.after, environment).items():
            for use in uses_of(one):
                needed = use.used + (use.rolling if project in restarted else Fraction(0))
                known = found.get((project, use.resource))
                if needed > use.hard and (known is None or needed > known.needed):
                    found[project, use.resource] = QuotaRaise(
                        project=project, resource=use.resource, hard=use.hard, needed=needed
                    )
    return tuple(found.values())


def with_quotas(data: Mapping[str, Any], environment: Environment, raises: Iterable[QuotaRaise]) -> dict[str, Any]:
    """The file of an environment with as much quota as is needed."""
    found = dict(data)
    quota = dict(found.get("quota") or {})
    projects = dict(quota.get("projects") or {})
    for one in raises:
        projects[one.project] = {**(projects.get(one.project) or {}), one.resource: _written(one)}
    return {**found, "quota": {**quota, "projects": projects}}


def _written(one: QuotaRaise) -> Any:
    text = quantity_text(one.needed, one.resource)
    return int(text) if text.isdigit() and "/" in one.resource else text
