"""Writes the generated tree: every file is at every moment the old one or the new one, and nothing else is lost.

A run makes all new files ready in a hidden folder, publishes a journal of what is to be done, does it by renames and
takes the journal away again. One that is killed before the journal is there has changed nothing; after that, the next
`render` finishes what the journal says. Death of the process is what this is made for: nothing is synced to the disk.

What is in the files is settled elsewhere. Here a file is known by its first line, which names its sources and holds a
checksum of the rest. Everything is opened name by name below the root, so that no symbolic link is ever followed.
All that a run needs for itself is called `environments/.modelfleet*`, which belongs into `.gitignore`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Literal

from generator.finding import Finding, Location, MachineFailed, Rejected, Severity, listed, printable

TOP = "environments"
STAGING = f"{TOP}/.modelfleet"
JOURNAL = f"{STAGING}/journal"
LOCK = f"{TOP}/.modelfleet.lock"

_HEADER = re.compile(rb"# Generated from [^\n]+: edit those, then `modelfleet render`\. sha256:([0-9a-f]{16})\n")
_HEADER_BELOW = re.compile(rb"^# Generated from [^\n]*`modelfleet render`", re.MULTILINE)
_GENERATED_FILE = re.compile(rf"{TOP}(?:/[a-z0-9][a-z0-9._-]*){{3,}}")
_GENERATED_PATH = re.compile(rf"{TOP}(?:/[a-z0-9][a-z0-9._-]*)+")
_HOLDER = re.compile(rb"(\d{1,10}) ([0-9T:+-]{1,40})\n")

_HEAD_BYTES = 4096
_MOST_BYTES = 16 << 20  # far more than an API server takes, so what is larger was not generated
_MOST_JOURNAL_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 16
_POLL_S = 0.05

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: a FIFO must not hold the run up
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_AS_BEFORE = "the generated folders are as they were"
_HALF_WRITTEN = f"{TOP}/ is half written, and the next `modelfleet render` finishes it once the cause is gone"
_WRITTEN = f"the generated folders are written, and the next `modelfleet render` removes {STAGING}"
_TO_REMOVE = f"remove {STAGING}, then `modelfleet render`"

SealState = Literal["ours", "edited", "foreign"]
_State = Literal["same", "ours", "edited", "foreign", "link", "blocked"]
_Met = tuple[_State, str]  # with the SHA-256 of what is not to stay as it is


@dataclass(frozen=True, slots=True)
class Scope:
    """The generated folders that a run owns: `environments/<environment>/<project>` for these names, None for all.

    `base` counts as an environment here and `argocd` as a project. Nothing outside is looked at or touched.
    """

    environments: frozenset[str] | None = None
    projects: frozenset[str] | None = None

    def owns(self, names: Sequence[str]) -> bool:
        """Whether it owns this folder, or something in this folder: `(environment,)` or `(environment, project)`."""
        limits = (self.environments, self.projects)
        return all(limit is None or name in limit for limit, name in zip(limits, names, strict=False))


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
    def writes(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run behaves: how long it waits for another one, and what it calls before it changes the file system."""

    patience_s: float = 30.0
    step: Callable[[str], None] = lambda what: None


_PLAIN = Manner()


# ---- the seal --------------------------------------------------------------------------------------------------------


def sealed(sources: str, body: str) -> str:
    """The full text of a generated file: a comment that names the files it came from and seals the body, then the body.

    The checksum is the first 16 digits of what `tail -n +2 FILE | sha256sum` prints.
    """
    if not sources or not sources.isprintable():
        msg = f"cannot name the sources in one line: {sources!r}"
        raise ValueError(msg)
    digest = _sha256(body.encode())[:16]
    return f"# Generated from {sources}: edit those, then `modelfleet render`. sha256:{digest}\n{body}"


def seal_state(content: bytes) -> SealState:
    """Whether a file is as it was generated, was generated and then edited or badly merged, or is someone else's."""
    header = _HEADER.match(content)
    if header and _sha256(content[header.end() :])[:16].encode() == header[1]:
        return "ours"
    # A merge conflict or a note can stand above the line.
    return "edited" if header or _HEADER_BELOW.search(content, 0, _HEAD_BYTES) else "foreign"


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


# ---- what is there, and what is to be --------------------------------------------------------------------------------


