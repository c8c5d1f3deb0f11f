"""The two sides of a plan: what is committed at a revision, and a fresh render; project by project in each environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from generator import catalog, plan_before, plan_git
from generator.finding import MachineFailed, Rejected, Severity
from generator.load import parse
from generator.merge import Merged, Source, lay, whole
from generator.model import Environment, Object, Project
from generator.overlay import file_name
from generator.plan_before import NOTHING_KNOWN, Built, Known, NotBuilt, Texts
from generator.plan_change import ProjectChange, Successor, handed_over
from generator.plan_effects import code
from generator.plan_figures import Facts
from generator.plan_git import Tree
from generator.plan_workloads import Side, servings, side
from generator.tree import ARGOCD, BASE, TOP, Scope, compare


class Deployed(Protocol):
    """A project in an environment, rendered."""

    @property
    def project(self) -> Project:
        """What it resolves to."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be in the cluster."""


class Synced(Protocol):
    """What Argo CD needs to sync an environment, rendered."""

    @property
    def environment(self) -> str:
        """The environment's name."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be on the cluster of Argo CD."""


class Rendered(Protocol):
    """A fresh render of the working tree."""

    @property
    def environments(self) -> Mapping[str, Environment]:
        """All environments by name."""

    @property
    def deployed(self) -> Sequence[Deployed]:
        """Every project in each of its environments."""

    @property
    def synced(self) -> Sequence[Synced]:
        """For every environment."""

    @property
    def files(self) -> Mapping[str, str]:
        """Every generated file."""


# ---- the two sides ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Comparison:
    """Both sides while the plan is made.

    `commits` says for each environment with which commit it is compared, `default` for those that are only committed;
    `revision` names them all for people.
    `ids` are the blob ids of the fresh render, `fresh` the same by folder. `read` holds the committed files that differ,
    by commit, `parsed` what is in them; `built` collects what took the real kustomize.
    """

    root: Path
    after: Rendered
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


def revision_of(environment: Environment | None) -> str | None:
    """What Argo CD syncs there."""
    found = environment.get("argocd", "revision") if environment is not None else None
    return str(found) if found else None


def comparison_of(root: Path, after: Rendered, against: str | None) -> Comparison:
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
    return Comparison(root, after, trees, commits, default, revision, ids, plan_git.by_folder(ids))


def _synced(root: Path, name: str, branch: str, tree: Tree) -> str:
    """The branch from which Argo CD syncs an environment today: until its ApplicationSet is applied that of the committed file."""
    files = _files_of(name)
    if files[1] not in tree.blobs or _same_on_disk(root, tree, files):
        return branch
    committed = revision_of(_environment(name, plan_git.contents(tree, files), files))
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
    for folder in (f"{TOP}/{place}/{project}" for project in projects for place in (name, BASE)):
        old, new = there.folders.get(folder, {}), comparison.fresh.get(folder, {})
        count += sum(old.get(file) != new.get(file) for file in old.keys() | new.keys())
    return count


def _files_of(name: str) -> tuple[str, str]:
    return f"{TOP}/{BASE}.yaml", f"{TOP}/{name}.yaml"


def stale_files(comparison: Comparison) -> tuple[str, ...]:
    """The generated files of the working tree that are not as a fresh render writes them."""
    if plan_git.as_committed(comparison.root, comparison.ids):
        return ()
    changes = compare(comparison.root, comparison.after.files, Scope())
    return tuple(sorted(changes.paths))


def environments_before(comparison: Comparison) -> dict[str, Environment]:
    """The environments that are in the committed tree, by name; facts that cannot be read are left open."""
    found = {}
    committed = comparison.trees[comparison.default]
    names = {*comparison.after.environments, *(folder.split("/")[1] for folder in committed.folders)}
    names |= {path.split("/")[1].removesuffix(".yaml") for path in committed.blobs if _is_environment(path)}
    names.discard(BASE)
    for name in names:
        tree = comparison.tree(name)
        files = _files_of(name)
        if files[1] not in tree.blobs and not any(folder.split("/")[1] == name for folder in tree.folders):
            continue
        now = comparison.after.environments.get(name)
        if now is not None and _same_on_disk(comparison.root, tree, files):
            found[name] = now
        else:
            found[name] = _environment(name, plan_git.contents(tree, files), files)
    return found


