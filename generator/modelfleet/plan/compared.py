"""The projects of an environment before and after, one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.kustomize.build import BuiltOverlay
from modelfleet.layout import ARGOCD
from modelfleet.plan.committed_overlays import built_before
from modelfleet.plan.comparison import Comparison, project_differs
from modelfleet.plan.figures import EnvironmentFacts
from modelfleet.plan.project_change import ProjectChange, Successor, handed_over
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.serving.accelerators import scheduling_parts
from modelfleet.serving.workloads import ProjectState, project_state, running_workloads


def prunes(environment: Environment | None) -> bool:
    """Whether Argo CD deletes there what is no longer in Git."""
    return environment is not None and environment.argocd.prune


@dataclass(frozen=True, slots=True)
class Compared:
    """A project of an environment, and whether anything about it can differ."""

    change: ProjectChange
    differs: bool


def project_changes(comparison: Comparison, name: str, facts: EnvironmentFacts) -> tuple[list[Compared], bool]:
    """Every project of the environment; those that cannot differ with the same objects on both sides."""
    tree = comparison.tree(name)
    here = {one.project.name: one for one in comparison.after.deployed if one.project.environment.name == name}
    committed = [folder.split("/")[2] for folder in tree.folders if folder.split("/")[1] == name]
    known = [*here, *(project for project in committed if project not in here and project != ARGOCD)]
    differing = [project for project in known if project_differs(comparison, tree, name, project)]
    rendered = {project: here[project] for project in differing if project in here}
    built = built_before(comparison, tree, name, differing, rendered)
    found = []
    for project in known:
        one = here.get(project)
        after = (
            project_state(one.project.environment, one.project.namespace, one.objects, one.project)
            if one and facts.after
            else None
        )
        if project in differing:
            old = built.get(project)
            before = _before_side(facts, project, old) if old is not None else None
            before = replace(before, accelerators=_still_wanted(before, after)) if before and after else before
        else:
            before = replace(after, environment=facts.before) if after and facts.before else None
        if before or after:
            found.append(Compared(_change(facts, project, before, after), project in differing or facts.differ))
    changes = [_succeeded(comparison, change) for change in handed_over([one.change for one in found])]
    return [Compared(change, one.differs) for change, one in zip(changes, found, strict=True)], bool(differing)


def _still_wanted(before: ProjectState, after: ProjectState) -> dict[str, str]:
    """What the spec calls accelerators today, for workloads whose pods ran on the same nodes before."""
    same = {
        name for (kind, name), item in after.objects.items()
        if (old := before.objects.get((kind, name))) is not None and _placing(old) == _placing(item)
    }  # fmt: skip
    return {name: accelerator for name, accelerator in after.accelerators.items() if name in same}


def _placing(item: Object) -> list[Any]:
    """What of an object says where its pods may run."""
    parts = scheduling_parts(item, item)
    annotations = mapping(mapping(item.get("metadata")).get("annotations"))
    named = [value for key, value in annotations.items() if "accelerator" in key or "hardware-profile" in key]
    return [*((part.get("nodeSelector"), part.get("tolerations")) for part in parts), named]


def _succeeded(comparison: Comparison, change: ProjectChange) -> ProjectChange:
    """The change, with the project that has the namespace that this one leaves. Two names may be one cluster."""
    before = change.before
    if before is None or change.heir is not None or (change.after is not None and not change.moves):
        return change
    cluster, domain = before.environment.cluster_key, before.environment.cluster.apps_domain
    for one in comparison.after.deployed:
        there, namespace = one.project.environment, one.project.namespace
        alike = there.cluster_key == cluster or (domain is not None and there.cluster.apps_domain == domain)
        if alike and namespace == before.namespace:
            return replace(change, successor=Successor(one.project.name, project_state(there, namespace, one.objects)))
    return change


def _change(
    facts: EnvironmentFacts, project: str, before: ProjectState | None, after: ProjectState | None
) -> ProjectChange:
    now = running_workloads(after) if after else {}
    unmoved = before is not None and after is not None and before.objects is after.objects and not facts.differ
    return ProjectChange(
        name=project,
        before=before,
        after=after,
        was=now if unmoved else running_workloads(before) if before else {},
        now=now,
        prune=prunes(facts.after),
        environment_goes=facts.after is None,
    )


def _before_side(facts: EnvironmentFacts, project: str, old: BuiltOverlay) -> ProjectState:
    environment = facts.before or facts.after
    if environment is None:
        raise AssertionError(project)
    spaces = [str(item["metadata"].get("namespace")) for item in old.objects if item["metadata"].get("namespace")]
    return project_state(environment, old.namespace or (spaces[0] if spaces else project), old.objects)