def compare(root: Path, files: Mapping[str, str], scope: Scope) -> Changes:
    """What it takes to make the generated folders of the scope hold exactly these files; only reads.

    `files` maps paths such as `environments/prod/acme/kustomization.yaml` to sealed texts; those outside of the scope
    are left out.

    Raises:
        MachineFailed: something cannot be read.
        ValueError: a path or a text is none that this module writes.
    """
    wanted = _wanted(files, scope)
    with _opened(root) as top:
        met = dict(_meet(top, wanted, scope))
    unmet = sorted(wanted.keys() - met.keys())
    named: dict[_State, list[str]] = {}
    for path in sorted(met):
        named.setdefault(met[path][0], []).append(path)
    links, blocked = named.get("link", []), named.get("blocked", [])
    obstacles = {*links, *blocked}
    written = sorted([*named.get("ours", []), *named.get("edited", [])])
    foreign = named.get("foreign", [])
    return Changes(
        added=tuple(path for path in unmet if obstacles.isdisjoint(_parents(path))),
        changed=tuple(path for path in sorted([*written, *foreign]) if path in wanted),
        removed=tuple(path for path in written if path not in wanted),
        unchanged=len(named.get("same", [])),
        foreign=tuple(foreign),
        edited=tuple(named.get("edited", [])),
        links=tuple(links),
        blocked=tuple(blocked),
        before={path: digest for path, (_, digest) in met.items() if digest},
    )


def current(root: Path, path: str) -> str:
    """The text of a generated file as it is now, for a diff; empty where there is none."""
    folder, _, name = path.rpartition("/")
    try:
        with _opened(root) as top, _folder(top, folder) as opened:
            return (_content(opened, name) or b"").decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _failed(error, path) from error


def conflicts(changes: Changes, *, overwrite: bool = False) -> list[Finding]:
    """What stands in the way of writing: policy findings, of which `overwrite` makes some into warnings."""
    changed, removed = set(changes.changed), set(changes.removed)
    found = [_finding("OUT001", path, *_LINK) for path in changes.links]
    found += [_finding("OUT002", path, *_BLOCKED) for path in changes.blocked]
    for path in changes.foreign:
        words = _IN_THE_WAY if path in changed else _FOREIGN
        found.append(_overwritable("OUT003", path, words, overwrite=overwrite))
    for path in changes.edited:
        words = _EDITED_STALE if path in removed else _EDITED
        found.append(_overwritable("OUT004", path, words, overwrite=overwrite))
    return sorted(found, key=lambda finding: finding.order)


# What is wrong and what to do about it; where --overwrite goes on, also what it then does.
_LINK = ("a symbolic link among the generated files, and none is followed or replaced", "remove it")
_BLOCKED = ("it stands where a file or folder of another type is to be generated", "move it away")
_FOREIGN = (
    "modelfleet did not write this file, and the folder is generated",
    "move it away, or `modelfleet render --overwrite` goes on and leaves it there",
    "left as it is",
)
_IN_THE_WAY = (
    "modelfleet did not write this file, and it stands where one is to be generated",
    "move it away, or `modelfleet render --overwrite` replaces it",
    "replaced",
)
_EDITED = (
    "edited by hand or merged since it was generated",
    "make the change in the files that its first line names, then `modelfleet render --overwrite` replaces it",
    "replaced",
)
_EDITED_STALE = (
    "edited by hand or merged since it was generated, and nothing generates it any more",
    "move it away, or `modelfleet render --overwrite` removes it",
    "removed",
)


def _finding(code: str, path: str, message: str, hint: str) -> Finding:
    return Finding(at=Location(path), code=code, message=message, hint=hint, policy=True)


def _overwritable(code: str, path: str, words: tuple[str, str, str], *, overwrite: bool) -> Finding:
    message, hint, done = words
    if not overwrite:
        return _finding(code, path, message, hint)
    return Finding(at=Location(path), code=code, message=message, hint=done, severity=Severity.WARNING)


def _wanted(files: Mapping[str, str], scope: Scope) -> dict[str, bytes]:
    wanted = {}
    for path, text in files.items():
        if not _GENERATED_FILE.fullmatch(path) or not text.startswith("# Generated from "):
            msg = f"not the path or not the text of a generated file: {path!r}"
            raise ValueError(msg)
        if scope.owns(path.split("/", 3)[1:3]):
            wanted[path] = text.encode()
    return wanted


