"""With what a plan compares, how it reads Git, and what it says where that is not possible."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from console import REPOSITORY, modelfleet, write
from modelfleet.finding import MachineFailed
from modelfleet.kustomize import build as plan_before
from modelfleet.pipeline.fleet import fleet
from modelfleet.plan import git as plan_git
from modelfleet.plan.plan import plan
from modelfleet.tools.install import Tool
from plan_repository import FILES, PROD, Repository, compare, git, repository

RANK = "environments/base/chat/inferenceservice-rank.yaml"
OVERLAY = "environments/prod/chat/kustomization.yaml"


def renamed(made: Repository) -> None:
    made.edit("projects/chat.yaml", "path: rank", "path: rank-2")


def changed(made: Repository, *words: str) -> list[str]:
    """The names of what changes in prod."""
    return [row["name"] for row in made.data(*words)["environments"][0]["changes"]]


# ---- with what it compares -------------------------------------------------------------------------------------------


def test_the_commit_where_the_branch_left_main(tmp_path: Path) -> None:
    made = repository(tmp_path)
    base = made.git("rev-parse", "HEAD").strip()
    made.git("checkout", "-q", "main")
    made.edit("projects/wide.yaml", "path: huge", "path: huge-2")
    main = made.commit()
    made.git("checkout", "-q", "change")
    renamed(made)
    made.commit()
    assert made.data()["against"] == {"revision": "main", "commit": base}
    assert changed(made) == ["rank"]
    assert made.data("--against", "main")["against"] == {"revision": "main", "commit": main}
    assert changed(made, "--against", "main") == ["rank", "huge"]


BRANCH = "once the ApplicationSet is applied, Argo CD syncs release instead of main, "


def test_another_branch_is_to_be_synced(tmp_path: Path) -> None:
    """What is synced today is what the environment says until its ApplicationSet is applied."""
    made = repository(tmp_path)
    made.git("branch", "release")
    made.git("checkout", "-q", "main")
    made.edit("projects/wide.yaml", "path: huge", "path: huge-2")
    main = made.commit()
    made.git("checkout", "-q", "-B", "change")
    renamed(made)
    made.write("environments/prod.yaml", PROD + "argocd: {revision: release}\n")
    made.commit()
    data = made.data()
    assert data["against"] == {"revision": "main", "commit": main}
    assert [row["name"] for row in data["environments"][0]["changes"]] == ["rank", "models-prod"]
    assert data["environments"][0]["remarks"] == [
        f"{BRANCH}where 2 generated files of this environment are not as rendered here: unless this is merged there, too, "
        "what is there is synced and not what this plan shows"
    ]
    made.git("branch", "-D", "release")
    assert made.plan().code == 5
    remarks = made.data("--against", "main")["environments"][0]["remarks"]
    assert remarks == [f"{BRANCH}which is not here to compare with"]


def test_another_branch_that_holds_the_same(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.git("branch", "release")
    made.write("environments/prod.yaml", PROD + "argocd: {revision: release}\n")
    assert made.data()["environments"][0]["remarks"] == [f"{BRANCH}where everything is as rendered here"]
    assert changed(made) == ["models-prod"]


def test_the_branch_that_was_synced_is_gone(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.write("environments/prod.yaml", PROD + "argocd: {revision: trunk}\n")
    made.git("branch", "-m", "main", "trunk")
    data = made.data()
    assert data["against"]["revision"] == "trunk"
    assert [row["name"] for row in data["environments"][0]["changes"]] == ["models-prod"]


def test_what_the_remote_has_counts_more_than_a_branch_of_the_same_name(tmp_path: Path) -> None:
    origin = repository(tmp_path / "origin")
    git(tmp_path, "clone", "-q", "-b", "change", str(origin.top), "clone")
    clone = Repository(tmp_path / "clone", tmp_path / "clone")
    renamed(clone)
    clone.commit()
    clone.git("branch", "-f", "main")
    assert changed(clone) == ["rank"]
    clone.git("remote", "remove", "origin")
    assert changed(clone) == []


def test_environments_can_sync_different_branches(tmp_path: Path) -> None:
    made = repository(tmp_path, {**FILES, "environments/prod.yaml": PROD + "argocd: {revision: live}\n"})
    made.git("branch", "live")
    renamed(made)
    made.commit()
    made.git("branch", "-f", "main")
    assert made.data()["against"]["revision"] == "live"
    assert changed(made) == ["rank"]


def test_a_working_tree_that_is_not_committed(tmp_path: Path) -> None:
    made = repository(tmp_path)
    renamed(made)
    said = made.plan()
    assert said.out.startswith(
        f"The generated files are stale: 1 file not as rendered ({RANK}). This plan shows a fresh render; run "
        "modelfleet render and commit the result, or something else will be synced.\n\n1 model restarts.\n\nprod: 1 model changed\n"
    )
    assert made.data()["stale"] == [RANK]
    made.render()
    assert made.data()["stale"] == []


def test_a_stale_tree_of_many_files(tmp_path: Path, update_golden: bool) -> None:
    made = repository(tmp_path)
    made.write("environments/prod.yaml", PROD.replace("apps.", "apps.new."))
    made.write(
        "projects/chat.yaml",
        FILES["projects/chat.yaml"].replace("us-east-1", "us-east-2").replace("path: ", "path: new/"),
    )
    compare("stale.md", made.plan("--format", "markdown").out, update_golden)


def test_a_repository_below_the_top_of_git(tmp_path: Path) -> None:
    made = repository(tmp_path, below="deep/models")
    renamed(made)
    made.commit()
    assert changed(made) == ["rank"]


def test_a_repository_that_names_by_sha_256(tmp_path: Path) -> None:
    made = repository(tmp_path, init=("--object-format=sha256",))
    renamed(made)
    made.commit()
    data = made.data()
    assert (len(data["against"]["commit"]), data["stale"]) == (64, [])
    assert changed(made) == ["rank"]


def test_a_revision_before_anything_was_rendered(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.git("checkout", "-q", "--orphan", "empty")
    made.git("rm", "-rfq", "--cached", ".")
    made.git("commit", "-q", "--allow-empty", "-m", "empty")
    made.git("branch", "-f", "void")
    made.git("checkout", "-qf", "change")
    found = made.data("--against", "void")["environments"][0]
    assert (found["state"], found["models"]) == (
        "added",
        {"before": 0, "after": 7, "added": 7, "changed": 0, "removed": 0},
    )


def test_git_is_asked_about_this_repository_whatever_the_caller_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = repository(tmp_path / "ours")
    other = repository(
        tmp_path / "theirs", {**FILES, "projects/wide.yaml": FILES["projects/wide.yaml"].replace("huge", "vast")}
    )
    monkeypatch.setenv("GIT_DIR", str(other.top / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.top))
    assert changed(made) == []


# ---- what it says where that is not possible -------------------------------------------------------------------------


def test_no_git(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assert modelfleet(tmp_path, "render").code == 0
    for words in ((), ("--against", "main")):
        said = Repository(tmp_path, tmp_path).plan(*words)
        assert said == (
            5,
            "",
            "modelfleet: plan: this is not a Git repository, and what was committed is what the plan compares with\n",
        )


@pytest.mark.parametrize("revision", ["nowhere", "main..change", "HEAD~9", "main:projects"])
def test_no_such_revision(revision: str, tmp_path: Path) -> None:
    said = repository(tmp_path).plan("--against", revision)
    assert said == (
        5,
        "",
        f"modelfleet: plan: there is no revision {revision!r} in this repository; fetch it first (in CI: fetch-depth: 0), "
        "or name another with --against\n",
    )


@pytest.mark.parametrize("revision", ["--all", "-x", ""])
def test_a_revision_that_is_none(revision: str, tmp_path: Path) -> None:
    said = repository(tmp_path).plan(f"--against={revision}")
    assert said == (2, "", f"modelfleet: --against {revision}: there is no such revision\n")


def test_no_such_branch(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.git("branch", "-D", "main")
    assert made.plan() == (
        5,
        "",
        "modelfleet: plan: neither origin/main nor main is here to compare with; `git fetch origin main` first, or name a "
        "revision with --against\n",
    )


def test_no_revision_in_the_environments(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.edit("environments/base.yaml", 'revision: main, version: "2.14", prune: true', 'version: "2.14"')
    said = made.plan()
    assert (said.code, "revision" in said.err) == (1, True)


def test_a_shallow_clone(tmp_path: Path) -> None:
    made = repository(tmp_path / "origin")
    renamed(made)
    made.commit()
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{made.top}", "clone")
    clone = Repository(tmp_path / "clone", tmp_path / "clone")
    clone.git("checkout", "-q", "change")
    assert clone.plan() == (
        5,
        "",
        "modelfleet: plan: HEAD and main have no commit in common here; this clone is shallow; `git fetch --unshallow` first "
        "(in CI: fetch-depth: 0)\n",
    )


def test_histories_that_have_nothing_in_common(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.git("checkout", "-q", "--orphan", "other")
    renamed(made)
    made.commit()
    assert made.plan().err == (
        "modelfleet: plan: HEAD and main have no commit in common here; name the revision to compare with: --against\n"
    )


def test_an_environment_that_nobody_knows(tmp_path: Path) -> None:
    made = repository(tmp_path)
    assert made.plan("--env", "prd") == (
        2,
        "",
        "modelfleet: --env prd: there is no such environment; did you mean 'prod'?\n",
    )
    assert made.plan("--env", "prod").code == 0


# ---- what others have committed --------------------------------------------------------------------------------------


def committed(tmp_path: Path, files: Mapping[str, str]) -> Repository:
    """A repository on whose main these files are as somebody wrote them."""
    made = repository(tmp_path)
    before = {path: made.read(path) for path in files if (made.root / path).exists()}
    write(made.root, files)
    made.commit_as_it_is()
    made.git("branch", "-f", "main")
    for path in files:
        (made.root / path).unlink()
    write(made.root, before)
    made.commit_as_it_is()
    return made


STRATEGIC = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: rank}
spec: {predictor: {minReplicas: 4}}
"""

