"""Which hand-written files there are. None is opened here."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path, PurePath

from modelfleet.finding import Finding, Location, MachineFailed, Rejected
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.spec.limits import MAX_FINDINGS, MAX_NAME
from modelfleet.wording import closest, printable

_LABEL = lazy_pattern(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_OBJECT = lazy_pattern(r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?")
_DEVICE = lazy_pattern(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_EDITORS = (".#", "._", ".~", "#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The hand-written files by name; runtimes by environment (None: all of them) and file name.

    `objects` are those that stand beside the models, by project, environment (None: all of them) and file name; `crds` are
    definitions of kinds, as a cluster exports them; `models` are facts of models.
    """

    projects: Mapping[str, str]
    environments: Mapping[str, str]
    base: str | None
    runtimes: Mapping[tuple[str | None, str], str]
    objects: Mapping[tuple[str, str | None, str], str] = field(default_factory=dict)
    crds: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)


def discover(root: Path) -> Sources:
    """What hand-written files there are; none is opened.

    Raises Rejected for what is meant as one of them and cannot be, MachineFailed where a folder cannot be listed.
    """
    if not root.is_dir():
        message = f"there is no folder {printable(str(root))}: --root names the folder that holds projects/"
        raise MachineFailed(message)
    findings: list[Finding] = []
    projects, folders = _listing(root, "projects", _LABEL, findings)
    for name in folders:
        findings += _nested(root, f"projects/{name}", "projects/")
    if not projects and not findings:
        findings.append(_no_projects(root))
    if "argocd" in projects:
        findings.append(
            _misnamed(projects["argocd"], "'argocd' is the folder of Argo CD's own objects", "choose another name")
        )
    environments, _ = _listing(root, "environments", _LABEL, findings)
    base = environments.pop("base", None)
    runtimes = _runtimes(root, environments, findings)
    objects = _objects(root, projects, environments, findings)
    crds, folders = _listing(root, "crds", _OBJECT, findings)
    for name in folders:
        findings += _nested(root, f"crds/{name}", "crds/")
    models, folders = _listing(root, "models", _LABEL, findings)
    for name in folders:
        findings += _nested(root, f"models/{name}", "models/")
    if findings:
        raise Rejected(sorted(findings[:MAX_FINDINGS], key=lambda finding: finding.order))
    return Sources(
        projects=projects,
        environments=environments,
        base=base,
        runtimes=runtimes,
        objects=objects,
        crds=tuple(crds.values()),
        models=models,
    )


def _runtimes(
    root: Path, environments: Mapping[str, str], findings: list[Finding]
) -> dict[tuple[str | None, str], str]:
    return _by_environment(root, "runtimes", environments, findings)


def _objects(
    root: Path, projects: Mapping[str, str], environments: Mapping[str, str], findings: list[Finding]
) -> dict[tuple[str, str | None, str], str]:
    strays, folders = _listing(root, "objects", _OBJECT, findings)
    for file in strays.values():
        findings.append(_misnamed(file, "it belongs to no project", "move it to objects/<project>/"))
    found: dict[tuple[str, str | None, str], str] = {}
    for name in folders:
        files = _by_environment(root, f"objects/{name}", environments, findings)
        if files and name not in projects:
            near = closest(name, projects)
            hint = f"did you mean objects/{near}/?" if near else "a folder in objects/ has the name of a project"
            findings.append(_misnamed(f"objects/{name}", f"there is no projects/{name}.yaml", hint))
        found |= {(name, environment, stem): file for (environment, stem), file in files.items()}
    return found


def _by_environment(
    root: Path, home: str, environments: Mapping[str, str], findings: list[Finding]
) -> dict[tuple[str | None, str], str]:
    """The files of a folder, which hold for all environments, and those of its folders, which hold for one."""
    files, folders = _listing(root, home, _OBJECT, findings)
    found: dict[tuple[str | None, str], str] = {(None, stem): file for stem, file in files.items()}
    for name in folders:
        files, deeper = _listing(root, f"{home}/{name}", _OBJECT, findings)
        for folder in deeper:
            findings += _nested(root, f"{home}/{name}/{folder}", f"{home}/{name}/")
        if files and name not in environments:
            near = closest(name, environments)
            otherwise = f"what applies to all environments is in {home}/ itself"
            hint = f"did you mean {home}/{near}/?" if near else otherwise
            findings.append(_misnamed(f"{home}/{name}", f"there is no environments/{name}.yaml", hint))
        found |= {(name, stem): file for stem, file in files.items()}
    return found