def _is_environment(path: str) -> bool:
    return path.startswith(f"{TOP}/") and path.count("/") == 1 and path.endswith(".yaml")


def _same_on_disk(root: Path, tree: Tree, files: Sequence[str]) -> bool:
    for file in files:
        path = root / file
        text = {file: path.read_text("utf-8")} if path.is_file() else {}
        if plan_git.blob_ids(text, tree.commit).get(file) != tree.blobs.get(file):
            return False
    return True


def _environment(name: str, texts: Mapping[str, bytes], files: Sequence[str]) -> Environment:
    """An environment as it was committed; what is wrong in itself, or was for an older version of the tool, is left out."""
    from generator.schema import validate

    layers = []
    for file in files:
        if file in texts:
            try:
                document = parse(texts[file], file)
            except Rejected:
                continue
            if not any(finding.severity is Severity.ERROR for finding in validate(document, "environment")):
                layers.append(document)
    if not layers:
        return Environment(name=name, facts=Merged({}, Source(parse(b"{}", files[1]), ())), release=None)
    facts = whole(layers[0])
    for layer in layers[1:]:
        facts, _ = lay(facts, layer, "environment")
    written = facts.data.get("release") if isinstance(facts.data, dict) else None
    known = isinstance(written, str) and written in catalog.release_names()
    return Environment(name=name, facts=facts, release=catalog.release(str(written)) if known else None)


# ---- the projects of an environment -----------------------------------------------------------------------------------


def prunes(environment: Environment | None) -> bool:
    """Whether Argo CD deletes there what is no longer in Git."""
    return environment is not None and environment.get("argocd", "prune") is True


@dataclass(frozen=True, slots=True)
class Compared:
    """A project of an environment, and whether anything about it can differ."""

    change: ProjectChange
    differs: bool


def project_changes(comparison: Comparison, name: str, facts: Facts) -> tuple[list[Compared], bool]:
    """Every project of the environment; those that cannot differ with the same objects on both sides."""
    tree = comparison.tree(name)
    here = {one.project.name: one for one in comparison.after.deployed if one.project.environment.name == name}
    committed = [folder.split("/")[2] for folder in tree.folders if folder.split("/")[1] == name]
    known = [*here, *(project for project in committed if project not in here and project != ARGOCD)]
    differing = [project for project in known if _differs(comparison, tree, name, project)]
    rendered = {project: here[project] for project in differing if project in here}
    built = built_before(comparison, tree, name, differing, rendered)
    found = []
    for project in known:
        one = here.get(project)
        after = side(one.project.environment, one.project.namespace, one.objects) if one and facts.after else None
        if project in differing:
            old = built.get(project)
            before = _before_side(facts, project, old) if old is not None else None
        else:
            before = Side(facts.before, after.namespace, after.objects) if after and facts.before else None
        if before or after:
            found.append(Compared(_change(facts, project, before, after), project in differing or facts.differ))
    changes = [_succeeded(comparison, change) for change in handed_over([one.change for one in found])]
    return [Compared(change, one.differs) for change, one in zip(changes, found, strict=True)], bool(differing)


def _succeeded(comparison: Comparison, change: ProjectChange) -> ProjectChange:
    """The change, with the project that has the namespace that this one leaves. Two names may be one cluster."""
    before = change.before
    if before is None or change.heir is not None or (change.after is not None and not change.moves):
        return change
    cluster, domain = before.environment.cluster, before.environment.get("cluster", "appsDomain")
    for one in comparison.after.deployed:
        there, namespace = one.project.environment, one.project.namespace
        alike = there.cluster == cluster or (domain is not None and there.get("cluster", "appsDomain") == domain)
        if alike and namespace == before.namespace:
            return replace(change, successor=Successor(one.project.name, side(there, namespace, one.objects)))
    return change


