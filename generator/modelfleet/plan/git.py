"""Git, read only: the files of a commit by the ids of their blobs, from which folders that are the same are never read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.layout import CONTRACT_FILE, TOP
from modelfleet.records import dataclass
from modelfleet.spec.limits import MAX_BYTES
from modelfleet.tools.git import run_git, without_filters
from modelfleet.tools.processes import Completed
from modelfleet.wording import printable

_MAX_TOTAL = 256 << 20
_DEPTH = 2  # of slashes in the path of a generated folder


@dataclass(frozen=True, slots=True)
class Tree:
    """The committed files below a repository's root at one commit: blob ids by path, and those of generated files by folder.

    `links` are not regular files.
    """

    root: Path
    commit: str
    blobs: Mapping[str, str]
    folders: Mapping[str, Mapping[str, str]]
    links: frozenset[str]


def blobs_by_folder(ids: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The ids of generated files by folder (`environments/<environment>/<project>`) and name; contracts are no manifests."""
    found: dict[str, dict[str, str]] = {}
    for path, blob in ids.items():
        folder, _, name = path.rpartition("/")
        if folder.count("/") == _DEPTH and folder.startswith(f"{TOP}/") and name != CONTRACT_FILE:
            found.setdefault(folder, {})[name] = blob
    return found


# ---- Git -------------------------------------------------------------------------------------------------------------


def _failed(done: Completed, what: str) -> MachineFailed:
    first = next((line for line in done.err.splitlines() if line.startswith("fatal: ")), "")
    said = dict.fromkeys(filter(None, (line.removeprefix("fatal: ") for line in (first, done.complaint))))
    return MachineFailed(f"plan: {what}: {'; '.join(said)}")


def commit_of(root: Path, revision: str) -> str:
    """The commit that a revision names. Raises MachineFailed where there is none, or no Git."""
    wanted = f"{revision}^{{commit}}"
    done = run_git(root, ["rev-parse", "--verify", "--quiet", "--end-of-options", wanted])
    if done.code == 0 and not revision.startswith("-"):
        return done.out.decode().strip()
    _refuse_no_git(root)
    message = (
        f"plan: there is no revision {printable(revision)!r} in this repository; "
        "fetch it first (in CI: fetch-depth: 0), or name another with --against"
    )
    raise MachineFailed(message)


def tip(root: Path, branch: str) -> str | None:
    """What a branch or tag points at, as the remote `origin` has it if it does; None where it is not here."""
    names = [f"refs/remotes/origin/{branch}", f"refs/heads/{branch}", f"refs/tags/{branch}"]
    found = run_git(root, ["for-each-ref", "--format=%(refname) %(objectname)", *names])
    refs = dict(line.split(" ") for line in found.out.decode().splitlines())
    return next((refs[name] for name in names if name in refs), None)


def merge_base(root: Path, branch: str) -> str:
    """The commit from which the working tree's branch left `branch`, as the remote `origin` has it if it does."""
    commit = tip(root, branch)
    if commit is None:
        _refuse_no_git(root)
        if run_git(root, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).code:
            message = "plan: nothing is committed here yet, so there is nothing to compare with; commit first"
            raise MachineFailed(message)
        message = (
            f"plan: neither origin/{branch} nor {branch} is here to compare with; "
            f"`git fetch origin {branch}` first, or name a revision with --against"
        )
        raise MachineFailed(message)
    done = run_git(root, ["merge-base", "HEAD", commit])
    if done.code == 0:
        return done.out.decode().split()[0]
    shallow = run_git(root, ["rev-parse", "--is-shallow-repository"]).out.strip() == b"true"
    why = (
        "this clone is shallow; `git fetch --unshallow` first (in CI: fetch-depth: 0)"
        if shallow
        else "name the revision to compare with: --against"
    )
    message = f"plan: HEAD and {branch} have no commit in common here; {why}"
    raise MachineFailed(message)


def untracked(root: Path) -> tuple[str, ...]:
    """The generated files that Git does not track and is not told to ignore; none where this is not a Git repository."""
    done = run_git(root, ["ls-files", "--others", "--exclude-standard", "-z", "--", TOP])
    found = done.out.decode("utf-8", "surrogateescape").split("\0") if done.code == 0 else []
    return tuple(sorted(path for path in found if path.count("/") > _DEPTH))


def _refuse_no_git(root: Path) -> None:
    done = run_git(root, ["rev-parse", "--is-inside-work-tree"])
    if done.code or done.out.strip() != b"true":
        if "not a git repository" in done.err or not done.err:
            message = "plan: this is not a Git repository, and what was committed is what the plan compares with"
            raise MachineFailed(message)
        raise _failed(done, "Git does not read this repository")


