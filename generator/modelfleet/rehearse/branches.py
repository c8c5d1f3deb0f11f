"""The pull requests of a train as local branches, each on top of the one before; the working tree and the index stay as they are.

One `git fast-import` makes all commits from a stream, so no file is checked out and no hook is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.pipeline.repository import Repository
from modelfleet.plan import git as plan_git
from modelfleet.rehearse.stop import Merge, Train
from modelfleet.spec.load import Document
from modelfleet.tools.git import run_git
from modelfleet.wording import listed, printable


def branch_names(train: Train) -> tuple[str, ...]:
    """What the branch of each pull request is called."""
    stops = enumerate(train.stops, 1)
    return tuple(f"{_folder(train)}/{number:02}-{stop.slug}" for number, stop in stops if isinstance(stop, Merge))


def _folder(train: Train) -> str:
    return f"rehearse/{train.environment}"


def write_branches(root: Path, train: Train) -> tuple[str, ...]:
    """Writes every pull request as a branch on top of what is checked out; the names of the branches.

    Raises MachineFailed where this is no Git repository, something is not committed, or a branch is there already.
    """
    names = branch_names(train)
    base = _head(root)
    committed = plan_git.file_ids(root, base)
    _refuse_uncommitted(train, committed, base)
    _refuse_existing(root, names)
    stream = b"".join(_stream(root, train, names, base))
    done = run_git(root, ["fast-import", "--quiet", "--done"], stream, {"core.compression": "1"})
    if done.code or _branches(root, names) != {*names}:
        message = f"Git could not write the branches: {done.complaint or 'not all of them are there'}"
        raise MachineFailed(message)
    return names


# ---- what it stands on -----------------------------------------------------------------------------------------------


def _head(root: Path) -> str:
    done = run_git(root, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
    if done.code:
        message = (
            "--write: there is no commit to stand on here; branches need a Git repository in which all is committed"
        )
        raise MachineFailed(message)
    return done.out.decode().strip()


def _refuse_uncommitted(train: Train, committed: Mapping[str, str], base: str) -> None:
    """The branches hold what was committed and their own changes, so nothing else may have gone into them."""
    repository = train.start.repository
    written = {document.file: document.text for document in _documents(repository)}
    wanted = {**plan_git.blob_ids(written, base), **plan_git.blob_ids(train.start.fleet.files, base)}
    differing = sorted(path for path, blob in wanted.items() if committed.get(path) != blob)
    folders = ("projects/", "runtimes/", "objects/", "models/")
    differing += sorted(path for path in committed if path.startswith(folders) and _is_missing(path, written))
    if differing:
        message = (
            f"--write: {listed([printable(path) for path in differing], 3)} {'is' if len(differing) == 1 else 'are'} not "
            "committed as rendered from what is here; run `modelfleet render`, commit, and try again"
        )
        raise MachineFailed(message)


def _is_missing(path: str, written: Mapping[str, str]) -> bool:
    return path.endswith(".yaml") and path not in written


def _documents(repository: Repository) -> Iterator[Document]:
    for group in (repository.projects, repository.environments, repository.models):
        yield from group.values()
    yield from repository.runtimes.values()
    yield from repository.objects.values()
    if repository.base is not None:
        yield repository.base


def _refuse_existing(root: Path, names: Iterable[str]) -> None:
    names = list(names)
    parents = {name.rsplit("/", depth)[0] for name in names for depth in (1, 2)}
    if there := _branches(root, [*names, *parents]):
        message = (
            f"--write: the branch {listed(sorted(there), 3)} is there already; delete what an earlier rehearsal wrote "
            f"(git branch -D {sorted(there)[0]} ...), or rename it"
        )
        raise MachineFailed(message)


def _branches(root: Path, names: Iterable[str]) -> set[str]:
    found = run_git(root, ["for-each-ref", "--format=%(refname)", "refs/heads/"])
    heads = {line.removeprefix("refs/heads/") for line in found.out.decode("utf-8", "replace").splitlines()}
    return heads & {*names}


# ---- the stream ------------------------------------------------------------------------------------------------------


def _stream(root: Path, train: Train, names: Iterable[str], base: str) -> Iterator[bytes]:
    """What `git fast-import` reads: a commit for each pull request, whose parent is the one before."""
    who, prefix = _committer(root), _prefix(root)
    parent = base
    for mark, (name, merge) in enumerate(zip(names, train.merges, strict=True), 1):
        text = f"{merge.title[0].upper()}{merge.title[1:]}\n".encode()
        yield f"commit refs/heads/{name}\nmark :{mark}\n".encode()
        yield b"committer %s\ndata %d\n%s\nfrom %s\n" % (who, len(text), text, parent.encode())
        for path, content in _changes(merge):
            place = _quoted(f"{prefix}{path}")
            if content is None:
                yield b"D %s\n" % place
            else:
                yield b"M 100644 inline %s\ndata %d\n%s\n" % (place, len(content), content)
        parent = f":{mark}"
    yield b"done\n"


def _changes(merge: Merge) -> Iterator[tuple[str, bytes | None]]:
    """The files that a pull request writes, and None for those that it takes away."""
    for document in merge.documents:
        yield document.file, document.text.encode()
    before, after = merge.before.fleet.files, merge.after.fleet.files
    for path, text in after.items():
        if before.get(path) != text:
            yield path, text.encode()
    yield from ((path, None) for path in before if path not in after)


def _committer(root: Path) -> bytes:
    """Who makes the commits, and when."""
    done = run_git(root, ["var", "GIT_COMMITTER_IDENT"])
    if done.code:
        message = (
            "--write: Git does not know who makes the commits; run `git config user.name NAME` and "
            "`git config user.email ADDRESS`"
        )
        raise MachineFailed(message)
    return done.out.strip()


def _prefix(root: Path) -> str:
    """The folder of the repository's top in which the root is."""
    return run_git(root, ["rev-parse", "--show-prefix"]).out.decode("utf-8", "surrogateescape").rstrip("\n")


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode("utf-8", "surrogateescape")
