"""`import project`: what runs already becomes a spec, and the spec renders to what runs."""

from __future__ import annotations

import base64
import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml

from console import REPOSITORY, TESTS, modelfleet
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import Fleet

SETS = TESTS / "sets"
IMPORTED = ("01-vision-serverless", "02-chat-raw-tokens", "04-assist-profiles")


@cache
def example() -> Fleet:
    return fleet(REPOSITORY)


def repository(folder: Path, environment: str) -> Path:
    """A repository of one environment and no project."""
    (folder / "environments").mkdir(parents=True)
    (folder / "environments/prod.yaml").write_text(environment, encoding="utf-8")
    return folder


def of_set(folder: Path, name: str) -> tuple[Path, str, list[str]]:
    """A repository for a set of objects, the project's name and the files."""
    data = yaml.safe_load((SETS / name / "set.yaml").read_bytes())
    files = sorted(str(path) for path in (SETS / name / "given").glob("*.yaml"))
    return repository(folder, data["environment"]), data["project"], files


def written(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.rglob("*") if path.is_file()}


DEPLOYED = [(one.project.environment.name, one.project.name) for one in example().deployed]


@pytest.mark.parametrize(("environment", "name"), DEPLOYED)
def test_what_a_spec_renders_is_imported_without_a_difference(tmp_path: Path, environment: str, name: str) -> None:
    shutil.copytree(REPOSITORY / "runtimes", tmp_path / "repository/runtimes")
    (tmp_path / "repository/environments").mkdir()
    for file in ("base", environment):
        shutil.copy(REPOSITORY / f"environments/{file}.yaml", tmp_path / "repository/environments")
    one = next(
        each for each in example().deployed if (each.project.environment.name, each.project.name) == (environment, name)
    )
    (tmp_path / "objects.yaml").write_text("---\n".join(emit.dump(item) for item in one.objects), encoding="utf-8")
    root = tmp_path / "repository"
    ran = modelfleet(root, "import", "project", name, "--env", environment, str(tmp_path / "objects.yaml"))
    assert (ran.code, ran.err) == (0, "")
    again = next(each for each in fleet(root).deployed if each.project.name == name)
    assert {(item["kind"], item["metadata"]["name"]): item for item in again.objects} == {
        (item["kind"], item["metadata"]["name"]): item for item in one.objects
    }


CHAT = """\
6 objects of chat-3f9c1e will be as given
Secret/orchid-models: its values stay in the cluster; the spec says existing: true where a model uses it
Secret/hf-token: its values stay in the cluster; the spec says existing: true where a model uses it
differs: Secret/web-portal-orchid-8b-sa /metadata/annotations/openshift.io/display-name: 'Web portal' becomes 'web-portal'
first sync: no pod restarts
nothing was written: --write writes it even though differences remain
[exit 3]
"""


def test_nothing_is_written_where_something_would_be_lost(tmp_path: Path) -> None:
    root, name, files = of_set(tmp_path, "02-chat-raw-tokens")
    before = written(root)
    assert modelfleet(root, "import", "project", name, "--env", "prod", *files).text() == CHAT
    assert written(root) == before


def test_with_write_the_spec_is_there_and_renders(tmp_path: Path) -> None:
    root, name, files = of_set(tmp_path, "02-chat-raw-tokens")
    ran = modelfleet(root, "import", "project", name, "--env", "prod", "--write", *files)
    assert (ran.code, ran.err) == (3, "")
    spec = yaml.safe_load((root / "projects/chat.yaml").read_bytes())
    assert spec["models"]["orchid-8b"] == {
        "displayName": "Orchid 8B",
        "runtime": "vllm-cuda-runtime",
        "framework": "vLLM",
        "replicas": 2,
        "route": {"timeout": "5m"},
        "tokens": ["ci", "web-portal"],
        "location": {"connection": "orchid-models", "path": "acme/orchid-8b"},
        "args": ["--max-model-len=16384", "--gpu-memory-utilization=0.92", "--tool-call-parser", "orchid_json",
            "--enable-auto-tool-choice"],
        "env": {"VLLM_LOGGING_LEVEL": "INFO", "HF_TOKEN": {"secret": "hf-token", "key": "token"}},
        "size": "Medium",
        "accelerator": "nvidia-l40s",
        "patch": {
            "ServingRuntime": [
                {"op": "add", "path": "/metadata/annotations/opendatahub.io~1hardware-profile-name", "value": ""}
            ]
        },
    }  # fmt: skip
    assert modelfleet(root, "render").code == 0


@pytest.mark.parametrize("name", IMPORTED)
def test_no_value_of_a_secret_reaches_a_file_or_a_message(tmp_path: Path, name: str) -> None:
    root, project, files = of_set(tmp_path, name)
    ran = modelfleet(root, "import", "project", project, "--env", "prod", "--write", *files)
    assert ran.code == 3
    everything = "\n".join([ran.out, ran.err, *written(root).values()])
    assert "not-a-real" not in everything
    assert base64.b64encode(b"not-a-real").decode()[:12] not in everything


WRONG = {
    "not an object": ("- 1\n", "objects.yaml:1:1: error[IMP001]: this is not a Kubernetes object; an import reads what "
        "`oc get ... -o yaml` or `kustomize build` prints\n[exit 1]\n"),
    "no name": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "objects.yaml:1:1: error[IMP001]: the object has no "
        "metadata.name; an import reads what `oc get ... -o yaml` or `kustomize build` prints\n[exit 1]\n"),
    "nothing": ("", "objects.yaml:1:1: error[IMP001]: there is no object in it; name what "
        "`oc get ... -o yaml` printed\n[exit 1]\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(WRONG))
def test_input_that_cannot_be_read_is_named(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content, said = WRONG[case]
    root, *_ = of_set(tmp_path / "repository", "02-chat-raw-tokens")
    monkeypatch.chdir(tmp_path)
    Path("objects.yaml").write_text(content, encoding="utf-8")
    assert modelfleet(root, "import", "project", "chat", "--env", "prod", "objects.yaml").text() == said


def test_an_environment_that_is_not_there_is_named(tmp_path: Path) -> None:
    root, name, files = of_set(tmp_path, "02-chat-raw-tokens")
    assert modelfleet(root, "import", "project", name, "--env", "test", *files).text() == (
        "environments/test.yaml:1:1: error[IMP002]: there is no such environment; write it, or "
        "`modelfleet import environment test` what describes the cluster\n[exit 1]\n"
    )