def tree(root: Path, commit: str) -> Tree:
    """The generated files of a commit, and the environments' own."""
    done = run_git(root, ["ls-tree", "-r", "-z", commit, TOP])
    if done.code:
        raise _failed(done, f"Git cannot list {commit[:12]}")
    blobs: dict[str, str] = {}
    links: set[str] = set()
    for entry in done.out.decode("utf-8", "surrogateescape").split("\0"):
        about, tab, path = entry.partition("\t")
        if tab:
            mode, _, blob = about.split(" ")
            blobs[path] = blob
            if mode not in ("100644", "100755"):
                links.add(path)
    return Tree(root, commit, blobs, blobs_by_folder(blobs), frozenset(links))


def file_ids(root: Path, commit: str) -> dict[str, str]:
    """The blob ids of all regular files below the root, by path."""
    done = run_git(root, ["ls-tree", "-r", "-z", commit])
    if done.code:
        raise _failed(done, f"Git cannot list {commit[:12]}")
    found = {}
    for entry in done.out.decode("utf-8", "surrogateescape").split("\0"):
        about, tab, path = entry.partition("\t")
        if tab and about.startswith("100"):
            found[path] = about.split(" ")[2]
    return found


def contents(found: Tree, paths: Iterable[str]) -> dict[str, bytes]:
    """The contents of committed files, all read by one process."""
    wanted = [path for path in dict.fromkeys(paths) if path in found.blobs and path not in found.links]
    if not wanted:
        return {}
    asked = "".join(f"{found.blobs[path]}\n" for path in wanted).encode()
    sizes = run_git(found.root, ["cat-file", "--batch-check=%(objectsize)"], asked)
    _refuse_large(found, dict(zip(wanted, sizes.out.split(b"\n"), strict=False)))
    done = run_git(found.root, ["cat-file", "--batch"], asked)
    if done.code:
        raise _failed(done, f"Git cannot read {found.commit[:12]}")
    texts: dict[str, bytes] = {}
    place = 0
    for path in wanted:
        end = done.out.index(b"\n", place)
        words = done.out[place:end].split()
        if len(words) != 3 or words[1] != b"blob":
            message = f"plan: Git does not have all of {found.commit[:12]}: {path} is missing; fetch the whole history"
            raise MachineFailed(message)
        size = int(words[2])
        texts[path] = done.out[end + 1 : end + 1 + size]
        place = end + 2 + size
    return texts


def _refuse_large(found: Tree, sizes: Mapping[str, bytes]) -> None:
    """A file of next to nothing in a pack can be one of gigabytes."""
    total = 0
    for path, size in sizes.items():
        total += int(size) if size.isdigit() else 0
        for what, count, limit in ((printable(path), size, MAX_BYTES), ("what is read", b"%d" % total, _MAX_TOTAL)):
            if count.isdigit() and int(count) > limit:
                message = (
                    f"plan: {what} has {int(count):,} bytes, as committed at {found.commit[:12]}, and {limit >> 20} MiB is "
                    "the limit; compare with another revision: --against"
                )
                raise MachineFailed(message)


def blob_ids(files: Mapping[str, str], like: str) -> dict[str, str]:
    """The ids that Git would give to these texts; `like` is an id of the repository, SHA-1 or SHA-256."""
    import hashlib

    hashed = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    found = {}
    for path, text in files.items():
        content = text.encode()
        digest = hashed(b"blob %d\0" % len(content), usedforsecurity=False)
        digest.update(content)
        found[path] = digest.hexdigest()
    return found


def as_committed(root: Path, ids: Mapping[str, str]) -> bool:
    """Whether the generated files in the index and in the working tree are exactly these; false where it is not sure."""
    listed = run_git(root, ["ls-files", "-s", "-z", "--", TOP])
    differing = [
        "diff-files",
        "-z",
        "--name-only",
        "--relative",
        "--ignore-submodules=all",
        "--no-ext-diff",
        "--no-textconv",
    ]
    touched = run_git(root, [*differing, "--", TOP], settings=without_filters(root))
    if listed.code or touched.code or touched.out:
        return False
    entries = set(listed.out.split(b"\0"))
    wanted = {f"100644 {blob} 0\t{path}".encode("utf-8", "surrogateescape") for path, blob in ids.items()}
    others = (entry.partition(b"\t")[2] for entry in entries - wanted)
    return wanted <= entries and all(path.count(b"/") < _DEPTH for path in others)