PATCH = "environments/prod/chat/p.yaml"
PATCHED = "resources: [../../base/chat]\npatches: [{path: p.yaml, target: {kind: ExternalSecret, name: hub}}]\n"
OTHER = "holds something other than a namespaced object"
CLUSTER_ROLE = "kind: ClusterRole\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: x}\n"


def test_a_folder_that_only_kustomize_can_build(
    tmp_path: Path, real_tools: Mapping[str, Tool], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = repository(tmp_path / "plain").read(OVERLAY)
    text += "labels: [{pairs: {team: a}}]\n"
    made = committed(tmp_path / "made", {OVERLAY: text})
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kustomize").symlink_to(real_tools["kustomize"].path)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    data = made.data()
    assert data["builtWithKustomize"] == [
        "environments/prod/chat as it was committed was built with kustomize: environments/prod/chat/kustomization.yaml has labels"
    ]
    assert [row["name"] for row in data["environments"][0]["changes"]] == ["chat", "idle", "rank", "hub", "store"]


def test_kustomize_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = repository(tmp_path / "plain").read(OVERLAY)
    made = committed(tmp_path / "made", {OVERLAY: text + "labels: [{pairs: {team: a}}]\n"})
    git_alone = tmp_path / "bin"
    git_alone.mkdir()
    (git_alone / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(git_alone))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert made.plan() == (
        5,
        "",
        "modelfleet: plan: environments/prod/chat/kustomization.yaml has labels, so environments/prod/chat has "
        "to be built with kustomize, which is not installed; run `modelfleet verify` once, which installs it\n",
    )


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({OVERLAY: "- a\n"}, f"{OVERLAY} is not a kustomization"),
        ({OVERLAY: "resources: [\n"}, f"{OVERLAY} cannot be read"),
        ({OVERLAY: "a: 1\n---\nb: 2\n"}, f"{OVERLAY} does not hold one document"),
        ({OVERLAY: "resources: [missing.yaml]\n"}, "environments/prod/chat/missing.yaml is not there"),
        ({OVERLAY: "resources: [https://example.org/x]\n"}, "environments/prod/chat/https:/example.org/x is not there"),
        (
            {OVERLAY: "resources: []\npatches: [{patch: '- op: remove'}]\n"},
            f"{OVERLAY} has an unexpected kind of patch",
        ),
        (
            {RANK: CLUSTER_ROLE},
            f"{RANK} {OTHER}",
        ),
        ({RANK: "a: &a {b: 1}\nc: *a\n"}, f"{RANK} cannot be read"),
        ({RANK: STRATEGIC + "deep: " + "[" * 300 + "]" * 300 + "\n"}, f"{RANK} cannot be read"),
        ({RANK: "just a text\n"}, f"{RANK} {OTHER}"),
        (
            {RANK: STRATEGIC.replace("metadata: {name: rank}\n", "")},
            f"{RANK} {OTHER}",
        ),
        (
            {OVERLAY: PATCHED, PATCH: STRATEGIC},
            f"{PATCH} is not a JSON 6902 patch",
        ),
        (
            {OVERLAY: PATCHED, PATCH: "- {op: replace, path: /spec/none/x, value: 1}\n"},
            f"{PATCH} does not apply",
        ),
    ],
)
def test_what_is_not_built_here(files: Mapping[str, str], reason: str, tmp_path: Path) -> None:
    made = committed(tmp_path, files)
    tree = plan_git.tree(made.root, plan_git.commit_of(made.root, "main"))
    texts = plan_before.Texts(plan_git.contents(tree, tree.blobs), tree.blobs, {})
    with pytest.raises(plan_before.NotBuilt) as refused:
        plan_before.build_overlay("environments/prod/chat", texts)
    assert str(refused.value) == reason


