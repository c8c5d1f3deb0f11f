"""What is committed at a revision, read from Git's objects: nothing is checked out, nothing is written.

A tree is known by the ids of its blobs, so a folder that is the same as a fresh render is never read. The others are built
here as kustomize would build them; what this cannot build (somebody's own kustomization) is left to the real one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from generator import processes, tools
from generator.finding import MachineFailed, printable
from generator.model import Object
from generator.overlay import group_of, placed
from generator.rules.patches import PatchFailed, apply
from generator.tree import TOP
from generator.verify import objects_of

_HAND_WRITTEN = "projects"
_GIT_S = 60.0
_KUSTOMIZATION = "kustomization.yaml"
_SHARED = (
    rb"[\s\[{,]&\w",
    rb"[\s\[{,]\*\w",
)  # what is rendered shares nothing, and a few such lines can grow without end
_MOST_LEVELS = 64
_DEEPEST = 8
_DEPTH = 2  # of slashes in the path of a generated folder
_OF_THE_CALLER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX")

KINDS = frozenset(
    {
        ("", "Namespace"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("argoproj.io", "AppProject"),
        ("argoproj.io", "ApplicationSet"),
        ("external-secrets.io", "ExternalSecret"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("serving.kserve.io", "InferenceService"),
        ("serving.kserve.io", "LLMInferenceService"),
        ("serving.kserve.io", "LLMInferenceServiceConfig"),
        ("serving.kserve.io", "ServingRuntime"),
    }
)
"""What is rendered: of these it is known whether they have a namespace."""


class NotBuilt(Exception):
    """Something in a committed folder that only the real kustomize can build; the text says what."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The committed files below a repository's root at one commit: blob ids by path, and those of generated files by folder.

    `links` are no ordinary files.
    """

    root: Path
    commit: str
    blobs: Mapping[str, str]
    folders: Mapping[str, Mapping[str, str]]
    links: frozenset[str]


def by_folder(ids: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The ids of generated files by folder (`environments/<environment>/<project>`) and name."""
    found: dict[str, dict[str, str]] = {}
    for path, blob in ids.items():
        folder, _, name = path.rpartition("/")
        if folder.count("/") == _DEPTH and folder.startswith(f"{TOP}/"):
            found.setdefault(folder, {})[name] = blob
    return found


# ---- Git -------------------------------------------------------------------------------------------------------------


def _git(root: Path, words: Sequence[str], stdin: bytes = b"") -> processes.Done:
    ours = {name: value for name, value in os.environ.items() if name not in _OF_THE_CALLER}
    ours |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    within = processes.Surroundings(environment=ours)
    settings = ["-c", "core.quotePath=false", "-c", "core.fsmonitor=false"]
    return processes.run(["git", *settings, *words], root, stdin, _GIT_S, within)


def _failed(done: processes.Done, what: str) -> MachineFailed:
    return MachineFailed(f"plan: {what}: {done.complaint.removeprefix('fatal: ')}")


def commit_of(root: Path, revision: str) -> str:
    """The commit that a revision names. Raises MachineFailed where there is none, or no Git."""
    wanted = f"{revision}^{{commit}}"
    done = _git(root, ["rev-parse", "--verify", "--quiet", "--end-of-options", wanted])
    if done.code == 0 and not revision.startswith("-"):
        return done.out.decode().strip()
    _refuse_no_git(root)
    message = (
        f"plan: there is no revision {printable(revision)!r} in this repository; "
        "fetch it first (in CI: fetch-depth: 0), or name another with --against"
    )
    raise MachineFailed(message)


def merge_base(root: Path, branch: str) -> str:
    """The commit from which the working tree's branch left `branch`, as the remote `origin` has it if it does."""
    _refuse_no_git(root)
    for name in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}", f"refs/tags/{branch}"):
        found = _git(root, ["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"])
        if found.code == 0:
            break
    else:
        message = (
            f"plan: neither origin/{branch} nor {branch} is here to compare with; "
            f"`git fetch origin {branch}` first, or name a revision with --against"
        )
        raise MachineFailed(message)
    done = _git(root, ["merge-base", "HEAD", found.out.decode().strip()])
    if done.code == 0:
        return done.out.decode().split()[0]
    shallow = _git(root, ["rev-parse", "--is-shallow-repository"]).out.strip() == b"true"
    why = (
        "this clone is shallow; `git fetch --unshallow` first (in CI: fetch-depth: 0)"
        if shallow
        else "name the revision to compare with: --against"
    )
    message = f"plan: HEAD and {branch} have no commit in common here; {why}"
    raise MachineFailed(message)


