"""Plans of the repository's own example, and three pull requests from beginning to end: whole texts, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from console import REPOSITORY, Ran, write
from modelfleet.packaged import packaged
from plan_repository import FILES, Repository, compare, example_repository, git, repository


def more_replicas(made: Repository) -> None:
    made.edit("projects/granite.yaml", "        replicas: 2\n", "        replicas: 4\n")


def other_display_name(made: Repository) -> None:
    made.edit("projects/granite.yaml", "    displayName: Granite 3 8B\n", "    displayName: Granite 3.1 8B\n")


def other_mode(made: Repository) -> None:
    made.edit("projects/llama-on-demand.yaml", "    mode: advanced\n", "    mode: standard\n")
    made.edit("projects/llama-on-demand.yaml", "    replicas: {min: 0, max: 2}\n", "    replicas: 1\n")


def other_release(made: Repository) -> None:
    made.edit("environments/nerc-ocp-edu.yaml", "release: rhoai-2.22\n", "release: rhoai-2.25\n")


SECOND_SERVER = """\
  returns:
    runtime: ovms
    size: Small
    models:
      refunds: {framework: onnx-1, location: {connection: ocp-nerc-container-connect, path: refunds}}
      reasons: {framework: onnx-1, location: {connection: ocp-nerc-container-connect, path: reasons}}

environments:
"""


def second_server(made: Repository) -> None:
    made.edit("projects/coolstore.yaml", "\nenvironments:\n", SECOND_SERVER)


def no_second_server(made: Repository) -> None:
    made.edit("projects/coolstore.yaml", SECOND_SERVER, "\nenvironments:\n")


@pytest.mark.parametrize(
    ("name", "before", "change", "code"),
    [
        ("raise-replicas-in-prod", None, more_replicas, 0),
        ("change-the-source-of-an-annotation", None, other_display_name, 0),
        ("change-the-mode", None, other_mode, 4),
        ("drop-a-server", second_server, no_second_server, 4),
        ("change-the-release-of-an-environment", None, other_release, 0),
    ],
)
def test_a_change_of_the_example(  # noqa: PLR0913 - what is different in each case
    name: str,
    before: Callable[[Repository], None] | None,
    change: Callable[[Repository], None],
    code: int,
    tmp_path: Path,
    update_golden: bool,
) -> None:
    made = example_repository(tmp_path)
    if before is not None:
        before(made)
        made.commit()
        made.git("branch", "-f", "main")
    change(made)
    made.commit()

    said = made.plan()
    assert said.code == code
    compare(f"{name}.txt", said.out + said.err, update_golden)
    compare(f"{name}.md", made.plan("--format", "markdown").out, update_golden)
    schema = json.loads((packaged("schemas") / "plan.schema.json").read_bytes())
    jsonschema.validate(made.data(), schema)


# ---- pull requests ---------------------------------------------------------------------------------------------------


def as_a_pull_request(tmp_path: Path, change: Callable[[Repository], None]) -> Ran:
    """As the workflow does it: a clone of the merge commit, compared with its first parent."""
    origin = repository(tmp_path / "origin")
    change(origin)
    origin.commit()
    origin.git("checkout", "-q", "main")
    origin.git("merge", "-q", "--no-ff", "-m", "merge", "change")
    git(tmp_path, "clone", "-q", str(origin.top), "clone")
    clone = Repository(tmp_path / "clone", tmp_path / "clone")
    return clone.plan("--against", "HEAD^1", "--format", "markdown")


def harmless(made: Repository) -> None:
    made.edit("projects/chat.yaml", "route: true", "route: {timeout: 5m}")
    made.edit("projects/chat.yaml", "region: us-east-1", "region: us-east-2")


def restarts(made: Repository) -> None:
    made.edit(
        "environments/base.yaml",
        'kserve-container: "registry.example.org/ovms:1"',
        'kserve-container: "registry.example.org/ovms:2"',
    )
    made.edit("projects/chat.yaml", "--max-model-len=4096", "--max-model-len=8192")
    made.edit("projects/wide.yaml", "path: huge", "path: huge-2")


def destroys(made: Repository) -> None:
    text = made.read("projects/chat.yaml")
    start, end = text.index("  idle:\n"), text.index("  rank:\n")
    made.write("projects/chat.yaml", text[:start] + text[end:])
    made.edit("projects/texts.yaml", "  spare:\n", "  extra:\n")
    made.edit(
        "projects/texts.yaml",
        "environments: {prod: {}}",
        "environments: {prod: {acknowledge: [ServingRuntime/spare, ServingRuntime/other]}}",
    )
    (made.root / "projects/wide.yaml").unlink()


@pytest.mark.parametrize(
    ("name", "change", "code"), [("harmless", harmless, 0), ("restarts", restarts, 0), ("destroys", destroys, 4)]
)
def test_the_comment_on_a_pull_request(
    name: str, change: Callable[[Repository], None], code: int, tmp_path: Path, update_golden: bool
) -> None:
    said = as_a_pull_request(tmp_path, change)
    assert said.code == code
    compare(f"pull-request-{name}.md", said.out, update_golden)


def test_files_that_are_written_in_another_order_are_no_effective_change(tmp_path: Path, update_golden: bool) -> None:
    made = repository(tmp_path)
    path = "environments/base/chat/inferenceservice-chat.yaml"
    text = made.read(path)
    assert 'cpu: "1"' in text
    write(
        made.root,
        {
            path: text.replace('cpu: "1"', "cpu: 1000m")
            .replace("kind: InferenceService\n", "")
            .replace("metadata:\n", "kind: 'InferenceService'\nmetadata:\n", 1)
        },
    )
    made.commit_as_it_is()
    made.git("branch", "-f", "main")
    write(made.root, FILES)
    made.git("checkout", "-q", "HEAD~1", "--", "environments")
    made.commit()
    compare("no-effective-change.txt", made.plan().out, update_golden)
    compare("no-effective-change.md", made.plan("--format", "markdown").out, update_golden)


def test_facts_and_specs_with_equal_quantities_are_no_effective_change(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.edit(
        "environments/base.yaml",
        'Small: {requests: {cpu: "1", memory: 4Gi}',
        "Small: {requests: {memory: 4096Mi, cpu: 1000m}",
    )
    made.edit("projects/chat.yaml", "    displayName: Chat\n", "    displayName: 'Chat' # as it is called\n")
    made.commit()
    done = made.plan()
    assert (done.code, done.out.splitlines()) == (0, ["No effective change.", "", "prod: no effective change"])
    assert [one["facts"] for one in made.data()["environments"]] == [[]]
    assert "**No effective change.**" in made.plan("--format", "markdown").out


def test_the_readme_shows_a_comment_as_it_is() -> None:
    shown = [
        line.removeprefix(">").strip()
        for line in (REPOSITORY / "README.md").read_text("utf-8").splitlines()
        if line[:1] == ">"
    ]
    comment = (REPOSITORY / "tests/golden/plan/change-the-mode.md").read_text("utf-8").splitlines()
    assert len(shown) == 7
    assert [line for line in shown if line not in comment] == []
