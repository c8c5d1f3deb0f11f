"""`init`: from an empty folder to green, and from there to a first model of one's own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from console import REPOSITORY, modelfleet, tree, write
from modelfleet.resolve import catalog
from modelfleet.start.starter import starter_kinds
from modelfleet.tools.install import Tool

ALWAYS = {
    ".gitattributes",
    ".pre-commit-config.yaml",
    "README.md",
    "environments/base.yaml",
    "environments/dev.yaml",
    "projects/assistants.yaml",
    "schemas/custom-runtime.schema.json",
    "schemas/environment.schema.json",
    "schemas/project.schema.json",
}
OF_CI = {
    "github": {
        ".github/CODEOWNERS",
        ".github/workflows/comment.yml",
        ".github/workflows/main.yml",
        ".github/workflows/pull-request.yml",
    },
    "gitlab": {".gitlab-ci.yml", "CODEOWNERS"},
    "none": {"CODEOWNERS"},
}


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def edited(root: Path, path: str, old: str, new: str) -> None:
    """One edit: a text that stands there once is replaced."""
    text = (root / path).read_text("utf-8")
    assert text.count(old) == 1
    (root / path).write_text(text.replace(old, new), "utf-8")


def commands_green(root: Path, *commands: str) -> None:
    for command in commands:
        ran = modelfleet(root, command)
        assert (ran.code, [line for line in ran.err.splitlines() if "[" in line]) == (0, []), ran.text()


# ---- green at once

OPTIONAL = {
    "cpu-model": "nodes, quota, limitRange",
    "gpu-llm": "nodes, quota, limitRange, the memory of accelerators, the weights of models",
}
"""The facts that are not needed to begin with."""


@pytest.mark.parametrize("kind", starter_kinds())
@pytest.mark.parametrize("release", catalog.release_names())
def test_every_kind_is_valid_on_every_release_without_a_warning(kind: str, release: str, tmp_path: Path) -> None:
    assert modelfleet(tmp_path, "init", "--kind", kind, "--release", release).code == 0
    ran = modelfleet(tmp_path, "check")
    assert ran.text() == (
        "1 project in 1 environment: 1 model, 2 objects; all specs are valid\n"
        f"more could be checked with facts that are missing: {OPTIONAL[kind]}; `modelfleet doctor` lists them\n[exit 0]\n"
    )


@pytest.mark.parametrize("kind", starter_kinds())
def test_from_an_empty_folder_to_green_with_no_edit(kind: str, tmp_path: Path, real_tools: Mapping[str, Tool]) -> None:
    assert modelfleet(tmp_path, "init", "--kind", kind, "--release", "2.25").code == 0
    ran = modelfleet(tmp_path, "render", "--verify", "--no-cache")
    assert ran.code == 0, ran.text()
    assert ran.out.splitlines()[-1].startswith("verified 2 overlays with 4 objects: ")
    assert modelfleet(tmp_path, "verify").code == 0


def test_a_first_model_of_ones_own_on_a_gpu_takes_three_edits(tmp_path: Path, real_tools: Mapping[str, Tool]) -> None:
    assert modelfleet(tmp_path, "init", "--kind", "cpu-model", "--release", "2.25").code == 0
    edited(tmp_path, "projects/assistants.yaml", "https://s3.example.org", "https://minio.acme.example:9000")
    commands_green(tmp_path, "check")
    edited(tmp_path, "environments/dev.yaml", "quay.io/modh/vllm@sha256:280c", "registry.acme.example/vllm@sha256:380c")
    commands_green(tmp_path, "check")
    own = """\
  acme-chat:
    runtime: vllm-cuda-runtime
    size: Medium
    accelerator: nvidia-gpu
    location: {connection: models, path: acme-chat}
