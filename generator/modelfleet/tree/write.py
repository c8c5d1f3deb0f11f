"""Writes the generated tree: every file is at every moment the old one or the new one, and nothing else is lost.

A run makes all new files ready in a hidden folder, publishes a journal of what is to be done, does it by renames and
removes the journal again. One that is killed before the journal is there has changed nothing; after that, the next
`render` finishes what the journal says. Death of the process is what this is made for: nothing is synced to the disk.

What is in the files is settled elsewhere. Here a file is known by its first line, which names its sources and holds a
checksum of the rest. Everything is opened name by name below the root, so that no symbolic link is ever followed.
All that a run needs for itself is called `environments/.modelfleet*`, which belongs in `.gitignore`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from modelfleet.finding import MachineFailed, Rejected, Severity
from modelfleet.layout import TOP, Scope
from modelfleet.tree.compare import Changes, compare_tree
from modelfleet.tree.conflicts import conflicts
from modelfleet.tree.folders import (
    by_folder,
    create,
    exists,
    is_link,
    name_of,
    opened_folder,
    opened_root,
    parent,
    parents,
)
from modelfleet.tree.journal import JOURNAL, STAGING, Journal, clear, finish, publish, tidy
from modelfleet.tree.lock import LOCK, RunState, WriteOptions, hold_lock, holder, is_held
from modelfleet.wording import listed, printable

_PLAIN = WriteOptions()


def write(
    root: Path, files: Mapping[str, str], scope: Scope, manner: WriteOptions = _PLAIN, *, overwrite: bool = False
) -> Changes:
    """Makes the generated folders of the scope hold exactly these files, and returns what that took.

    Where nothing differs, nothing is written, not even a lock. What a killed run left unfinished is finished first.

    Raises:
        Rejected: files or links are in the way (see `conflicts`); nothing was written.
        MachineFailed: it cannot be written; the message says whether the folders are as they were or half written.
    """
    recover(root, manner)
    changes = _agreed(root, files, scope, overwrite=overwrite)
    if changes.writes:
        with hold_lock(root, manner) as run:
            tidy(run)
            changes = _agreed(root, files, scope, overwrite=overwrite)  # another run may have written since
            if changes.writes:
                _apply(run, changes, files)
    return changes


def recover(root: Path, manner: WriteOptions = _PLAIN) -> bool:
    """Finishes what a killed run left unfinished and removes what it left behind; says whether it was unfinished.

    A file that was changed since then is left alone, for `compare` to judge. `write` begins with this; a command that
    may write calls it first of all, so that an unfinished run is finished even if the sources are wrong now.
    """
    with opened_root(root) as top:
        if is_link(top, TOP) or not (exists(top, STAGING) or exists(top, LOCK)):
            return False
    with hold_lock(root, manner) as run:
        return tidy(run)


def unfinished(root: Path) -> str | None:
    """Why the generated folders cannot be judged now, if so; for commands that only read, after they have read."""
    with opened_root(root) as top:
        held = is_held(top)
        if not exists(top, JOURNAL):
            return None
        if held:
            return f"{TOP}/ is being written by another modelfleet{holder(top)}; try again when it is done"
    return f"{TOP}/ is partly written: a run was interrupted; `modelfleet render` finishes it"


def _agreed(root: Path, files: Mapping[str, str], scope: Scope, *, overwrite: bool) -> Changes:
    changes = compare_tree(root, files, scope)
    findings = conflicts(changes, overwrite=overwrite)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise Rejected(findings)
    return changes


def _apply(run: RunState, changes: Changes, files: Mapping[str, str]) -> None:
    put: dict[str, str | None] = dict.fromkeys(_topmost_missing(run.root, changes.added))
    put |= {path: changes.before[path] for path in changes.changed}
    journal = Journal(put, {path: changes.before[path] for path in changes.removed})
    published = False
    try:
        _prepare(run, journal, {path: files[path].encode() for path in (*changes.added, *changes.changed)})
        published = True
    finally:
        if not published:
            with suppress(OSError):  # what failed first is what is told
                clear(replace(run))
    if left := finish(run, journal):
        msg = f"changed by someone else in the meantime and left as it is: {listed(left)}; check it, then `modelfleet render`"
        raise MachineFailed(printable(msg))


def _topmost_missing(root: int, added: Iterable[str]) -> list[str]:
    """What has to be put in place for these files to appear: files, and whole folders where these are missing."""
    missing: dict[str, str | None] = {}  # folder -> the topmost folder on the way to it that is missing
    for folder in sorted({parent(path) for path in added}):
        missing[folder] = next((step for step in (*parents(folder), folder) if not exists(root, step)), None)
    return sorted({missing[parent(path)] or path for path in added})


def _prepare(run: RunState, journal: Journal, contents: Mapping[str, bytes]) -> None:
    """Makes everything ready in the hidden folder, then publishes the journal."""
    made: set[str] = set()
    _make_folders(run, STAGING, made)
    _check_writable(run, journal)
    for folder, names in by_folder(contents):
        _make_folders(run, f"{STAGING}/{folder}", made)
        with opened_folder(run.root, f"{STAGING}/{folder}") as opened:
            for name in names:
                path = f"{folder}/{name}"
                run.prepare("stage", path)
                create(opened, name, contents[path])
    publish(run, journal)


def _check_writable(run: RunState, journal: Journal) -> None:
    """Raises the error that a change in a folder would meet, while there is still nothing to be undone."""
    device = os.stat(STAGING, dir_fd=run.root).st_dev
    touched = {parent(path) for path in journal.put}.union(*map(parents, journal.remove))
    for folder in sorted(touched):
        run.at = folder
        with opened_folder(run.root, folder) as opened:
            number = 0
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=opened):
                number = errno.EROFS if os.fstatvfs(opened).f_flag & os.ST_RDONLY else errno.EACCES
            elif os.fstat(opened).st_dev != device:
                number = errno.EXDEV
        if number:
            raise OSError(number, os.strerror(number))


def _make_folders(run: RunState, path: str, made: set[str]) -> None:
    for folder in (*parents(path)[1:], path):
        if folder not in made:
            run.prepare("make", folder)
            with opened_folder(run.root, parent(folder)) as opened:
                os.mkdir(name_of(folder), dir_fd=opened)
                os.chmod(name_of(folder), 0o755, dir_fd=opened)  # the umask has cut the mode of mkdir
            made.add(folder)