def _meet(root: int, wanted: Mapping[str, bytes], scope: Scope) -> Iterator[tuple[str, _Met]]:
    """Every file and obstacle in the generated folders of the scope, with its state."""
    folders = _all_parents(wanted)
    if _is_link(root, TOP):
        yield TOP, ("link", "")
        return
    waiting = [TOP]
    while waiting:
        folder = waiting.pop()
        path = folder
        try:
            with _folder(root, folder) as opened, os.scandir(opened) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}"
                    if not _concerns(path, entry.name, scope):
                        continue
                    met = _state(opened, entry, path, wanted, folders)
                    if met is not None:
                        yield path, met
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
        except FileNotFoundError:  # another run has just removed the folder
            continue
        except OSError as error:
            raise _failed(error, path) from error


def _concerns(path: str, name: str, scope: Scope) -> bool:
    """Whether an entry lies in a generated folder of the scope, or could be one.

    Within such a folder everything counts, hidden files too: Argo CD heeds an `.argocd-source.yaml`.
    """
    depth = path.count("/")
    if depth > 2:
        return True
    hand_written = depth == 1 and name.endswith((".yaml", ".yml"))
    return not hand_written and not name.startswith(".") and scope.owns(path.split("/")[1:])


def _state(
    opened: int, entry: os.DirEntry[str], path: str, wanted: Mapping[str, bytes], folders: Set[str]
) -> _Met | None:
    """The state of an entry; None for a folder to go into and for what is none of our business."""
    if entry.is_symlink():
        return ("link", "")
    if entry.is_dir(follow_symlinks=False):
        return ("blocked", "") if path in wanted else None
    if path in folders:
        return ("blocked", "")
    if path.count("/") < 3:  # a file beside the generated folders
        return None
    if not entry.is_file(follow_symlinks=False):
        return ("blocked" if path in wanted else "foreign", "")
    if not _GENERATED_FILE.fullmatch(path):  # such as a copy that an editor has made
        return ("foreign", "")
    content = _content(opened, entry.name, wanted.get(path))
    if content is None or content == wanted.get(path):
        return None if content is None else ("same", "")
    return (seal_state(content), _sha256(content))


def _content(folder: int, name: str, hoped: bytes | None = None, most: int = _MOST_BYTES) -> bytes | None:
    """What a file holds, or None where there is none; of one that is too large, only the beginning."""
    try:
        file = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        chunks = [os.read(file, _CHUNK_BYTES if hoped is None else len(hoped) + 1)]
        if chunks[0] == hoped:
            return hoped
        size = len(chunks[0])
        while size < most and (chunk := os.read(file, _CHUNK_BYTES)):
            chunks.append(chunk)
            size += len(chunk)
        return b"".join(chunks)
    finally:
        os.close(file)


# ---- writing ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """A run that holds the lock, and how far it has come: what it is at, and what an error there means."""

    root: int
    hook: Callable[[str], None]
    signals: list[int]
    at: str = LOCK
    then: str = _AS_BEFORE

    def step(self, what: str, path: str) -> None:
        """Announces a change of the file system."""
        self.at = path
        self.hook(f"{what} {path}")

    def prepare(self, what: str, path: str) -> None:
        """Announces a change before the journal, where there is still time to heed a signal."""
        self.step(what, path)
        if self.signals:
            msg = f"stopped by signal {self.signals[0]}; {_AS_BEFORE}"
            raise MachineFailed(msg)


@dataclass(frozen=True, slots=True)
class _Journal:
    """What is to be done: files and folders to put in place, with the SHA-256 of what they replace, and removals."""

    put: Mapping[str, str | None]
    remove: Mapping[str, str]