def _refuse_no_git(root: Path) -> None:
    done = _git(root, ["rev-parse", "--is-inside-work-tree"])
    if done.code or done.out.strip() != b"true":
        if "not a git repository" in done.err or not done.err:
            message = "plan: this is no Git repository, and what was committed is what the plan compares with"
            raise MachineFailed(message)
        raise _failed(done, "Git does not read this repository")


_ENTRY = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]+)\t(.+)", re.DOTALL)


def tree(root: Path, commit: str) -> Tree:
    """The generated and the hand-written files of a commit."""
    done = _git(root, ["ls-tree", "-r", "-z", commit, TOP, _HAND_WRITTEN])
    if done.code:
        raise _failed(done, f"Git cannot list {commit[:12]}")
    blobs: dict[str, str] = {}
    links: set[str] = set()
    for entry in done.out.split(b"\0"):
        if match := _ENTRY.fullmatch(entry):
            mode, _, blob, path = match.groups()
            name = path.decode("utf-8", "surrogateescape")
            blobs[name] = blob.decode()
            if mode not in (b"100644", b"100755"):
                links.add(name)
    return Tree(root, commit, blobs, by_folder(blobs), frozenset(links))


def contents(found: Tree, paths: Iterable[str]) -> dict[str, bytes]:
    """The contents of committed files, all read by one process."""
    wanted = [path for path in dict.fromkeys(paths) if path in found.blobs and path not in found.links]
    if not wanted:
        return {}
    done = _git(found.root, ["cat-file", "--batch"], "".join(f"{found.blobs[path]}\n" for path in wanted).encode())
    if done.code:
        raise _failed(done, f"Git cannot read {found.commit[:12]}")
    texts: dict[str, bytes] = {}
    place = 0
    for path in wanted:
        end = done.out.index(b"\n", place)
        words = done.out[place:end].split()
        if len(words) != 3 or words[1] != b"blob":
            message = f"plan: Git has not all of {found.commit[:12]}: {path} is missing; fetch the whole history"
            raise MachineFailed(message)
        size = int(words[2])
        texts[path] = done.out[end + 1 : end + 1 + size]
        place = end + 2 + size
    return texts


def blob_ids(files: Mapping[str, str], like: str) -> dict[str, str]:
    """The ids that Git would give to these texts; `like` is an id of the repository, SHA-1 or SHA-256."""
    import hashlib

    name = "sha256" if len(like) == 64 else "sha1"
    found = {}
    for path, text in files.items():
        content = text.encode()
        digest = hashlib.new(name, b"blob %d\0" % len(content), usedforsecurity=False)
        digest.update(content)
        found[path] = digest.hexdigest()
    return found


def as_committed(root: Path, ids: Mapping[str, str]) -> bool:
    """Whether the generated files in the index and in the working tree are exactly these; false where it is not sure."""
    listed = _git(root, ["ls-files", "-s", "-z", "--", TOP])
    touched = _git(root, ["diff-files", "-z", "--name-only", "--relative", "--", TOP])
    if listed.code or touched.code or touched.out:
        return False
    known = {}
    for entry in listed.out.split(b"\0"):
        about, tab, path = entry.partition(b"\t")
        if tab and path.count(b"/") > 1:
            known[path.decode("utf-8", "surrogateescape")] = about.split()[1].decode()
    return known == ids


# ---- building --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Built:
    """What a committed overlay makes: the namespace that it sets, and the objects."""

    namespace: str | None
    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """Committed files by path. What is in them is remembered by their ids: environments share their bases."""

    contents: Mapping[str, bytes]
    blobs: Mapping[str, str]
    known: dict[str, list[Any]]

    def documents(self, path: str) -> list[Any]:
        """What a file holds. Raises `NotBuilt` where it is not there or no YAML."""
        import yaml

        if path not in self.contents:
            message = f"{printable(path)} is not there"
            raise NotBuilt(message)
        blob = self.blobs[path]
        if blob not in self.known:
            content = self.contents[path]
            if all(re.search(pattern, content) for pattern in _SHARED):
                message = f"{printable(path)} has anchors"
                raise NotBuilt(message)
            try:
                self.known[blob] = [one.item for one in objects_of(content) if one.item]
            except (yaml.YAMLError, ValueError, RecursionError) as error:
                message = f"{printable(path)} cannot be read"
                raise NotBuilt(message) from error
        return self.known[blob]

    def document(self, path: str) -> Any:
        """The one document of a file."""
        found = self.documents(path)
        if len(found) != 1:
            message = f"{printable(path)} does not hold one document"
            raise NotBuilt(message)
        return found[0]


