"""The workflows: pinned and without rights that they do not need; and the one script that may write, run in Node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_module import program, run
from modelfleet.plan.markdown import MARKER as _MARKER

_FOLDER = Path(__file__).parents[1] / ".github" / "workflows"
_FILES = sorted(path.name for path in _FOLDER.glob("*.yml"))


class _Text(yaml.SafeLoader):
    """Reads `on` as text."""


_Text.yaml_implicit_resolvers = {
    first: [found for found in resolvers if found[0] != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _workflow(name: str) -> Any:
    return yaml.load((_FOLDER / name).read_text(encoding="utf-8"), Loader=_Text)


def _jobs() -> Iterator[tuple[str, str, Any]]:
    for name in _FILES:
        for key, job in _workflow(name)["jobs"].items():
            yield name, key, job


def _steps() -> Iterator[tuple[str, Any]]:
    for name, key, job in _jobs():
        for step in job["steps"]:
            yield f"{name}: {key}", step


# ---- rights ----------------------------------------------------------------------------------------------------------


def test_the_workflows() -> None:
    assert [
        *("ci.yml", "comment.yml", "control-plane.yml", "main.yml", "pull-request.yml", "release.yml", "site.yml")
    ] == _FILES


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    uses = [line for name in _FILES for line in (_FOLDER / name).read_text().splitlines() if "uses:" in line]
    pinned = re.compile(
        r" +uses: (?:actions/[a-z-]+|pypa/gh-action-pypi-publish)@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+"
    )
    assert uses != []
    assert [line for line in uses if not pinned.fullmatch(line)] == []


def test_one_action_is_one_commit_everywhere() -> None:
    uses = {line.strip() for name in _FILES for line in (_FOLDER / name).read_text().splitlines() if "uses:" in line}
    assert sorted(line.partition("@")[0] for line in uses) == [
        "uses: actions/attest",
        "uses: actions/cache",
        "uses: actions/checkout",
        "uses: actions/deploy-pages",
        "uses: actions/download-artifact",
        "uses: actions/github-script",
        "uses: actions/setup-go",
        "uses: actions/setup-python",
        "uses: actions/upload-artifact",
        "uses: actions/upload-pages-artifact",
        "uses: pypa/gh-action-pypi-publish",
    ]


def test_rights_are_given_to_jobs_alone_and_few_may_write() -> None:
    assert {name: _workflow(name)["permissions"] for name in _FILES} == {name: {} for name in _FILES}
    assert {f"{name}: {key}": job["permissions"] for name, key, job in _jobs()} == {
        "ci.yml: test": {"contents": "read"},
        "ci.yml: workflows": {"contents": "read"},
        "comment.yml: comment": {"actions": "read", "pull-requests": "write"},
        "control-plane.yml: lab": {"contents": "read"},
        "main.yml: fleet": {"contents": "read"},
        "main.yml: shard": {"contents": "read"},
        "pull-request.yml: fleet": {"contents": "read"},
        "pull-request.yml: shard": {"contents": "read"},
        "release.yml: build": {"attestations": "write", "contents": "read", "id-token": "write"},
        "release.yml: publish": {"id-token": "write"},
        "site.yml: build": {"contents": "read"},
        "site.yml: publish": {"id-token": "write", "pages": "write"},
    }


def test_a_job_that_publishes_runs_no_command_and_checks_nothing_out() -> None:
    jobs = [_workflow(name)["jobs"]["publish"] for name in ("release.yml", "site.yml")]
    assert [(job["needs"], job["environment"]) for job in jobs] == [("build", "pypi"), ("build", "github-pages")]
    uses = [[step["uses"].partition("@")[0] for step in job["steps"]] for job in jobs]
    assert uses == [["actions/download-artifact", "pypa/gh-action-pypi-publish"], ["actions/deploy-pages"]]


def test_the_job_that_may_write_checks_nothing_out_and_runs_no_command() -> None:
    steps = [step for where, step in _steps() if where.startswith("comment.yml")]
    assert [sorted(step.keys() & {"uses", "run"}) for step in steps] == [["uses"], ["uses"]]
    assert [step["uses"].partition("@")[0] for step in steps] == ["actions/download-artifact", "actions/github-script"]
    assert "${{" not in _script()


def test_a_checkout_leaves_no_credentials_behind() -> None:
    checkouts = [step["with"] for _, step in _steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert [given["persist-credentials"] for given in checkouts] == ["false"] * 9


def test_every_job_ends_and_no_two_of_one_pull_request_run_at_once() -> None:
    assert {f"{name}: {key}": job["timeout-minutes"] for name, key, job in _jobs()} == {
        "ci.yml: test": 60,
        "ci.yml: workflows": 10,
        "comment.yml: comment": 5,
        "control-plane.yml: lab": 90,
        "main.yml: fleet": 30,
        "main.yml: shard": 30,
        "pull-request.yml: fleet": 30,
        "pull-request.yml: shard": 30,
        "release.yml: build": 15,
        "release.yml: publish": 15,
        "site.yml: build": 10,
        "site.yml: publish": 10,
    }
    assert {tuple(sorted(_workflow(name)["concurrency"])) for name in _FILES} == {("cancel-in-progress", "group")}


def test_no_command_holds_an_expression() -> None:
    commands = [step["run"] for _, step in _steps() if "run" in step]
    assert commands != []
    assert [command for command in commands if "${{" in command] == []


def test_the_comment_follows_the_workflow_that_makes_the_plan() -> None:
    assert _workflow("comment.yml")["on"]["workflow_run"]["workflows"] == [_workflow("pull-request.yml")["name"]]
    kept = [step["with"].get("name") for _, step in _steps() if "upload-artifact@" in step.get("uses", "")]
    fetched = [step["with"].get("name") for _, step in _steps() if "download-artifact@" in step.get("uses", "")]
    assert sorted(kept) == ["dist", "fleet", "parts-${{ matrix.shard }}", "parts-${{ matrix.shard }}", "plan"]
    assert fetched == ["plan", None, None, "dist"]


def test_the_last_step_joins_what_each_shard_has_left() -> None:
    """A shard leaves a part of each command, and the job that gives the verdict runs the same ones on all parts."""
    for name in ("main.yml", "pull-request.yml"):
        jobs = _workflow(name)["jobs"]
        assert (jobs["fleet"]["needs"], jobs["shard"]["strategy"]["matrix"]) == ("shard", {"shard": [1, 2]})
        assert jobs["shard"]["env"] == {"SHARD": "${{ matrix.shard }}/${{ strategy.job-total }}"}
        commands = {
            key: [
                word.split(" --")[0]
                for step in job["steps"]
                for word in re.findall(r"modelfleet ((?:check|render|verify|plan) .*)", step.get("run", ""))
                if '--parts "$RUNNER_TEMP/parts"' in word and ('--shard "$SHARD"' in word) == (key == "shard")
            ]
            for key, job in jobs.items()
        }
        assert (
            commands["shard"]
            == commands["fleet"]
            == ["check", "render", "verify", "plan"][: 4 if "pull" in name else 3]
        )


# ---- hooks -----------------------------------------------------------------------------------------------------------


def test_the_hooks_run_where_files_are_only_deleted() -> None:
    """For pre-commit no file is left to look at then."""
    root = _FOLDER.parents[1]
    hooks = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    own = [
        hook
        for repo in yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repo["hooks"]
    ]
    found = [hook for hook in hooks + own if hook["id"].startswith("modelfleet-")]
    assert [(hook["id"], hook["always_run"], hook["pass_filenames"]) for hook in found] == [
        ("modelfleet-check", True, False),
        ("modelfleet-render-check", True, False),
    ] * 2


# ---- the comment -----------------------------------------------------------------------------------------------------

_BASE, _FORK = {"id": 1, "full_name": "org/models"}, {"id": 2, "full_name": "someone/models"}
_RUN = {"head_sha": "abc", "head_repository": _BASE, "html_url": "https://github.com/org/models/actions/runs/5"}
_PULL = {"state": "open", "head": {"sha": "abc", "repo": _BASE}, "base": {"repo": _BASE}}
_NODE = """
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const calls = []
const call = (name) => async (what) => { calls.push([name, what]); return { data: given.pull } }
const github = {
  rest: {
    pulls: { get: async () => ({ data: given.pull }) },
    issues: { listComments: 'listComments', createComment: call('create'), updateComment: call('update') },
  },
  paginate: async (what) => what === 'listComments' ? given.comments : undefined,
}
const core = { setFailed: (why) => calls.push(['failed', why]), notice: (why) => calls.push(['notice', why]) }
const context = { repo: { owner: 'org', repo: 'models' }, payload: { workflow_run: given.run } }
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor
new AsyncFunction('github', 'context', 'core', 'require', given.script)(github, context, core, require)
  .then(() => console.log(JSON.stringify(calls)))