def test_a_patch_is_for_the_whole_of_a_name() -> None:
    def secret(name: str) -> str:
        return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: old\n"

    contents = {
        "o/kustomization.yaml": "resources: [a.yaml, b.yaml]\npatches: [{path: p.yaml, target: {kind: Secret, name: a}}]\n",
        "o/a.yaml": secret("a"),
        "o/b.yaml": secret("ab"),
        "o/p.yaml": "- {op: replace, path: /type, value: new}\n",
    }
    texts = plan_before.Texts(
        {path: text.encode() for path, text in contents.items()}, dict(zip(contents, contents, strict=True)), {}
    )
    assert [item["type"] for item in plan_before.build_overlay("o", texts).objects] == ["new", "old"]


@pytest.mark.parametrize(
    ("target", "chosen"),
    [("{name: rank, kind: InferenceService}", ["rank"]), ("{kind: Inference.*, name: idle|rank}", ["idle", "rank"])],
)
def test_a_patch_of_somebody_on_what_is_rendered_without_one(target: str, chosen: list[str], tmp_path: Path) -> None:
    text = repository(tmp_path / "plain").read(OVERLAY)
    assert "patch" not in text
    patch = "- {op: replace, path: /spec/predictor/model/runtime, value: other}\n"
    files = {OVERLAY: f"{text}patches: [{{path: p.yaml, target: {target}}}]\n", PATCH: patch}
    made = committed(tmp_path / "made", files)
    assert sorted(changed(made)) == chosen


