"""What is deployed at the revision that a plan compares with, built from what is committed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from modelfleet.finding import MachineFailed, Rejected, Severity
from modelfleet.kubernetes.objects import Object
from modelfleet.kubernetes.shape import without_nulls
from modelfleet.kubernetes.yaml import UnreadableYaml, objects_of
from modelfleet.kustomize import build as plan_before
from modelfleet.kustomize.build import (
    KUSTOMIZE_SECONDS,
    NOTHING_KNOWN,
    BuiltOverlay,
    HostileFile,
    KnownObjects,
    NotBuilt,
    Texts,
    check_shapes,
    refuse_hostile,
)
from modelfleet.layout import BASE, BASE_FILE, TOP, base_folder, environment_file, file_name, overlay_folder
from modelfleet.plan import git as plan_git
from modelfleet.plan.effects import code
from modelfleet.plan.git import Tree
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment, environment_from
from modelfleet.resolve.model import Project
from modelfleet.spec.load import parse
from modelfleet.spec.merge import Merged, Source, as_layer, overlay_document
from modelfleet.tools import install as tools
from modelfleet.tools import kustomize
from modelfleet.tools.folder import cache_folder


def build_for_real(root: Path, folder: str, contents: Mapping[str, bytes], why: str) -> BuiltOverlay:
    """What the real kustomize makes of a committed folder, from a copy in a temporary folder."""
    import tempfile

    tool = tools.locate(cache_folder(root), "kustomize")
    if tool is None:
        message = (
            f"plan: {why}, so {folder} has to be built with kustomize, which is not here; "
            "run `modelfleet verify` once, which installs it"
        )
        raise MachineFailed(message)
    with tempfile.TemporaryDirectory(prefix="modelfleet-") as name:
        top = Path(name)
        for path, content in contents.items():
            if ".." in PurePosixPath(path).parts:
                continue
            target = top / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        refuse_hostile(contents)
        done = kustomize.kustomize_build(tool, [top / folder], KUSTOMIZE_SECONDS)
    if done.code:
        said = done.complaint.replace(f"{top}/", "").removeprefix("Error: ")
        message = f"plan: kustomize cannot build {folder} as it was committed: {said}"
        raise MachineFailed(message)
    try:
        objects = tuple(without_nulls(one.item) for one in objects_of(done.out) if one.item)
    except UnreadableYaml as error:
        message = f"plan: what kustomize makes of {folder} as it was committed cannot be read: {error}"
        raise MachineFailed(message) from error
    check_shapes(folder, objects)
    spaces = {str(item["metadata"]["namespace"]) for item in objects if item["metadata"].get("namespace")}
    return BuiltOverlay(spaces.pop() if len(spaces) == 1 else None, objects)


class DeployedLike(Protocol):
    """A project in an environment, rendered."""

    @property
    def project(self) -> Project:
        """What it resolves to."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be in the cluster."""


class SyncedLike(Protocol):
    """What Argo CD needs to sync an environment, rendered."""

    @property
    def environment(self) -> str:
        """The environment's name."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be on the cluster of Argo CD."""


class RenderedFleet(Protocol):
    """A fresh render of the working tree."""

    @property
    def environments(self) -> Mapping[str, Environment]:
        """All environments by name."""

    @property
    def deployed(self) -> Sequence[DeployedLike]:
        """Every project in each of its environments."""

    @property
    def synced(self) -> Sequence[SyncedLike]:
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


def revision_of(environment: Environment | None) -> str | None:
    """What Argo CD syncs there."""
    return environment.argocd.revision if environment is not None else None


def environment_files(name: str) -> tuple[str, str]:
    """The files of an environment's facts: what all environments share, and its own."""
    return BASE_FILE, environment_file(name)


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


def same_on_disk(root: Path, tree: Tree, files: Sequence[str]) -> bool:
    """Whether files are on disk as they are committed."""
    for file in files:
        path = root / file
        text = {file: path.read_text("utf-8")} if path.is_file() else {}
        if plan_git.blob_ids(text, tree.commit).get(file) != tree.blobs.get(file):
            return False
    return True


