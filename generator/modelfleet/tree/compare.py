"""Compares the generated folders with the files that they are to hold, and says what stands in the way of writing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Literal

from modelfleet.layout import BASE, CONTRACT_FILE, GENERATED_FILE, TOP, Scope
from modelfleet.records import dataclass
from modelfleet.tree.folders import all_parents, content_of, failed, is_link, opened_folder, opened_root, parents
from modelfleet.tree.seal import seal_state, sha256

_State = Literal["same", "ours", "edited", "foreign", "link", "blocked"]
_Met = tuple[_State, str]  # with the SHA-256 of what is not to stay as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What writing would do; all paths are relative to the root and sorted.

    `changed` and `removed` include what only `--overwrite` lets go: the `edited` files, and those `foreign` ones that
    stand where a file is to be generated. Other foreign files stay. `links` and `blocked` (a folder where a file
    belongs, or the other way round) are nobody's to remove but the user's. `before` holds the SHA-256 of each file
    that is to go or to be replaced.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    foreign: tuple[str, ...]
    edited: tuple[str, ...]
    links: tuple[str, ...]
    blocked: tuple[str, ...]
    before: Mapping[str, str]

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that writing would make, change or remove."""
        return (*self.added, *self.changed, *self.removed)

    @property
    def writes(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.paths)


def compare_tree(root: Path, files: Mapping[str, str], scope: Scope) -> Changes:
    """What it takes to make the generated folders of the scope hold exactly these files; only reads.

    `files` maps paths such as `environments/prod/acme/kustomization.yaml` to sealed texts; those outside of the scope
    are left out.

    Raises:
        MachineFailed: something cannot be read.
        ValueError: a path or a text is none that this module writes.
    """
    wanted = _wanted(files, scope)
    with opened_root(root) as top:
        met = dict(_meet(top, wanted))
    unmet = sorted(wanted.files.keys() - met.keys())
    named: dict[_State, list[str]] = {}
    for path in sorted(met):
        named.setdefault(met[path][0], []).append(path)
    links, blocked = named.get("link", []), named.get("blocked", [])
    obstacles = {*links, *blocked}
    written = sorted([*named.get("ours", []), *named.get("edited", [])])
    foreign = named.get("foreign", [])
    return Changes(
        added=tuple(path for path in unmet if obstacles.isdisjoint(parents(path))),
        changed=tuple(path for path in sorted([*written, *foreign]) if path in wanted.files),
        removed=tuple(path for path in written if path not in wanted.files),
        unchanged=len(named.get("same", [])),
        foreign=tuple(foreign),
        edited=tuple(named.get("edited", [])),
        links=tuple(links),
        blocked=tuple(blocked),
        before={path: digest for path, (_, digest) in met.items() if digest},
    )


def stale_reason(root: Path, files: Mapping[str, str], scope: Scope) -> str | None:
    """Why the tree is not what the hand-written files say, with what to do; None where it is."""
    changes = compare_tree(root, files, scope)
    if changes.edited:
        return f"{changes.edited[0]} was edited by hand; `modelfleet render --check` shows the difference"
    if changes.writes:
        return f"{changes.paths[0]} is not as it would be rendered; run `modelfleet render` first"
    return None


def changed_bases(root: Path, files: Mapping[str, str], scope: Scope) -> frozenset[str]:
    """The projects of the scope whose base would change. All their overlays build on it, also those outside of the scope."""
    shared = replace(scope, environments=frozenset({BASE}))
    base = {path: text for path, text in files.items() if shared.covers(path)}
    return frozenset(path.split("/")[2] for path in compare_tree(root, base, shared).paths)


def current(root: Path, path: str) -> str:
    """The text of a generated file as it is now, for a diff; empty where there is none."""
    folder, _, name = path.rpartition("/")
    try:
        with opened_root(root) as top, opened_folder(top, folder) as opened:
            return (content_of(opened, name) or b"").decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise failed(error, path) from error


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the generated folders of a scope are to hold: files, and the folders that these lie in."""

    scope: Scope
    files: Mapping[str, bytes]
    folders: Set[str]


def _wanted(files: Mapping[str, str], scope: Scope) -> _Wanted:
    wanted = {}
    for path, text in files.items():
        if not GENERATED_FILE.fullmatch(path) or not text.startswith("# Generated from "):
            msg = f"not the path or not the text of a generated file: {path!r}"
            raise ValueError(msg)
        if scope.owns(path.split("/", 3)[1:3]):
            wanted[path] = text.encode()
    return _Wanted(scope, wanted, all_parents(wanted))


def _meet(root: int, wanted: _Wanted) -> Iterator[tuple[str, _Met]]:
    """Every file and obstacle in the generated folders of the scope, with its state."""
    if is_link(root, TOP):
        yield TOP, ("link", "")
        return
    waiting = [TOP]
    while waiting:
        for path, met in _meet_in(root, waiting.pop(), wanted):
            if met is None:
                waiting.append(path)
            else:
                yield path, met


def _meet_in(root: int, folder: str, wanted: _Wanted) -> Iterator[tuple[str, _Met | None]]:
    """What one folder holds, with its state; None for a folder to go into."""
    path = folder
    try:
        with opened_folder(root, folder) as opened, os.scandir(opened) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}"
                yield from _met(opened, entry, path, wanted)
    except FileNotFoundError:  # another run has just removed the folder
        return
    except OSError as error:
        raise failed(error, path) from error


def _met(opened: int, entry: os.DirEntry[str], path: str, wanted: _Wanted) -> Iterator[tuple[str, _Met | None]]:
    if not _concerns(path, entry.name, wanted.scope):
        return
    met = _state(opened, entry, path, wanted)
    if met is not None or entry.is_dir(follow_symlinks=False):
        yield path, met


def _concerns(path: str, name: str, scope: Scope) -> bool:
    """Whether an entry lies in a generated folder of the scope, or could be one.

    Within such a folder everything counts, hidden files too: Argo CD heeds an `.argocd-source.yaml`.
    """
    depth = path.count("/")
    if depth > 2:
        return True
    hand_written = depth == 1 and name.endswith((".yaml", ".yml"))
    return not hand_written and not name.startswith(".") and scope.owns(path.split("/")[1:])


def _state(opened: int, entry: os.DirEntry[str], path: str, wanted: _Wanted) -> _Met | None:
    """The state of an entry; None for a folder to go into and for what is none of our business."""
    if entry.is_symlink():
        return ("link", "")
    if entry.is_dir(follow_symlinks=False):
        return ("blocked", "") if path in wanted.files else None
    if path in wanted.folders:
        return ("blocked", "")
    if path.count("/") < 3:  # a file beside the generated folders
        return None
    if not entry.is_file(follow_symlinks=False):
        return ("blocked" if path in wanted.files else "foreign", "")
    if not GENERATED_FILE.fullmatch(path):  # such as a copy that an editor has made
        return ("foreign", "")
    content = content_of(opened, entry.name, wanted.files.get(path))
    if content is None or content == wanted.files.get(path):
        return None if content is None else ("same", "")
    state = seal_state(content)
    kept = entry.name == CONTRACT_FILE and path not in wanted.files and path.rpartition("/")[0] in wanted.folders
    if kept and state == "ours":
        return None  # it stays as it is until it is locked anew, and goes with its folder
    return (state, sha256(content))