def test_an_overlay_without_a_namespace_is_not_what_is_rendered(tmp_path: Path) -> None:
    text = repository(tmp_path / "plain").read(OVERLAY)
    made = committed(tmp_path / "made", {OVERLAY: text.replace("namespace: chat\n", "")})
    tree = plan_git.tree(made.root, plan_git.commit_of(made.root, "main"))
    texts = plan_before.Texts(plan_git.contents(tree, tree.blobs), tree.blobs, {})
    one = next(one for one in fleet(made.root).deployed if one.project.name == "chat")
    known = plan_before.KnownObjects(
        "chat", {RANK: next(item for item in one.objects if item["metadata"]["name"] == "rank")}
    )
    built = plan_before.build_overlay("environments/prod/chat", texts, known)
    assert not any("namespace" in item["metadata"] for item in built.objects)
    fresh = plan_before.build_overlay("environments/base/chat", texts, known, depth=1)
    assert known.objects[RANK] in fresh.objects


def test_a_link_among_the_committed_files_is_not_followed(tmp_path: Path) -> None:
    made = repository(tmp_path)
    path = made.root / RANK
    text = path.read_text()
    path.unlink()
    path.symlink_to("/etc/passwd")
    made.commit_as_it_is()
    commit = made.git("rev-parse", "HEAD").strip()
    path.unlink()
    path.write_text(text)
    tree = plan_git.tree(made.root, commit)
    assert tree.links == {RANK}
    assert plan_git.contents(tree, [RANK]) == {}