def build(folder: str, texts: Texts, depth: int = 0) -> Built:
    """What `kustomize build` makes of a folder of generated files. Raises `NotBuilt` where it is not sure."""
    kustomization = texts.document(f"{folder}/{_KUSTOMIZATION}")
    if not isinstance(kustomization, dict) or depth > _DEEPEST:
        message = f"{folder}/{_KUSTOMIZATION} is no kustomization"
        raise NotBuilt(message)
    if odd := sorted(map(str, kustomization.keys() - {"apiVersion", "kind", "namespace", "resources", "patches"})):
        message = f"{folder}/{_KUSTOMIZATION} has {printable(odd[0])}"
        raise NotBuilt(message)
    objects: list[Object] = []
    for entry in kustomization.get("resources") or ():
        path = _joined(folder, str(entry))
        if f"{path}/{_KUSTOMIZATION}" in texts.contents:
            objects += build(path, texts, depth + 1).objects
        else:
            objects += _objects(path, texts)
    for entry in kustomization.get("patches") or ():
        objects = _patched(folder, entry, objects, texts)
    namespace = kustomization.get("namespace")
    if namespace is not None:
        objects = [placed(item, str(namespace)) for item in objects]
    return Built(None if namespace is None else str(namespace), tuple(objects))


def _joined(folder: str, entry: str) -> str:
    steps: list[str] = []
    for step in PurePosixPath(folder, entry).parts:
        if step == ".." and steps:
            steps.pop()
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def _objects(path: str, texts: Texts) -> list[Object]:
    found = texts.documents(path)
    for item in found:
        named = isinstance(item, dict) and isinstance(item.get("metadata"), dict) and "name" in item["metadata"]
        if not named or not item.get("apiVersion") or (group_of(item), item.get("kind")) not in KINDS:
            message = f"{printable(path)} holds something else than a kind that is rendered"
            raise NotBuilt(message)
        if _too_deep(item):
            message = f"{printable(path)} is nested too deeply"
            raise NotBuilt(message)
        subjects = item.get("subjects", ())
        if item["kind"] == "RoleBinding" and not (subjects and all(isinstance(one, dict) for one in subjects)):
            message = f"{printable(path)} binds a role to nobody"
            raise NotBuilt(message)
    return found


def _too_deep(value: Any, levels: int = _MOST_LEVELS) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_too_deep(child, levels - 1) for child in inner)


def _patched(folder: str, entry: Any, objects: list[Object], texts: Texts) -> list[Object]:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or entry.keys() - {"path", "target"}:
        message = f"{folder}/{_KUSTOMIZATION} has a patch of another form"
        raise NotBuilt(message)
    path = _joined(folder, entry["path"])
    patch = texts.document(path)
    if isinstance(patch, dict) and patch.get("$patch") == "delete" and isinstance(patch.get("metadata"), dict):
        gone = (patch.get("apiVersion"), patch.get("kind"), patch["metadata"].get("name"))
        return [item for item in objects if (item["apiVersion"], item["kind"], item["metadata"]["name"]) != gone]
    if not isinstance(patch, list) or not isinstance(entry.get("target"), dict):
        message = f"{printable(path)} is no JSON 6902 patch"
        raise NotBuilt(message)
    try:
        return [apply(item, tuple(patch)) if _targeted(item, entry["target"]) else item for item in objects]
    except (PatchFailed, KeyError, TypeError, AttributeError) as error:
        message = f"{printable(path)} does not apply"
        raise NotBuilt(message) from error


def _targeted(item: Object, target: Mapping[str, Any]) -> bool:
    """Each part of a target is a regular expression for the whole of what it speaks of."""
    version = str(item["apiVersion"]).rpartition("/")[2]
    parts = {"group": group_of(item), "version": version, "kind": item["kind"], "name": item["metadata"]["name"]}
    if target.keys() - parts.keys():
        message = "a patch chooses its objects by something else than group, version, kind and name"
        raise NotBuilt(message)
    try:
        return all(re.fullmatch(str(wanted), str(parts[key])) for key, wanted in target.items())
    except re.error as error:
        message = "a patch chooses its objects by a pattern that is none"
        raise NotBuilt(message) from error


def build_for_real(root: Path, folder: str, contents: Mapping[str, bytes], why: str) -> Built:
    """What the real kustomize makes of a committed folder, from a copy in a temporary folder."""
    import tempfile

    tool = tools.locate(root, "kustomize")
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
        done = tools.kustomize_build(tool, [top / folder], _GIT_S)
    if done.code:
        said = done.complaint.replace(f"{top}/", "").removeprefix("Error: ")
        message = f"plan: kustomize cannot build {folder} as it was committed: {said}"
        raise MachineFailed(message)
    objects = tuple(dict(one.item) for one in objects_of(done.out))
    if any(map(_too_deep, objects)):
        message = f"plan: {folder} as it was committed is nested too deeply"
        raise MachineFailed(message)
    spaces = {str(item["metadata"]["namespace"]) for item in objects if item["metadata"].get("namespace")}
    return Built(spaces.pop() if len(spaces) == 1 else None, objects)
