"""The branches of a train: each is what its pull request says, and nothing but branches is written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from console import Ran, modelfleet
from plan_repository import FILES, Repository, git, repository

WORDS = ("rehearse", "--env", "prod", "--to", "3.3")
NAMES = [
    "rehearse/prod/01-quotas",
    "rehearse/prod/02-texts-multi-model-add",
    "rehearse/prod/03-texts-multi-model-remove",
    "rehearse/prod/04-chat-advanced-add",
    "rehearse/prod/05-chat-advanced-remove",
    "rehearse/prod/07-release-3.3",
]
FLAWLESS = {
    **FILES,
    "environments/prod.yaml": FILES["environments/prod.yaml"]
    + "quota: {projects: {chat: {requests.nvidia.com/gpu: 3}}}\n",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return repository(tmp_path_factory.mktemp("rendered"), FLAWLESS)


@pytest.fixture
def made(rendered: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    found = rendered.copy(tmp_path / "top")
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        found.git("config", name, value)
    return found


def written(made: Repository) -> Ran:
    ran = modelfleet(made.root, *WORDS, "--write")
    return Ran(ran.code, ran.out, "".join(line for line in ran.err.splitlines(True) if "warning[" not in line))


def branches(made: Repository) -> list[str]:
    return made.git("for-each-ref", "--format=%(refname:short)", "refs/heads/rehearse").split()


def state(made: Repository) -> tuple[bytes, str, str, dict[str, bytes]]:
    """All that writing branches must leave alone."""
    files = {
        path.relative_to(made.top).as_posix(): path.read_bytes()
        for path in made.top.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    return (
        (made.top / ".git/index").read_bytes(),
        made.git("symbolic-ref", "HEAD"),
        made.git("rev-parse", "HEAD"),
        files,
    )


def test_each_branch_is_rendered_and_stands_on_the_one_before(made: Repository, tmp_path: Path) -> None:
    before = state(made)
    ran = written(made)
    assert (ran.code, ran.err) == (0, f"modelfleet: wrote 6 branches, {NAMES[0]} to {NAMES[-1]}\n")
    assert ran.out == modelfleet(made.root, *WORDS).out
    assert state(made) == before
    assert branches(made) == NAMES
    parent = made.git("rev-parse", "HEAD")
    for number, name in enumerate(NAMES):
        assert made.git("rev-parse", f"{name}^") == parent
        parent = made.git("rev-parse", name)
        there = tmp_path / str(number)
        made.git("worktree", "add", "-q", str(there), name)
        assert modelfleet(there, "render", "--check").code == 0
    assert "release: rhoai-3.3" in made.git("show", f"{NAMES[-1]}:environments/prod.yaml")
    subjects = made.git("log", "--reverse", "--format=%an %s", f"HEAD..{NAMES[-1]}").splitlines()
    assert subjects == [
        "Ada More quota while old and new run side by side",
        "Ada Texts: deployments beside the model servers",
        "Ada Texts: the model servers go",
        "Ada Chat: standard mode beside Knative",
        "Ada Chat: the Knative deployments go",
        "Ada Render for 3.3",
    ]
    changed = made.git("diff", "--name-only", f"{NAMES[1]}^", NAMES[1]).split()
    assert {path for path in changed if path.count("/") == 1} == {"projects/texts.yaml"}
    generated = {path.split("/")[2] for path in changed if path.count("/") > 1}
    assert {"texts"} <= generated <= {"texts", "argocd"}


def test_a_repository_below_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ada")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ada@example.org")
    made = repository(tmp_path, FLAWLESS, below='mo"dels')
    assert written(made).code == 0
    assert branches(made) == NAMES
    changed = git(tmp_path, "-c", "core.quotePath=false", "diff", "--name-only", "-z", "HEAD", NAMES[-1]).split("\0")
    assert {path.partition("/")[0] for path in changed if path} == {'mo"dels'}


# ---- what is refused -------------------------------------------------------------------------------------------------


def refused(made: Repository) -> str:
    """What is said; no branch is there afterwards that was not before."""
    before = branches(made), state(made)
    ran = written(made)
    assert (ran.code, ran.out, (branches(made), state(made))) == (5, "", before)
    return ran.err


def test_what_is_not_committed(made: Repository) -> None:
    made.edit("projects/chat.yaml", "displayName: Chat", "displayName: Chats")
    made.render()
    assert refused(made) == (
        "modelfleet: --write: environments/base/chat/inferenceservice-chat.yaml, projects/chat.yaml are not committed as "
        "rendered from what is here; run `modelfleet render`, commit, and try again\n"
    )


@pytest.mark.parametrize("name", [NAMES[2], "rehearse/prod", "rehearse"])
def test_a_branch_that_is_there_already(name: str, made: Repository) -> None:
    made.git("branch", name)
    assert refused(made) == (
        f"modelfleet: --write: the branch {name} is there already; delete what an earlier rehearsal wrote "
        f"(git branch -D {name} ...), or rename it\n"
    )


def test_nobody_who_commits(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    made.git("config", "--unset", "user.name")
    made.git("config", "--unset", "user.email")
    made.git("config", "user.useConfigOnly", "true")
    assert refused(made) == (
        "modelfleet: --write: Git does not know who makes the commits; run `git config user.name NAME` and "
        "`git config user.email ADDRESS`\n"
    )


def test_no_git(made: Repository) -> None:
    shutil.rmtree(made.top / ".git")
    ran = written(made)
    assert (ran.code, ran.out, ran.err) == (
        5,
        "",
        "modelfleet: --write: there is no commit to stand on here; branches need a Git repository in which all is committed\n",
    )


# ---- hostile repositories --------------------------------------------------------------------------------------------


def test_nothing_that_the_repository_brings_is_run(made: Repository, tmp_path: Path) -> None:
    """Hooks, filters and other programs in the settings are not run; the hook would be by a Git that is not told so."""
    marker, script = tmp_path / "marker", tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho run >> {marker}\n")
    script.chmod(0o755)
    for hook in ("reference-transaction", "post-index-change", "pre-commit", "post-commit"):
        (made.top / ".git/hooks").mkdir(exist_ok=True)
        shutil.copy(script, made.top / f".git/hooks/{hook}")
    made.git("config", "core.fsmonitor", str(script))
    made.git("config", "filter.evil.clean", str(script))
    made.git("config", "gpg.program", str(script))
    made.git("config", "commit.gpgSign", "true")
    (made.top / ".git/info/attributes").write_text("* filter=evil\n")
    marker.unlink(missing_ok=True)
    assert written(made).code == 0
    assert branches(made) == NAMES
    assert not marker.exists()
    subprocess.run(["git", "branch", "careless"], cwd=made.top, check=True, capture_output=True)
    assert marker.exists()