def write(
    root: Path, files: Mapping[str, str], scope: Scope, manner: Manner = _PLAIN, *, overwrite: bool = False
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
        with _locked(root, manner) as run:
            _tidy(run)
            changes = _agreed(root, files, scope, overwrite=overwrite)  # another run may have written since
            if changes.writes:
                _apply(run, changes, files)
    return changes


def recover(root: Path, manner: Manner = _PLAIN) -> bool:
    """Finishes what a killed run left unfinished and removes what it left behind; says whether it was unfinished.

    A file that was changed since then is left alone, for `compare` to judge. `write` begins with this; a command that
    may write calls it first of all, so that an unfinished run is finished even if the sources are wrong now.
    """
    with _opened(root) as top:
        if _is_link(top, TOP) or not (_exists(top, STAGING) or _exists(top, LOCK)):
            return False
    with _locked(root, manner) as run:
        return _tidy(run)


def unfinished(root: Path) -> str | None:
    """Why the generated folders cannot be judged now, if so; for commands that only read, after they have read."""
    with _opened(root) as top:
        held = _is_held(top)
        if not _exists(top, JOURNAL):
            return None
        if held:
            return f"{TOP}/ is being written by another modelfleet{_holder(top)}; try again when it is done"
    return f"{TOP}/ is half written: a run was stopped in between; `modelfleet render` finishes it"


def _agreed(root: Path, files: Mapping[str, str], scope: Scope, *, overwrite: bool) -> Changes:
    changes = compare(root, files, scope)
    findings = conflicts(changes, overwrite=overwrite)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise Rejected(findings)
    return changes


def _apply(run: _Run, changes: Changes, files: Mapping[str, str]) -> None:
    put: dict[str, str | None] = dict.fromkeys(_topmost_missing(run.root, changes.added))
    put |= {path: changes.before[path] for path in changes.changed}
    journal = _Journal(put, {path: changes.before[path] for path in changes.removed})
    published = False
    try:
        _prepare(run, journal, {path: files[path].encode() for path in (*changes.added, *changes.changed)})
        published = True
    finally:
        if not published:
            with suppress(OSError):  # what failed first is what is told
                _clear(replace(run))
    if left := _finish(run, journal):
        msg = (
            f"changed by someone else meanwhile and left as it is: {listed(left)}; look at it, then `modelfleet render`"
        )
        raise MachineFailed(printable(msg))


def _topmost_missing(root: int, added: Iterable[str]) -> list[str]:
    """What has to be put in place for these files to appear: files, and whole folders where these are missing."""
    missing: dict[str, str | None] = {}  # folder -> the topmost folder on the way to it that is missing
    for folder in sorted({_parent(path) for path in added}):
        missing[folder] = next((step for step in (*_parents(folder), folder) if not _exists(root, step)), None)
    return sorted({missing[_parent(path)] or path for path in added})


def _prepare(run: _Run, journal: _Journal, contents: Mapping[str, bytes]) -> None:
    """Makes everything ready in the hidden folder, then publishes the journal."""
    made: set[str] = set()
    _make_folders(run, STAGING, made)
    _check_writable(run, journal)
    for folder, names in _by_folder(contents):
        _make_folders(run, f"{STAGING}/{folder}", made)
        with _folder(run.root, f"{STAGING}/{folder}") as opened:
            for name in names:
                path = f"{folder}/{name}"
                run.prepare("stage", path)
                _create(opened, name, contents[path])
    _publish(run, journal)


def _check_writable(run: _Run, journal: _Journal) -> None:
    """Raises the error that a change in a folder would meet, while there is still nothing to be undone."""
    device = os.stat(STAGING, dir_fd=run.root).st_dev
    touched = {_parent(path) for path in journal.put}.union(*map(_parents, journal.remove))
    for folder in sorted(touched):
        run.at = folder
        with _folder(run.root, folder) as opened:
            number = 0
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=opened):
                number = errno.EROFS if os.fstatvfs(opened).f_flag & os.ST_RDONLY else errno.EACCES
            elif os.fstat(opened).st_dev != device:
                number = errno.EXDEV
        if number:
            raise OSError(number, os.strerror(number))


def _make_folders(run: _Run, path: str, made: set[str]) -> None:
    for folder in (*_parents(path)[1:], path):
        if folder not in made:
            run.prepare("make", folder)
            with _folder(run.root, _parent(folder)) as opened:
                os.mkdir(_name(folder), dir_fd=opened)
                os.chmod(_name(folder), 0o755, dir_fd=opened)  # the umask has cut the mode of mkdir
            made.add(folder)


def _create(folder: int, name: str, content: bytes) -> None:
    file = os.open(name, _CREATE, 0o600, dir_fd=folder)
    try:
        os.fchmod(file, 0o644)  # whatever the umask is
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def _publish(run: _Run, journal: _Journal) -> None:
    import json

    content = json.dumps({"put": journal.put, "remove": journal.remove}, indent=0).encode()
    name = _name(JOURNAL)
    with _folder(run.root, STAGING) as opened:
        run.prepare("stage", JOURNAL)
        _create(opened, f"{name}.new", content)
        run.prepare("publish", JOURNAL)
        os.rename(f"{name}.new", name, src_dir_fd=opened, dst_dir_fd=opened)


# ---- doing what a journal says ---------------------------------------------------------------------------------------


def _tidy(run: _Run) -> bool:
    """Finishes an unfinished run, if there is one, and removes what was left behind in any case."""
    run.at, run.then = STAGING, _TO_REMOVE
    journal = _read_journal(run.root)
    if journal is not None:
        _finish(run, journal)
    elif _exists(run.root, STAGING):
        _clear(run)
    run.then = _AS_BEFORE
    return journal is not None