def _differs(comparison: Comparison, tree: Tree, name: str, project: str) -> bool:
    """Whether a file of the overlay or of its base does."""
    folders = (f"{TOP}/{name}/{project}", f"{TOP}/{BASE}/{project}")
    return any(tree.folders.get(folder) != comparison.fresh.get(folder) for folder in folders)


def _texts(comparison: Comparison, tree: Tree) -> Texts:
    """The committed files of all overlays that differ and of their bases, read at once."""
    if tree.commit not in comparison.read:
        folders: dict[str, None] = {}
        for folder in tree.folders:
            _, name, project = folder.split("/")
            if _differs(comparison, tree, name, project):
                folders |= dict.fromkeys((folder, f"{TOP}/{BASE}/{project}"))
        wanted = [f"{folder}/{file}" for folder in folders for file in tree.folders.get(folder, ())]
        comparison.read[tree.commit] = plan_git.contents(tree, wanted)
    return Texts(comparison.read[tree.commit], tree.blobs, comparison.parsed)


def _change(facts: Facts, project: str, before: Side | None, after: Side | None) -> ProjectChange:
    now = servings(after) if after else {}
    unmoved = before is not None and after is not None and before.objects is after.objects and not facts.differ
    return ProjectChange(
        name=project,
        before=before,
        after=after,
        was=now if unmoved else servings(before) if before else {},
        now=now,
        prune=prunes(facts.after),
        environment_goes=facts.after is None,
    )


def _before_side(facts: Facts, project: str, old: Built) -> Side:
    environment = facts.before or facts.after
    if environment is None:
        raise AssertionError(project)
    spaces = [str(item["metadata"].get("namespace")) for item in old.objects if item["metadata"].get("namespace")]
    return side(environment, old.namespace or (spaces[0] if spaces else project), old.objects)


def built_before(
    comparison: Comparison, tree: Tree, name: str, projects: Sequence[str], rendered: Mapping[str, Deployed]
) -> dict[str, Built]:
    """The committed overlays as they build; one without a kustomization makes nothing."""
    folders = {project: f"{TOP}/{name}/{project}" for project in projects}
    folders = {project: folder for project, folder in folders.items() if f"{folder}/kustomization.yaml" in tree.blobs}
    if not folders:
        return {}
    texts = _texts(comparison, tree)
    found = {}
    for project, folder in folders.items():
        try:
            known = _known(comparison, tree, rendered[project]) if project in rendered else NOTHING_KNOWN
            found[project] = plan_before.build(folder, texts, known)
        except NotBuilt as reason:
            everything = plan_git.contents(tree, [path for path in tree.blobs if path.startswith(f"{TOP}/")])
            found[project] = plan_before.build_for_real(comparison.root, folder, everything, str(reason))
            comparison.built.append(f"{code(folder)} as it was committed was built with kustomize: {code(reason)}")
    return found


def _known(comparison: Comparison, tree: Tree, rendered: Deployed) -> Known:
    """The rendered objects that come from a file as it was committed, be it of the overlay or, without a patch, of the base."""
    project = rendered.project
    overlay, base = project.folder, f"{TOP}/{BASE}/{project.name}"
    objects = {}
    for item in rendered.objects:
        file = file_name(item["kind"], item["metadata"]["name"])
        path = f"{overlay if f'{overlay}/{file}' in comparison.ids else base}/{file}"
        committed = tree.blobs.get(path)
        if committed and committed == comparison.ids.get(path) and f"{overlay}/patch-{file}" not in comparison.ids:
            objects[path] = item
    return Known(project.namespace, objects)
