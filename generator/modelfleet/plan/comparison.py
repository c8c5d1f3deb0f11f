"""The two sides of a plan: what is committed at a revision, and a fresh render."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.layout import ARGOCD, BASE, TOP, Scope, base_folder, overlay_folder
from modelfleet.plan import git as plan_git
from modelfleet.plan.committed_environments import committed_environment, environment_files, revision_of, same_on_disk
from modelfleet.plan.git import Tree
from modelfleet.plan.rendered import RenderedFleet
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.tree.compare import compare_tree


@dataclass(slots=True)
class Comparison:
    """Both sides while the plan is made.

    `commits` says for each environment with which commit it is compared, `default` for those that are only committed;
    `revision` names them all for people.
    `ids` are the blob ids of the fresh render, `fresh` the same by folder. `read` holds the committed files that differ,
    by commit, `parsed` what is in them; `built` collects what took the real kustomize.
    """

    root: Path
    after: RenderedFleet
    trees: Mapping[str, Tree]
    commits: Mapping[str, str]
    default: str
    revision: str
    ids: Mapping[str, str]
    fresh: Mapping[str, Mapping[str, str]]
    built: list[str] = field(default_factory=list)
    parsed: dict[str, list[Any]] = field(default_factory=dict)
    read: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def tree(self, environment: str) -> Tree:
        """What is committed of an environment."""
        return self.trees[self.commits.get(environment, self.default)]


def environments_before(comparison: Comparison) -> dict[str, Environment]:
    """The environments that are in the committed tree, by name; facts that cannot be read are left open."""
    found = {}
    committed = comparison.trees[comparison.default]
    names = {*comparison.after.environments, *(folder.split("/")[1] for folder in committed.folders)}
    names |= {path.split("/")[1].removesuffix(".yaml") for path in committed.blobs if _is_environment(path)}
    names.discard(BASE)
    for name in names:
        tree = comparison.tree(name)
        files = environment_files(name)
        if files[1] not in tree.blobs and not any(folder.split("/")[1] == name for folder in tree.folders):
            continue
        now = comparison.after.environments.get(name)
        if now is not None and same_on_disk(comparison.root, tree, files):
            found[name] = now
        else:
            found[name] = committed_environment(name, plan_git.contents(tree, files), files)
    return found


def _is_environment(path: str) -> bool:
    return path.startswith(f"{TOP}/") and path.count("/") == 1 and path.endswith(".yaml")


def project_differs(comparison: Comparison, tree: Tree, name: str, project: str) -> bool:
    """Whether a file of the overlay or of its base does."""
    folders = (overlay_folder(name, project), base_folder(project))
    return any(tree.folders.get(folder) != comparison.fresh.get(folder) for folder in folders)


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
