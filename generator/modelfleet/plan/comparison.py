"""The two sides of a plan: what is committed at a revision, and a fresh render; project by project in each environment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.kustomize.build import BuiltOverlay
from modelfleet.layout import ARGOCD, BASE, Scope, overlay_folder
from modelfleet.plan import git as plan_git
from modelfleet.plan.committed import (
    Comparison,
    RenderedFleet,
    built_before,
    committed_environment,
    environment_files,
    project_differs,
    revision_of,
    same_on_disk,
)
from modelfleet.plan.figures import EnvironmentFacts
from modelfleet.plan.git import Tree
from modelfleet.plan.project_change import ProjectChange, Successor, handed_over
from modelfleet.resolve.environment import Environment
from modelfleet.serving.accelerators import scheduling_parts
from modelfleet.serving.workloads import ProjectState, project_state, running_workloads
from modelfleet.tree.compare import compare_tree


def comparison_of(root: Path, after: RenderedFleet, against: str | None) -> Comparison:
    """Finds what to compare with: `against`, else where the branch left what each environment syncs."""
    trees: dict[str, Tree] = {}
    if against is not None:
        default, revision = plan_git.commit_of(root, against), against
        commits = dict.fromkeys(after.environments, default)
    else:
        branches = {name: branch for name, env in after.environments.items() if (branch := revision_of(env))}
        if not branches:
            message = "plan: no environment says which argocd.revision it syncs; name what to compare with: --against"
            raise MachineFailed(message)
        bases = {branch: plan_git.merge_base(root, branch) for branch in dict.fromkeys(branches.values())}
        trees = {commit: plan_git.tree(root, commit) for commit in dict.fromkeys(bases.values())}
        branches = {name: _synced(root, name, branch, trees[bases[branch]]) for name, branch in branches.items()}
        bases |= {branch: plan_git.merge_base(root, branch) for branch in branches.values() if branch not in bases}
        commits = {name: bases[branch] for name, branch in branches.items()}
        default, revision = next(iter(commits.values())), ", ".join(dict.fromkeys(branches.values()))
    trees = {commit: trees.get(commit) or plan_git.tree(root, commit) for commit in {default, *commits.values()}}
    like = next(iter(trees[default].blobs.values()), default)
    ids = plan_git.blob_ids(after.files, like)
    return Comparison(root, after, trees, commits, default, revision, ids, plan_git.blobs_by_folder(ids))


def _synced(root: Path, name: str, branch: str, tree: Tree) -> str:
    """The branch from which Argo CD syncs an environment today: until its ApplicationSet is applied that of the committed file."""
    files = environment_files(name)
    if files[1] not in tree.blobs or same_on_disk(root, tree, files):
        return branch
    committed = revision_of(committed_environment(name, plan_git.contents(tree, files), files))
    return committed if committed and plan_git.tip(root, committed) else branch


def unlike_rendered(comparison: Comparison, name: str, branch: str) -> int | None:
    """How many generated files of an environment's projects are others on a branch than here; None where that is not here."""
    commit = plan_git.tip(comparison.root, branch)
    if commit is None:
        return None
    there = plan_git.tree(comparison.root, commit)
    folders = [folder.split("/") for tree in (comparison.fresh, there.folders) for folder in tree]
    projects = {project for _, environment, project in folders if environment == name and project != ARGOCD}
    count = 0
    for folder in (overlay_folder(place, project) for project in projects for place in (name, BASE)):
        old, new = there.folders.get(folder, {}), comparison.fresh.get(folder, {})
        count += sum(old.get(file) != new.get(file) for file in old.keys() | new.keys())
    return count


def stale_files(comparison: Comparison) -> tuple[str, ...]:
    """The generated files of the working tree that are not as a fresh render writes them."""
    if plan_git.as_committed(comparison.root, comparison.ids):
        return ()
    changes = compare_tree(comparison.root, comparison.after.files, Scope())
    return tuple(sorted(changes.paths))


# ---- the projects of an environment -----------------------------------------------------------------------------------


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