def _finish(run: _Run, journal: _Journal) -> list[str]:
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
    _clear(run)
    return left


def _put(run: _Run, journal: _Journal) -> list[str]:
    left = []
    for folder, names in _by_folder(journal.put):
        run.at = folder
        with _folder_if_any(run.root, f"{STAGING}/{folder}") as staged, _folder_if_any(run.root, folder) as target:
            if staged is None:
                continue
            for name in names:
                run.at = path = f"{folder}/{name}"
                if target is not None and _digest(target, name) == journal.put[path]:
                    run.step("put", path)
                    with suppress(FileNotFoundError):  # it was put there before, and someone has undone that
                        os.replace(name, name, src_dir_fd=staged, dst_dir_fd=target)
                else:
                    left.append(path)
    return left


def _remove(run: _Run, journal: _Journal) -> list[str]:
    left = []
    for folder, names in _by_folder(journal.remove):
        run.at = folder
        with _folder_if_any(run.root, folder) as opened:
            if opened is None:
                continue
            for name in names:
                run.at = path = f"{folder}/{name}"
                digest = _digest(opened, name)
                if digest == journal.remove[path]:
                    run.step("remove", path)
                    os.unlink(name, dir_fd=opened)
                elif digest is not None:
                    left.append(path)
    return left


def _prune(run: _Run, journal: _Journal) -> None:
    """Removes the folders that have become empty."""
    folders = {folder for path in journal.remove for folder in _parents(path)[1:]}
    for folder in sorted(folders, key=lambda path: (-path.count("/"), path)):
        with _folder_if_any(run.root, _parent(folder)) as opened:
            if opened is None:
                continue
            run.step("remove", folder)
            try:
                os.rmdir(_name(folder), dir_fd=opened)
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
    content = _content(folder, name)
    return None if content is None else _sha256(content)


def _clear(run: _Run) -> None:
    """Removes the hidden folder."""
    folders = [STAGING]
    for folder in folders:
        run.at = folder
        with _folder(run.root, folder) as opened, os.scandir(opened) as entries:
            for entry in list(entries):
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                else:
                    run.step("remove", path)
                    os.unlink(entry.name, dir_fd=opened)
    for folder in reversed(folders):
        run.step("remove", folder)
        with _folder(run.root, _parent(folder)) as opened:
            os.rmdir(_name(folder), dir_fd=opened)


def _read_journal(root: int) -> _Journal | None:
    """The journal of an unfinished run.

    It may have come with a pull request, so it is held to what this module writes: it names only files in generated
    folders, and all that it puts there has our seal.
    """
    with _folder_if_any(root, STAGING) as opened:
        content = None if opened is None else _content(opened, _name(JOURNAL), most=_MOST_JOURNAL_BYTES)
    if content is None:
        return None
    journal = _parsed(content)
    if journal is None or not _all_sealed(root):
        msg = f"{JOURNAL} is not as modelfleet writes it; {_TO_REMOVE}"
        raise MachineFailed(msg)
    return journal


def _parsed(content: bytes) -> _Journal | None:
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
                and all(_GENERATED_FILE.fullmatch(path) for path in remove)
                and all(isinstance(digest, str) for digest in digests)
            )
            return _Journal(put, remove) if fits else None
        case _:
            return None


def _all_sealed(root: int) -> bool:
    folders = [f"{STAGING}/{TOP}"]
    for folder in folders:
        with _folder_if_any(root, folder) as opened:
            if opened is None:
                continue
            with os.scandir(opened) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                    elif not _is_sealed(opened, entry, path.removeprefix(f"{STAGING}/")):
                        return False
    return True


def _is_sealed(folder: int, entry: os.DirEntry[str], path: str) -> bool:
    if not entry.is_file(follow_symlinks=False) or not _GENERATED_FILE.fullmatch(path):
        return False
    return seal_state(_content(folder, entry.name) or b"") == "ours"


# ---- one run at a time -----------------------------------------------------------------------------------------------


@contextmanager
def _locked(root: Path, manner: Manner) -> Iterator[_Run]:
    """The right to write; waits for a run that has it.

    Raises:
        MachineFailed: the other run did not end in time, or the file system failed within the block.
    """
    with _signals_kept() as signals, _opened(root) as top:
        run = _Run(top, manner.step, signals)
        try:
            with _lock(run, manner.patience_s):
                yield run
        except OSError as error:
            raise _failed(error, run.at, run.then) from error