def test_what_is_built_here_is_what_is_rendered(tmp_path: Path) -> None:
    made = repository(tmp_path)
    tree = plan_git.tree(made.root, plan_git.commit_of(made.root, "main"))
    texts = plan_before.Texts(plan_git.contents(tree, tree.blobs), tree.blobs, {})
    for one in fleet(made.root).deployed:
        built = plan_before.build_overlay(one.folder, texts)
        assert built.namespace == one.project.namespace
        assert sorted(built.objects, key=str) == sorted(one.objects, key=str)


def test_a_tree_that_is_half_written(tmp_path: Path) -> None:
    made = repository(tmp_path)
    write(made.root, {"environments/.modelfleet/journal": "{}"})
    assert made.plan() == (
        5,
        "",
        "modelfleet: environments/ is partly written: a run was interrupted; `modelfleet render` finishes it\n",
    )


def test_git_fails_in_one_line(tmp_path: Path) -> None:
    made = repository(tmp_path)
    commit = plan_git.commit_of(made.root, "main")
    blob = made.git("rev-parse", f"main:{RANK}").strip()
    (made.top / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    tree = plan_git.tree(made.root, commit)
    with pytest.raises(MachineFailed) as failed:
        plan_git.contents(tree, [RANK])
    assert (
        str(failed.value) == f"plan: Git does not have all of {commit[:12]}: {RANK} is missing; fetch the whole history"
    )


def test_planning_writes_nothing(tmp_path: Path) -> None:
    made = repository(tmp_path)
    renamed(made)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    plan(made.root, fleet(made.root))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == files


def test_a_repository_of_somebody_else_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = repository(tmp_path)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    done = made.plan()
    assert done.code == 5
    assert done.err == (
        f"modelfleet: plan: Git does not read this repository: detected dubious ownership in repository at '{made.root}'; "
        f"git config --global --add safe.directory {made.root}\n"
    )


# ---- colours


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(tmp_path: Path, environment: dict[str, str], coloured: bool) -> None:
    made = repository(tmp_path)
    made.edit("projects/chat.yaml", "    displayName: Chat\n", "    displayName: Other\n")
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", "from modelfleet.cli.main import main; main()", "--root", str(made.root), "plan"]
    surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "NO_COLOR": "", **environment}
    done = subprocess.run(
        command, env=surroundings, stdout=follower, stderr=subprocess.DEVNULL, timeout=60, check=False
    )
    os.close(follower)
    seen = b""
    with suppress(OSError):
        while part := os.read(leader, 1 << 16):
            seen += part
    os.close(leader)
    assert done.returncode == 0
    assert (b"\x1b[" in seen) is coloured
    assert "\x1b" not in made.plan().out
