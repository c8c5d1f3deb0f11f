"""What committed overlays build to: in memory where that is known to be the same, else with the real kustomize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from modelfleet.finding import MachineFailed
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
from modelfleet.layout import TOP, base_folder, file_name, overlay_folder
from modelfleet.plan import git as plan_git
from modelfleet.plan.comparison import Comparison, project_differs
from modelfleet.plan.effects import code
from modelfleet.plan.git import Tree
from modelfleet.plan.rendered import DeployedLike
from modelfleet.tools import install as tools
from modelfleet.tools import kustomize
from modelfleet.tools.folder import cache_folder


def build_for_real(root: Path, folder: str, contents: Mapping[str, bytes], why: str) -> BuiltOverlay:
    """What the real kustomize makes of a committed folder, from a copy in a temporary folder."""
    import tempfile

    tool = tools.locate(cache_folder(root), "kustomize")
    if tool is None:
        message = (
            f"plan: {why}, so {folder} has to be built with kustomize, which is not installed; "
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