environments:
"""
    edited(tmp_path, "projects/assistants.yaml", "environments:\n", own)
    commands_green(tmp_path, "check", "render", "verify")
    served = yaml.safe_load(tree(tmp_path)["environments/dev/assistants/inferenceservice-acme-chat.yaml"])
    assert served["spec"]["predictor"]["model"]["resources"]["limits"]["nvidia.com/gpu"] == "1"


# ---- what is written


@pytest.mark.parametrize("ci", sorted(OF_CI))
def test_it_writes_these_files(ci: str, tmp_path: Path) -> None:
    ran = modelfleet(tmp_path, "init", "new", "--ci", ci)
    assert (ran.code, files(tmp_path / "new")) == (0, ALWAYS | OF_CI[ci])
    said = [line.removesuffix(": written") for line in ran.out.splitlines() if line.endswith(": written")]
    assert said == sorted(ALWAYS | OF_CI[ci])
    assert ran.out.splitlines()[-4:] == [
        "",
        "next: modelfleet --root new render && modelfleet --root new verify",
        "then: put your cluster's facts into environments/dev.yaml and your models into",
        "      projects/assistants.yaml; `modelfleet --root new check` says what does not fit",
    ]


def test_answers_stand_where_they_belong(tmp_path: Path) -> None:
    answers = ("--env", "lab", "--project", "on", "--release", "3.3", "--kind", "gpu-llm", "--ci", "none")
    where = ("--apps-domain", "apps.lab.example.com", "--repo-url", "git@git.example.com:ml/models.git")
    assert modelfleet(tmp_path, "init", *answers, *where).code == 0
    lab = yaml.safe_load((tmp_path / "environments/lab.yaml").read_bytes())
    assert (lab["release"], lab["cluster"]) == ("rhoai-3.3", {"name": "lab", "appsDomain": "apps.lab.example.com"})
    base = yaml.safe_load((tmp_path / "environments/base.yaml").read_bytes())
    assert base["argocd"]["repoURL"] == "git@git.example.com:ml/models.git"
    project = yaml.safe_load((tmp_path / "projects/on.yaml").read_bytes())
    assert (project["displayName"], project["environments"]) == ("on", {"lab": {}})


def test_the_workflows_are_those_of_this_repository_with_another_way_to_install(tmp_path: Path) -> None:
    assert modelfleet(tmp_path, "init", "--requirement", "modelfleet==9.8.7").code == 0
    for name in ("pull-request.yml", "comment.yml", "main.yml"):
        own = (REPOSITORY / ".github" / "workflows" / name).read_text("utf-8")
        written = (tmp_path / ".github" / "workflows" / name).read_text("utf-8")
        assert not [line for line in written.splitlines() if "run: make" in line or "%%" in line]
        install = '|\n          python -m venv .venv\n          .venv/bin/pip install --quiet "modelfleet==9.8.7"'
        assert written == own.replace("run: make setup", f"run: {install}")


def test_the_pipeline_for_gitlab_runs_what_the_workflows_run(tmp_path: Path) -> None:
    assert modelfleet(tmp_path, "init", "--ci", "gitlab").code == 0
    jobs = yaml.safe_load((tmp_path / ".gitlab-ci.yml").read_bytes())
    ran = [line for job in jobs.values() if isinstance(job, dict) for line in job.get("script", ())]
    assert ran == [
        "modelfleet check --format gitlab > findings.json || modelfleet check",
        "modelfleet render --check",
        "modelfleet verify",
        'modelfleet plan --against "$CI_MERGE_REQUEST_DIFF_BASE_SHA" --format markdown | tee plan.md',
    ]


# ---- nothing is overwritten


def test_a_file_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, {"README.md": "mine\n"})
    ran = modelfleet(tmp_path, "init")
    assert ran.code == 0
    assert "README.md: exists, left as it is" in ran.out.splitlines()
    assert (tmp_path / "README.md").read_text() == "mine\n"
    before = {path: (tmp_path / path).read_bytes() for path in files(tmp_path)}
    again = modelfleet(tmp_path, "init", "--env", "other", "--project", "other")
    assert (again.code, ": written" in again.out) == (0, False)
    assert {path: (tmp_path / path).read_bytes() for path in files(tmp_path)} == before


def test_where_specs_are_only_what_stands_around_them_is_added(tmp_path: Path) -> None:
    write(tmp_path, {"projects/mine.yaml": "version: 1\n"})
    ran = modelfleet(tmp_path, "init", "--ci", "none")
    assert ran.out.splitlines()[-1] == "there are specs already, so no example was added"
    wanted = {path for path in ALWAYS | OF_CI["none"] if not path.startswith(("projects/", "environments/"))}
    assert files(tmp_path) == wanted | {"projects/mine.yaml"}


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (root / "schemas").symlink_to(outside)
    ran = modelfleet(root, "init")
    message = "this is a symbolic link, and links are not followed; put what it points to in its place"
    assert ran.text() == f"schemas:1:1: error[YAML020]: {message}\n[exit 4]\n"
    assert (files(outside), files(root)) == (set(), set())


# ---- wrong answers


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("--env", "Dev 1"),
            2,
            "modelfleet: --env: 'Dev 1' is not a valid name; a name has lower-case letters a-z, digits and '-', and begins "
            "and ends with a letter or digit\n",
        ),
        (
            ("--apps-domain", "https://apps.example.org"),
            2,
            "modelfleet: --apps-domain: 'https://apps.example.org' is not a domain; write the domain alone, in lower case, "
            "such as apps.example.org\n",
        ),
        (
            ("--repo-url", "https://me:token@example.org/x.git"),
            2,
            "modelfleet: --repo-url: that is not the address of a Git repository; write https://host/path.git, "
            "ssh://git@host/path.git or git@host:path.git\n",
        ),
        (
            ("--project", "argocd"),
            1,
            "projects/argocd.yaml:1:1: error[YAML022]: 'argocd' is the folder of Argo CD's own objects; choose another name\n",
        ),
        (
            ("--project", "default"),
            4,
            "projects/default.yaml:3:1: error[OWN001]: in dev: namespace 'default' belongs to the system; choose a namespace "
            "of the project's own\n",
        ),
    ],
)
def test_a_wrong_answer_writes_nothing(words: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    ran = modelfleet(tmp_path, "init", *words)
    assert (ran.code, ran.err, ran.out) == (code, said, "")
    assert list(tmp_path.iterdir()) == []


def test_the_address_of_the_repository_is_that_of_origin_unless_it_holds_a_password(tmp_path: Path) -> None:
    example = "https://git.example.org/team/models.git"
    for address, wanted in (
        ("git@git.acme.example:ml/models.git", "git@git.acme.example:ml/models.git"),
        ("https://me:secret@git.acme.example/ml/models.git", example),
    ):
        root = tmp_path / str(len(address))
        root.mkdir()
        subprocess.run(["git", "init", "-q", root], check=True)
        subprocess.run(["git", "-C", root, "remote", "add", "origin", address], check=True)
        assert modelfleet(root, "init").code == 0
        base = yaml.safe_load((root / "environments/base.yaml").read_bytes())
        assert base["argocd"]["repoURL"] == wanted


# ---- on a terminal


def on_terminal(root: Path, typed: str, *words: str) -> str:
    """What a person sees who types this."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "modelfleet", "--root", str(root), "init", *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        os.write(ours, typed.encode())
        seen = b""
        try:
            while part := os.read(ours, 4096):
                seen += part
        except OSError:  # Linux says so when the other side has closed it
            pass
    os.close(ours)
    assert child.returncode == 0
    return seen.decode()


def test_on_a_terminal_it_asks_for_what_no_option_gives_and_asks_again(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "a b\nlab\n\nchat\ngpu-llm\n\n", "--release", "2.25", "--ci", "none")
    assert "Name of the first cluster [dev]: " in seen
    assert "Error: 'a b' is not a valid name" in seen
    assert "Release of OpenShift AI" not in seen
    assert {"environments/lab.yaml", "projects/chat.yaml", "CODEOWNERS"} <= files(tmp_path)


def test_with_defaults_it_asks_nothing(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "", "--defaults")
    assert "[dev]" not in seen
    assert files(tmp_path) == ALWAYS | OF_CI["github"]