@contextmanager
def _signals_kept() -> Iterator[list[int]]:
    """Keeps the signals that would end the process, and lets them have their effect at the end of the block."""
    import signal
    import threading

    kept: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers, and none is interrupted
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                handlers[number] = signal.signal(number, lambda number, frame: kept.append(number))
    try:
        yield kept
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if kept:
            signal.raise_signal(kept[0])


@contextmanager
def _lock(run: _Run, patience_s: float) -> Iterator[None]:
    """Holds the lock. It is a lock of the system's, which goes with its holder; the file only names him."""
    with _folder(run.root, TOP) as top:
        lock = _wait_for_lock(run, top, patience_s)
        try:
            yield
        finally:
            run.hook(f"remove {LOCK}")
            with suppress(OSError):  # what stays behind keeps nobody out
                os.unlink(_name(LOCK), dir_fd=top)
            os.close(lock)


def _wait_for_lock(run: _Run, top: int, patience_s: float) -> int:
    import time

    run.prepare("make", LOCK)
    deadline = time.monotonic() + patience_s
    while (lock := _try_lock(top)) is None:
        if run.signals or time.monotonic() >= deadline:
            msg = (
                f"{TOP}/ is being written by another modelfleet{_holder(run.root)}; waited {patience_s:g} s for it, "
                "try again when it is done"
            )
            raise MachineFailed(msg)
        time.sleep(_POLL_S)
    return lock


def _try_lock(top: int) -> int | None:
    """The descriptor that is the lock for as long as it is open."""
    import fcntl
    from datetime import datetime

    lock = os.open(_name(LOCK), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644, dir_fd=top)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there = os.stat(_name(LOCK), dir_fd=top, follow_symlinks=False)
        held = os.path.samestat(os.fstat(lock), there)  # its last holder may have removed what was opened here
    except (BlockingIOError, FileNotFoundError):
        held = False
    except OSError:
        os.close(lock)
        raise
    if not held:
        os.close(lock)
        return None
    with suppress(OSError):  # a full disk is to be told of the file that matters
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {datetime.now().astimezone().isoformat(timespec='seconds')}\n".encode(), 0)
    return lock


def _is_held(root: int) -> bool:
    import fcntl

    try:
        lock = os.open(LOCK, _READ, dir_fd=root)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _holder(root: int) -> str:
    """Who holds the lock, for a message; empty where that is not known."""
    content = None
    with suppress(OSError), _folder(root, TOP) as top:
        content = _content(top, _name(LOCK))
    holder = _HOLDER.fullmatch(content or b"")
    return f" (process {holder[1].decode()}, since {holder[2].decode()})" if holder else ""


# ---- paths below the root --------------------------------------------------------------------------------------------


@contextmanager
def _opened(root: Path) -> Iterator[int]:
    try:
        opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _failed(error, str(root)) from error
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def _folder(root: int, path: str) -> Iterator[int]:
    opened = _open_folder(root, path)
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def _folder_if_any(root: int, path: str) -> Iterator[int | None]:
    try:
        opened = _open_folder(root, path)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield opened
    finally:
        os.close(opened)


def _open_folder(root: int, path: str) -> int:
    """Opens a folder below the root name by name; a symbolic link on the way is no folder."""
    opened = root
    for name in path.split("/"):
        try:
            inner = os.open(name, _FOLDER, dir_fd=opened)
        finally:
            if opened != root:
                os.close(opened)
        opened = inner
    return opened


def _exists(root: int, path: str) -> bool:
    try:
        os.stat(path, dir_fd=root, follow_symlinks=False)
    except OSError:
        return False
    return True


def _is_link(root: int, path: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(path, dir_fd=root, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _by_folder(paths: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """The names in each folder, sorted."""
    split = sorted(path.rpartition("/")[::2] for path in paths)
    for folder, group in groupby(split, key=lambda parts: parts[0]):
        yield folder, [name for _, name in group]


def _parents(path: str) -> list[str]:
    """The folders that a path lies in, the topmost first."""
    steps = path.split("/")
    return ["/".join(steps[:length]) for length in range(1, len(steps))]


def _all_parents(paths: Iterable[str]) -> set[str]:
    folders = {_parent(path) for path in paths}
    return folders.union(*map(_parents, folders))


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _failed(error: OSError, path: str, then: str = "nothing was written") -> MachineFailed:
    return MachineFailed(f"{error.strerror}: {printable(path)}; {then}")
