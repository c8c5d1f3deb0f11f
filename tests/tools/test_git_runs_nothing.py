"""Nothing that a repository brings is run by Git; and each attack works on a Git that is not told so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from console import modelfleet
from modelfleet.finding import MachineFailed
from modelfleet.plan import git as plan_git
from modelfleet.tools.git import run_git, without_filters
from plan_repository import Repository

BLOB = "projects/wide.yaml"


@pytest.fixture
def made(rendered_repository: Repository, tmp_path: Path) -> Repository:
    return rendered_repository.copy(tmp_path / "top")


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """What is there once something has been run."""
    return tmp_path / "marker"


@pytest.fixture
def script(tmp_path: Path, marker: Path) -> str:
    path = tmp_path / "script"
    path.write_text(f"#!/bin/sh\necho run >> {marker}\nexit 1\n")
    path.chmod(0o755)
    return str(path)


def ask_everything(root: Path) -> None:
    """All that `plan` asks Git."""
    commit = plan_git.commit_of(root, "HEAD")
    plan_git.tip(root, "main")
    plan_git.merge_base(root, "main")
    tree = plan_git.tree(root, commit)
    plan_git.as_committed(root, tree.blobs)
    plan_git.contents(tree, tree.blobs)


def careless(root: Path, *words: str) -> None:
    """Git as somebody may call it who thinks of no harm."""
    subprocess.run(["git", *words], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)


def missing_object(made: Repository, *settings: tuple[str, str]) -> None:
    """A partial clone whose remote has a file of the environments that is not here."""
    made.git("config", "extensions.partialClone", "origin")
    made.git("config", "remote.origin.promisor", "true")
    for name, value in settings:
        made.git("config", name, value)
    blob = made.git("rev-parse", "HEAD:environments/prod.yaml").strip()
    (made.top / ".git/objects" / blob[:2] / blob[2:]).unlink()


REMOTES: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    "ssh": lambda script: [("remote.origin.url", "ssh://a.example/x"), ("core.sshCommand", script)],
    "ext": lambda script: [("remote.origin.url", f"ext::{script} %S"), ("protocol.ext.allow", "always")],
    "upload pack": lambda script: [("remote.origin.url", "/"), ("remote.origin.uploadpack", script)],
    "upload pack allowed": lambda script: [
        ("remote.origin.url", "/"), ("remote.origin.uploadpack", script), ("protocol.file.allow", "always"),
    ],
    "proxy": lambda script: [("remote.origin.url", "git://a.example/x"), ("core.gitProxy", script)],
    "another name for it": lambda script: [
        ("remote.origin.url", "x:y"), (f"url.ext::{script} .insteadOf", "x:"), ("protocol.ext.allow", "always"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("remote", REMOTES)
def test_what_a_partial_clone_lacks_is_not_fetched(remote: str, made: Repository, marker: Path, script: str) -> None:
    missing_object(made, *REMOTES[remote](script))
    made.edit("environments/prod.yaml", "version: 1", "version: 1 # edited, so that the committed one is asked for")
    done = modelfleet(made.root, "plan", "--against", "HEAD")
    assert (done.code, "Git " in done.err, marker.exists()) == (5, True, False)
    careless(made.root, "cat-file", "-p", "HEAD:environments/prod.yaml")
    assert marker.exists()


def test_a_folder_that_looks_like_a_repository_is_none(made: Repository, marker: Path, script: str) -> None:
    """Its files are committed, and survive a clone."""
    fleet = Path(made.top / "fleet")
    for path, text in {
        "HEAD": "ref: refs/heads/main\n",
        "refs/heads/main": "1" * 40 + "\n",
        "objects/.keep": "",
        "environments/prod.yaml": "version: 1\n",
        "projects/a.yaml": "version: 1\n",
        "config": f"[core]\nrepositoryformatversion = 1\nbare = true\nsshCommand = {script}\n"
        '[extensions]\npartialClone = origin\n[remote "origin"]\nurl = ssh://a.example/x\npromisor = true\n',
    }.items():
        (fleet / path).parent.mkdir(parents=True, exist_ok=True)
        (fleet / path).write_text(text)
    with pytest.raises(MachineFailed) as refused:
        ask_everything(fleet)
    assert str(refused.value) == (
        f"{fleet} looks like a bare Git repository, which Git would read instead of the one around it; "
        "remove its HEAD, objects and refs, or give the folder of a working tree as --root"
    )
    with pytest.raises(MachineFailed, match="looks like a bare"):
        ask_everything(fleet / "environments")
    assert not marker.exists()
    careless(fleet, "-c", "safe.bareRepository=all", "cat-file", "-e", "HEAD")
    assert marker.exists()


def test_a_working_tree_within_a_bare_repository_is_read(made: Repository, tmp_path: Path) -> None:
    careless(tmp_path, "clone", "--bare", "-q", str(made.top), "bare.git")
    careless(tmp_path / "bare.git", "worktree", "add", "-q", str(tmp_path / "bare.git/tree"), "main")
    ask_everything(tmp_path / "bare.git/tree")


SETTINGS: dict[str, Callable[[str], dict[str, str]]] = {
    "fsmonitor": lambda script: {"core.fsmonitor": script},
    "pager": lambda script: {"core.pager": script, "pager.ls-tree": script, "pager.config": script},
    "editor": lambda script: {"core.editor": script, "sequence.editor": script},
    "alias": lambda script: {
        "alias.ls-tree": f"!{script}",
        "alias.rev-parse": f"!{script}",
        "alias.ls-files": f"!{script}",
    },
    "external diff": lambda script: {"diff.external": script, "diff.x.command": script, "diff.x.textconv": script},
    "filter": lambda script: {"filter.x.clean": script, "filter.x.smudge": script, "filter.x.required": "true"},
    "process": lambda script: {"filter.x.process": script, "filter.y=z.clean": script},
    "merge": lambda script: {"merge.x.driver": script},
    "gpg": lambda script: {"gpg.program": script, "log.showSignature": "true"},
    "credentials": lambda script: {"credential.helper": script, "core.askPass": script},
    "alternates": lambda script: {"core.alternateRefsCommand": script},
    "trailer": lambda script: {"trailer.x.command": script, "trailer.x.cmd": script},
    "pack hook": lambda script: {"uploadpack.packObjectsHook": script},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_of_a_repository_runs_anything(name: str, made: Repository, marker: Path, script: str) -> None:
    (made.top / ".gitattributes").write_text("* filter=x diff=x merge=x\n*.yaml -text\n")
    made.commit_as_it_is()
    for setting, value in SETTINGS[name](script).items():
        made.git("config", setting, value)
    unsure_index(made)
    ask_everything(made.root)
    assert not marker.exists()


def unsure_index(made: Repository) -> None:
    """Git has to look into the files to know whether they have changed, and a clean filter comes before that."""
    for path in (made.top / "environments/prod.yaml", made.top / RANK, made.top / ".git/index"):
        os.utime(path, (1_900_000_000, 1_900_000_000))


RANK = "environments/base/chat/inferenceservice-rank.yaml"


@pytest.mark.parametrize(
    ("setting", "words"),
    [("core.fsmonitor", ("status",)), ("filter.x.clean", ("status",)), ("diff.external", ("diff", "HEAD"))],
)
def test_those_settings_do_run_something_elsewhere(
    setting: str, words: tuple[str, ...], made: Repository, marker: Path, script: str
) -> None:
    (made.top / ".gitattributes").write_text("* filter=x\n")
    made.commit_as_it_is()
    made.git("config", setting, script)
    made.write("environments/prod.yaml", "other")
    careless(made.root, *words)
    assert marker.exists()


def test_included_settings_run_nothing(made: Repository, marker: Path, script: str) -> None:
    more = made.top / ".git/more"
    more.write_text(f'[core]\nfsmonitor = {script}\n[filter "x"]\nclean = {script}\n')
    made.git("config", "includeIf.gitdir:**.path", str(more))
    assert without_filters(made.root) == {
        "filter.x.clean": "", "filter.x.process": "", "filter.x.required": "false", "filter.x.smudge": "",
    }  # fmt: skip
    ask_everything(made.root)
    assert not marker.exists()


@pytest.mark.parametrize(
    "hook", ["post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc", "fsmonitor-watchman"]
)
@pytest.mark.parametrize("path", [".git/hooks", "hooks"])
def test_no_hook_is_run(hook: str, path: str, made: Repository, marker: Path, script: str) -> None:
    folder = made.top / path
    folder.mkdir(exist_ok=True)
    (folder / hook).symlink_to(script)
    if path == "hooks":
        made.git("config", "core.hooksPath", "hooks")
    unsure_index(made)
    ask_everything(made.root)
    assert not marker.exists()


def test_what_is_committed_is_read_and_not_what_replaces_it(made: Repository) -> None:
    old = made.git("rev-parse", f"HEAD:{BLOB}").strip()
    (made.top / "other").write_text("replaced\n")
    new = made.git("hash-object", "-w", "other").strip()
    made.git("replace", old, new)
    assert made.git("cat-file", "-p", old) == "replaced\n"
    assert run_git(made.root, ["cat-file", "-p", old]).out == (made.top / BLOB).read_bytes()


VARIABLES = {
    "GIT_DIR": "/nowhere", "GIT_COMMON_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere", "GIT_INDEX_FILE": "/nowhere",
    "GIT_OBJECT_DIRECTORY": "/nowhere", "GIT_NAMESPACE": "x", "GIT_PREFIX": "x/", "GIT_ICASE_PATHSPECS": "1",
    "GIT_LITERAL_PATHSPECS": "1", "GIT_GLOB_PATHSPECS": "1", "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/nowhere",
    "GIT_REPLACE_REF_BASE": "refs/x", "GIT_GRAFT_FILE": "/nowhere", "GIT_SHALLOW_FILE": "/nowhere", "GIT_QUARANTINE_PATH": "/x",
    "GIT_DEFAULT_HASH": "sha256", "GIT_REF_PARANOIA": "1",
}  # fmt: skip


def test_variables_of_the_caller_change_nothing(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    made.edit("projects/wide.yaml", "path: huge", "path: huge-2")
    made.render()
    wanted = modelfleet(made.root, "plan")
    assert (wanted.code, "huge" in wanted.out) == (0, True)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert modelfleet(made.root, "plan") == wanted


@pytest.mark.parametrize("path", [":/usr/bin:/bin", ".:/usr/bin:/bin", "bin:/usr/bin:/bin", "./bin:/usr/bin:/bin:"])
def test_no_git_out_of_the_repository_is_run(
    path: str, made: Repository, marker: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (made.root, made.root / "bin"):
        folder.mkdir(exist_ok=True)
        (folder / "git").symlink_to(script)
    monkeypatch.setenv("PATH", path)
    monkeypatch.chdir(made.root)
    ask_everything(made.root)
    assert not marker.exists()


def test_without_git_on_path(made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f":.:{tmp_path}")
    done = modelfleet(made.root, "plan")
    said = "modelfleet: git is not on PATH; install it (relative and empty entries of PATH are left out)\n"
    assert (done.code, done.out, done.err.endswith(said)) == (5, "", True)