def _listing(
    root: Path, folder: str, legal: re.Pattern[str], findings: list[Finding]
) -> tuple[dict[str, str], list[str]]:
    """The YAML files of a folder by their names without `.yaml`, and its folders."""
    files: dict[str, str] = {}
    folders: list[str] = []
    entries = _entries(root, folder, findings)
    for entry in entries:
        file, is_yaml = f"{folder}/{entry.name}", _is_yaml(entry.name)
        if entry.name.startswith(_EDITORS) or (entry.name.startswith(".") and not is_yaml):
            continue
        if entry.is_symlink():
            if is_yaml or folder != "environments":  # the folders in environments/ are the writer's business
                findings.append(linked(file))
        elif not is_yaml:
            folders += [entry.name] * entry.is_dir(follow_symlinks=False)
        elif (finding := _unusable(entry, file, legal, entries)) is not None:
            findings.append(finding)
        else:
            files[entry.name.removesuffix(".yaml")] = file
    return files, folders


def _entries(root: Path, folder: str, findings: list[Finding]) -> list[os.DirEntry[str]]:
    """What lies in a folder, ordered by name; nothing where there is no such folder."""
    try:
        if (root / folder).is_symlink():
            findings.append(linked(folder))
            return []
        with os.scandir(root / folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        findings.append(irregular(folder, "a file", "a folder"))
        return []
    except OSError as error:
        message = f"cannot list {printable(folder)}/: {error.strerror}; give this user the right to read it"
        raise MachineFailed(message) from error


def _nested(root: Path, folder: str, home: str) -> list[Finding]:
    """A finding for every YAML file below a folder in which there should be none."""
    findings: list[Finding] = []
    waiting = [folder]
    while waiting and len(findings) < MAX_FINDINGS:
        folder = waiting.pop()
        for entry in _entries(root, folder, findings):
            if entry.name.startswith("."):
                continue
            if _is_yaml(entry.name):
                hint = f"move it to {home}, or give it another suffix if it is not for modelfleet"
                findings.append(_misnamed(f"{folder}/{entry.name}", "a file at this depth is not read", hint))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(f"{folder}/{entry.name}")
    return findings


def _is_yaml(name: str) -> bool:
    return name.lower().endswith((".yaml", ".yml"))


def _unusable(
    entry: os.DirEntry[str], file: str, legal: re.Pattern[str], entries: list[os.DirEntry[str]]
) -> Finding | None:
    """What is wrong with a file's kind or name."""
    if not entry.is_file(follow_symlinks=False):
        return irregular(file, kind_of(entry.stat(follow_symlinks=False).st_mode))
    stem, suffix = PurePath(entry.name).stem, PurePath(entry.name).suffix
    folder = file.removesuffix(entry.name)
    names = [other.name for other in entries]
    if entry.name.startswith("."):
        return _misnamed(file, "the name begins with a dot", "rename it, or delete it if it is a leftover")
    if suffix != ".yaml":
        there = f"{stem}.yaml" in names
        hint = f"merge it into {folder}{stem}.yaml, or delete it" if there else f"rename it to {stem}.yaml"
        return _misnamed(file, f"the name of {entry.name} does not end in .yaml", hint)
    twin = next((name for name in names if name != entry.name and name.lower() == entry.name.lower()), None)
    if legal.fullmatch(stem) is None:
        also = f", and {folder}{twin} is the same file on macOS and Windows" if twin else ""
        rule = "lower-case letters, digits and '-'" + (" or '.'" if legal is _OBJECT else "")
        hint = f"rename it: {rule}, beginning and ending with a letter or digit"
        return _misnamed(file, f"{_quoted(stem)} is not a valid resource name{also}", hint)
    if len(stem) > MAX_NAME:
        return _misnamed(file, f"the name has {len(stem)} characters", f"rename it: at most {MAX_NAME}")
    if _DEVICE.fullmatch(stem):
        return _misnamed(file, f"'{stem}' is a device on Windows, where such a file cannot be checked out", "rename it")
    return None


def _no_projects(root: Path) -> Finding:
    missing = not (root / "projects").exists()
    return Finding(
        at=Location("." if missing else "projects"),
        code="YAML023",
        message="there is no folder projects/" if missing else "projects/ holds no project",
        hint="write projects/<name>.yaml; --root names the folder that holds projects/",
    )


def _misnamed(file: str, message: str, hint: str) -> Finding:
    return Finding(at=Location(file), code="YAML022", message=message, hint=hint)


def irregular(file: str, what: str, wanted: str = "a regular file") -> Finding:
    """The finding about a file that is not a regular one, or is where a folder belongs."""
    hint = f"put {wanted} in its place"
    return Finding(at=Location(file), code="YAML021", message=f"this is {what}, not {wanted}", hint=hint)


def linked(file: str) -> Finding:
    """The finding about a symbolic link."""
    message, hint = "this is a symbolic link, and links are not followed", "put what it points to in its place"
    return Finding(at=Location(file), code="YAML020", message=message, hint=hint, policy=True)


def kind_of(mode: int) -> str:
    """What a file of this mode is, where it is not a regular one."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO (named pipe)", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= 40 else f"'{text[:37]}...'"