"""


def _script() -> str:
    (script,) = [step["with"]["script"] for _, step in _steps() if "github-script@" in step.get("uses", "")]
    text: str = script
    return text


def _comment(folder: Path, plan: str, number: str | Path = "7\n", **given: Any) -> Any:
    """What the script does with an artifact; a path as the number is a link to there."""
    (folder / "plan").mkdir(parents=True)
    (folder / "plan" / "plan.md").write_text(plan, encoding="utf-8")
    if isinstance(number, Path):
        (folder / "plan" / "number").symlink_to(number)
    else:
        (folder / "plan" / "number").write_text(number, encoding="utf-8")
    (folder / "run.js").write_text(_NODE, encoding="utf-8")
    known = {"run": _RUN, "pull": _PULL, "comments": [], "script": _script()}
    words = [program("env"), f"RUNNER_TEMP={folder}", program("node"), "run.js"]
    return json.loads(run(words, folder, json.dumps({**known, **given})))


def _said(ident: int, body: str, login: str = "github-actions[bot]") -> dict[str, Any]:
    return {"id": ident, "body": body, "user": {"login": login}}


_TARGET = {"owner": "org", "repo": "models"}


def test_the_first_plan_is_a_comment(tmp_path: Path) -> None:
    comments = [_said(1, "a review", "someone"), _said(2, f"{_MARKER}\nnot by us", "someone")]
    assert _comment(tmp_path, "# Plan\n", comments=comments) == [
        ["create", {**_TARGET, "issue_number": 7, "body": f"{_MARKER}\n# Plan"}]
    ]


def test_the_plans_own_marker_is_the_only_one(tmp_path: Path) -> None:
    ((_, found),) = _comment(
        tmp_path,
        f"{_MARKER}\n## Plan\n",
        run={**_RUN, "head_repository": _FORK},
        pull={**_PULL, "head": {"sha": "abc", "repo": _FORK}},
    )
    assert found["body"] == (
        f"{_MARKER}\n> From the fork someone/models: this plan was made by the code of the pull request itself.\n\n## Plan"
    )


def test_the_next_plan_takes_its_place(tmp_path: Path) -> None:
    comments = [_said(2, "another bot's"), _said(3, f"{_MARKER}\n# Old")]
    assert _comment(tmp_path, "# Plan", comments=comments) == [
        ["update", {**_TARGET, "comment_id": 3, "body": f"{_MARKER}\n# Plan"}]
    ]


def test_the_same_plan_is_left_alone(tmp_path: Path) -> None:
    assert _comment(tmp_path, "# Plan", comments=[_said(3, f"{_MARKER}\n# Plan")]) == []


def test_no_plan_says_where_the_reason_is(tmp_path: Path) -> None:
    body = f"{_MARKER}\nNo plan could be made: [the run](https://github.com/org/models/actions/runs/5) says why."
    assert _comment(tmp_path, "\n") == [["create", {**_TARGET, "issue_number": 7, "body": body}]]


def test_a_fork_is_named_and_notifies_nobody(tmp_path: Path) -> None:
    found = _comment(
        tmp_path,
        "@org/admins look: quay.io/a@sha256:0 (@someone)",
        run={**_RUN, "head_repository": _FORK},
        pull={**_PULL, "head": {"sha": "abc", "repo": _FORK}},
    )
    body = (
        f"{_MARKER}\n> From the fork someone/models: this plan was made by the code of the pull request itself.\n\n"
        "@\u2060org/admins look: quay.io/a@sha256:0 (@\u2060someone)"
    )
    assert found == [["create", {**_TARGET, "issue_number": 7, "body": body}]]


def test_a_plan_that_is_too_long_is_cut(tmp_path: Path) -> None:
    ((_, found),) = _comment(tmp_path, "x" * 70000)
    end = "\n\n… cut: [the run](https://github.com/org/models/actions/runs/5) has the whole plan."
    assert found["body"] == f"{_MARKER}\n".ljust(65536 - len(end), "x") + end


def test_an_artifact_that_holds_something_else_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"Error: plan\.md of the artifact is not a file of a plan"):
        _comment(tmp_path / "long", "x" * (4 * 65536 + 1))
    (tmp_path / "secret").write_text("s", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"Error: number of the artifact is not a file of a plan"):
        _comment(tmp_path / "link", "# Plan", tmp_path / "secret")


@pytest.mark.parametrize("number", ["", "0", "07", "7 8", "-1", "7; rm", "../7", "1234567890"])
def test_an_artifact_that_names_no_pull_request_fails(tmp_path: Path, number: str) -> None:
    assert _comment(tmp_path, "# Plan", number) == [["failed", "the artifact names no pull request"]]


@pytest.mark.parametrize(
    "pull",
    [
        {**_PULL, "head": {"sha": "def", "repo": _BASE}},
        {**_PULL, "head": {"sha": "abc", "repo": _FORK}},
        {**_PULL, "head": {"sha": "abc", "repo": None}},
        {**_PULL, "state": "closed"},
    ],
    ids=["another commit", "another repository", "a deleted fork", "closed"],
)
def test_another_pull_request_than_the_events_gets_no_comment(tmp_path: Path, pull: Any) -> None:
    why = "no comment: #7 is closed, or its head is not what the run was for"
    assert _comment(tmp_path, "# Plan", pull=pull) == [["notice", why]]
