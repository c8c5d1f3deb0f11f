"""The journal of a run: what is to be done, and doing it, be it after the run was killed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress

from modelfleet.finding import MachineFailed
from modelfleet.layout import GENERATED_FILE, TOP
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.tree.folders import (
    by_folder,
    content_of,
    create,
    exists,
    folder_if_any,
    name_of,
    opened_folder,
    parent,
    parents,
)
from modelfleet.tree.lock import AS_BEFORE, RunState
from modelfleet.tree.seal import seal_state, sha256

STAGING = f"{TOP}/.modelfleet"
JOURNAL = f"{STAGING}/journal"
_GENERATED_PATH = lazy_pattern(rf"{TOP}(?:/[a-z0-9][a-z0-9._-]*)+")
_MOST_JOURNAL_BYTES = 64 << 20
_HALF_WRITTEN = f"{TOP}/ is partly written, and the next `modelfleet render` finishes it once the cause is fixed"
_WRITTEN = f"the generated folders are written, and the next `modelfleet render` removes {STAGING}"
_TO_REMOVE = f"remove {STAGING}, then `modelfleet render`"


@dataclass(frozen=True, slots=True)
class Journal:
    """What is to be done: files and folders to put in place, with the SHA-256 of what they replace, and removals."""

    put: Mapping[str, str | None]
    remove: Mapping[str, str]


def publish(run: RunState, journal: Journal) -> None:
    """Puts the journal into the hidden folder; from then on, a killed run is finished by the next one."""
    import json

    content = json.dumps({"put": journal.put, "remove": journal.remove}, indent=0).encode()
    name = name_of(JOURNAL)
    with opened_folder(run.root, STAGING) as opened:
        run.prepare("stage", JOURNAL)
        create(opened, f"{name}.new", content)
        run.prepare("publish", JOURNAL)
        os.rename(f"{name}.new", name, src_dir_fd=opened, dst_dir_fd=opened)


def tidy(run: RunState) -> bool:
    """Finishes an unfinished run, if there is one, and removes what was left behind in any case."""
    run.at, run.then = STAGING, _TO_REMOVE
    journal = _read_journal(run.root)
    if journal is not None:
        finish(run, journal)
    elif exists(run.root, STAGING):
        clear(run)
    run.then = AS_BEFORE
    return journal is not None


def finish(run: RunState, journal: Journal) -> list[str]:
    """Does what is not yet done and forgets the journal.

    Returns the paths that were not as before: they stay as they are. Either they were done already, when an unfinished
    run is finished, or someone changed them meanwhile.
    """
    run.then = _HALF_WRITTEN
    left = _put(run, journal) + _remove(run, journal)
    _prune(run, journal)
    run.step("remove", JOURNAL)
    os.unlink(JOURNAL, dir_fd=run.root)
    run.then = _WRITTEN
    clear(run)
    return left


def _put(run: RunState, journal: Journal) -> list[str]:
    left = []
    for folder, names in by_folder(journal.put):
        run.at = folder
        with folder_if_any(run.root, f"{STAGING}/{folder}") as staged, folder_if_any(run.root, folder) as target:
            if staged is not None:
                paths = (f"{folder}/{name}" for name in names)
                left += [path for path in paths if not _is_put(run, path, journal.put[path], staged, target)]
    return left


def _is_put(run: RunState, path: str, before: str | None, staged: int, target: int | None) -> bool:
    """Puts a file or folder in place if what stands there is as before; says whether it was."""
    run.at, name = path, name_of(path)
    if target is None or _digest(target, name) != before:
        return False
    run.step("put", path)
    with suppress(FileNotFoundError):  # it was put there before, and someone has undone that
        os.replace(name, name, src_dir_fd=staged, dst_dir_fd=target)
    return True


def _remove(run: RunState, journal: Journal) -> list[str]:
    left = []
    for folder, names in by_folder(journal.remove):
        run.at = folder
        with folder_if_any(run.root, folder) as opened:
            if opened is not None:
                paths = (f"{folder}/{name}" for name in names)
                left += [path for path in paths if not _is_removed(run, path, journal.remove[path], opened)]
    return left


def _is_removed(run: RunState, path: str, before: str, folder: int) -> bool:
    """Removes a file if it is as before; says whether nothing is left there."""
    run.at, name = path, name_of(path)
    digest = _digest(folder, name)
    if digest != before:
        return digest is None
    run.step("remove", path)
    os.unlink(name, dir_fd=folder)
    return True


def _prune(run: RunState, journal: Journal) -> None:
    """Removes the folders that have become empty."""
    folders = {folder for path in journal.remove for folder in parents(path)[1:]}
    for folder in sorted(folders, key=lambda path: (-path.count("/"), path)):
        with folder_if_any(run.root, parent(folder)) as opened:
            if opened is not None:
                run.step("remove", folder)
                _remove_empty(opened, name_of(folder))


def _remove_empty(folder: int, name: str) -> None:
    """Removes a folder in a folder; one that is not empty stays, and none is as good."""
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise


def _digest(folder: int, name: str) -> str | None:
    """The SHA-256 of a file; None where there is nothing, and empty where there is no file but something else."""
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return ""
    except FileNotFoundError:
        return None
    content = content_of(folder, name)
    return None if content is None else sha256(content)


def clear(run: RunState) -> None:
    """Removes the hidden folder."""
    folders = [STAGING]
    for folder in folders:
        folders += _clear_files(run, folder)
    for folder in reversed(folders):
        run.step("remove", folder)
        with opened_folder(run.root, parent(folder)) as opened:
            os.rmdir(name_of(folder), dir_fd=opened)


def _clear_files(run: RunState, folder: str) -> list[str]:
    """Removes the files in a folder; returns the folders in it."""
    run.at, inner = folder, []
    with opened_folder(run.root, folder) as opened, os.scandir(opened) as entries:
        for entry in list(entries):
            path = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                inner.append(path)
            else:
                run.step("remove", path)
                os.unlink(entry.name, dir_fd=opened)
    return inner


def _read_journal(root: int) -> Journal | None:
    """The journal of an unfinished run.

    It may have come with a pull request, so it is held to what this module writes: it names only files in generated
    folders, and all that it puts there has our seal.
    """
    with folder_if_any(root, STAGING) as opened:
        content = None if opened is None else content_of(opened, name_of(JOURNAL), most=_MOST_JOURNAL_BYTES)
    if content is None:
        return None
    journal = _parsed(content)
    if journal is None or not _all_sealed(root):
        msg = f"{JOURNAL} was not written by modelfleet; {_TO_REMOVE}"
        raise MachineFailed(msg)
    return journal


def _parsed(content: bytes) -> Journal | None:
    import json

    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    match data:
        case {"put": dict(put), "remove": dict(remove)}:
            digests = (*(digest for digest in put.values() if digest is not None), *remove.values())
            fits = (
                all(_GENERATED_PATH.fullmatch(path) for path in put)
                and all(GENERATED_FILE.fullmatch(path) for path in remove)
                and all(isinstance(digest, str) for digest in digests)
            )
            return Journal(put, remove) if fits else None
        case _:
            return None


def _all_sealed(root: int) -> bool:
    folders = [TOP]
    for folder in folders:
        inner = _inner_folders(root, folder)
        if inner is None:
            return False
        folders += inner
    return True


def _inner_folders(root: int, folder: str) -> list[str] | None:
    """The folders in one that is to be put in place; None where a file in it does not have our seal."""
    with folder_if_any(root, f"{STAGING}/{folder}") as opened:
        if opened is None:
            return []
        with os.scandir(opened) as entries:
            found = {f"{folder}/{entry.name}": entry for entry in entries}
        inner = [path for path, entry in found.items() if entry.is_dir(follow_symlinks=False)]
        files = (path for path in found if path not in inner)
        return inner if all(_is_sealed(opened, found[path], path) for path in files) else None


def _is_sealed(folder: int, entry: os.DirEntry[str], path: str) -> bool:
    if not entry.is_file(follow_symlinks=False) or not GENERATED_FILE.fullmatch(path):
        return False
    return seal_state(content_of(folder, entry.name) or b"") == "ours"