def committed_environment(name: str, texts: Mapping[str, bytes], files: Sequence[str]) -> Environment:
    """An environment as it was committed; what is wrong in itself, or was for an older version of the tool, is left out."""
    from modelfleet.spec.schema import validate

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
        return environment_from(name, Merged({}, Source(parse(b"{}", files[1]), ())), None)
    facts = as_layer(layers[0])
    for layer in layers[1:]:
        facts, _ = overlay_document(facts, layer, "environment")
    written = facts.data.get("release") if isinstance(facts.data, dict) else None
    known = isinstance(written, str) and written in catalog.release_names()
    return environment_from(name, facts, catalog.release(str(written)) if known else None)


def project_differs(comparison: Comparison, tree: Tree, name: str, project: str) -> bool:
    """Whether a file of the overlay or of its base does."""
    folders = (overlay_folder(name, project), base_folder(project))
    return any(tree.folders.get(folder) != comparison.fresh.get(folder) for folder in folders)


def _texts(comparison: Comparison, tree: Tree) -> Texts:
    """The committed files of all overlays that differ and of their bases, read at once."""
    if tree.commit not in comparison.read:
        folders: dict[str, None] = {}
        for folder in tree.folders:
            _, name, project = folder.split("/")
            if project_differs(comparison, tree, name, project):
                folders |= dict.fromkeys((folder, base_folder(project)))
        wanted = [f"{folder}/{file}" for folder in folders for file in tree.folders.get(folder, ())]
        comparison.read[tree.commit] = plan_git.contents(tree, wanted)
    return Texts(comparison.read[tree.commit], tree.blobs, comparison.parsed)


def built_before(
    comparison: Comparison, tree: Tree, name: str, projects: Sequence[str], rendered: Mapping[str, DeployedLike]
) -> dict[str, BuiltOverlay]:
    """The committed overlays as they build; one without a kustomization makes nothing."""
    folders = {project: overlay_folder(name, project) for project in projects}
    folders = {project: folder for project, folder in folders.items() if f"{folder}/kustomization.yaml" in tree.blobs}
    if not folders:
        return {}
    texts = _texts(comparison, tree)
    found = {}
    for project, folder in folders.items():
        known = _known(comparison, tree, rendered[project]) if project in rendered else NOTHING_KNOWN
        try:
            found[project] = _built(comparison, tree, folder, texts, known)
        except HostileFile as error:
            message = (
                f"plan: {error}, as committed at {tree.commit[:12]}; correct it there, or compare with another revision"
            )
            raise MachineFailed(message) from error
    return found


def _built(comparison: Comparison, tree: Tree, folder: str, texts: Texts, known: KnownObjects) -> BuiltOverlay:
    try:
        built = plan_before.build_overlay(folder, texts, known)
    except NotBuilt as reason:
        everything = plan_git.contents(tree, [path for path in tree.blobs if path.startswith(f"{TOP}/")])
        built = build_for_real(comparison.root, folder, everything, str(reason))
        comparison.built.append(f"{code(folder)} as it was committed was built with kustomize: {code(reason)}")
    known_ones = set(map(id, known.objects.values()))
    check_shapes(folder, [item for item in built.objects if id(item) not in known_ones])
    return built


def _known(comparison: Comparison, tree: Tree, rendered: DeployedLike) -> KnownObjects:
    """The rendered objects that come from a file as it was committed, be it of the overlay or, without a patch, of the base."""
    project = rendered.project
    overlay, base = project.folder, base_folder(project.name)
    objects = {}
    for item in rendered.objects:
        file = file_name(item["kind"], item["metadata"]["name"])
        path = f"{overlay if f'{overlay}/{file}' in comparison.ids else base}/{file}"
        committed = tree.blobs.get(path)
        if committed and committed == comparison.ids.get(path) and f"{overlay}/patch-{file}" not in comparison.ids:
            objects[path] = item
    return KnownObjects(project.namespace, objects)
