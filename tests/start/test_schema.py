"""`schema`: what editors complete, and that it refuses nothing that `check` accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
import yaml

from console import COMMON, REPOSITORY, miniature, modelfleet, write

KINDS = {"project": "project", "environment": "environment", "runtime": "custom-runtime"}


def printed(root: Path, kind: str) -> Any:
    ran = modelfleet(root, "schema", kind)
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


def without_offers(schema: Any) -> Any:
    """What a schema demands."""
    if isinstance(schema, dict):
        return {
            key: without_offers(value) for key, value in schema.items() if key not in ("examples", "defaultSnippets")
        }
    return [without_offers(item) for item in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("kind", ["environment", "runtime"])
def test_it_demands_what_the_packaged_schema_demands(kind: str) -> None:
    packaged = json.loads((REPOSITORY / "schemas" / f"{KINDS[kind]}.schema.json").read_text("utf-8"))
    found = printed(REPOSITORY, kind)
    jsonschema.Draft202012Validator.check_schema(found)
    assert without_offers(found) == without_offers(packaged)


def changed(data: Any) -> Iterator[Any]:
    """The data with each of its values, at any depth, replaced by something of another type."""
    if isinstance(data, dict | list):
        for key, value in [*(data.items() if isinstance(data, dict) else enumerate(data))]:
            others: list[Any] = [None, True, 7, "text", {}, [], {"foreign": None}]
            for other in others:
                yield _with(data, key, other)
            for inner in changed(value):
                yield _with(data, key, inner)


def _with(data: Any, key: Any, value: Any) -> Any:
    copy: Any = data.copy()
    copy[key] = value
    return copy


def test_of_projects_it_accepts_what_the_packaged_schema_accepts_and_nothing_else() -> None:
    found = printed(REPOSITORY, "project")
    jsonschema.Draft202012Validator.check_schema(found)
    whole = json.loads((REPOSITORY / "schemas" / "project.schema.json").read_text("utf-8"))
    packaged, written = (jsonschema_rs.Draft202012Validator(each) for each in (whole, found))
    projects = [yaml.safe_load(path.read_bytes()) for path in sorted((REPOSITORY / "projects").glob("*.yaml"))]
    tried = [each for project in projects for each in (project, *changed(project))]
    accepted = sum(packaged.is_valid(each) for each in tried)
    assert (len(tried) > 2_000, 200 < accepted < 1_000) == (True, True)
    assert [each for each in tried if packaged.is_valid(each) != written.is_valid(each)] == []


def test_it_offers_the_names_of_the_repository(tmp_path: Path) -> None:
    assert modelfleet(tmp_path, "init", "--env", "lab", "--release", "2.25").code == 0
    text = (tmp_path / "environments/lab.yaml").read_text("utf-8")
    text = text.replace("runtimes:\n", "runtimes:\n  vllm-gaudi-runtime: {disabled: true}\n")
    own = (COMMON / "runtimes/onnx-server.yaml").read_bytes()
    write(tmp_path, {"environments/lab.yaml": text, "runtimes/onnx-server.yaml": own})
    project = printed(tmp_path, "project")
    offered = {name: project["$defs"][name]["examples"] for name in ("size", "accelerator", "runtime")}
    assert (offered["size"], offered["accelerator"]) == (["Medium", "Small"], ["nvidia-gpu"])
    assert {"onnx-server", "vllm-cuda-runtime"} <= set(offered["runtime"])
    assert "vllm-gaudi-runtime" not in offered["runtime"]
    assert [*project["properties"]["environments"]["properties"]] == ["lab"]
    lab = project["properties"]["environments"]["properties"]["lab"]
    assert [each["body"] for each in lab["defaultSnippets"]] == ["{}"], "what an editor inserts is what check accepts"
    after = {each["if"]["properties"]["runtime"]["const"]: each["then"] for each in project["$defs"]["model"]["allOf"]}
    assert after["onnx-server"] == {"properties": {"framework": {"examples": ["onnx-1"]}}}
    assert after["vllm-cuda-runtime"] == {"properties": {"framework": {"examples": ["vLLM"]}}}
    on_server = project["$defs"]["servedModel"]["properties"]["framework"]["examples"]
    assert {"onnx-1", "openvino_ir-opset1", "vLLM"} <= set(on_server)
    assert printed(tmp_path, "environment")["properties"]["release"]["examples"][-1] == "rhoai-2.19"


def test_all_of_them_are_written_anew(tmp_path: Path) -> None:
    root, outside = miniature(tmp_path / "root"), tmp_path / "mine.json"
    outside.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "project.schema.json").symlink_to(outside)
    ran = modelfleet(root, "schema", "--write", str(tmp_path / "out"))
    names = sorted(f"{name}.schema.json" for name in KINDS.values())
    assert (ran.code, sorted(path.name for path in (tmp_path / "out").iterdir())) == (0, names)
    assert outside.read_text() == "mine"
    written = (tmp_path / "out" / "project.schema.json").read_text("utf-8")
    assert written == modelfleet(root, "schema", "project").out


def test_where_the_specs_cannot_be_read_the_schema_is_there_all_the_same(tmp_path: Path) -> None:
    ran = modelfleet(tmp_path, "schema", "project")
    said = "the specs cannot be read yet, so names of this repository are not completed; see `modelfleet check`"
    assert (ran.code, ran.err) == (0, f"modelfleet: {said}\n")
    assert "properties" not in json.loads(ran.out)["properties"]["environments"]


def test_which_one_has_to_be_said(tmp_path: Path) -> None:
    said = "say which schema is printed (project, environment, runtime), or where all are written: --write schemas"
    assert modelfleet(tmp_path, "schema") == (2, "", f"modelfleet: {said}\n")


def repository_of(root: Path, *releases: str) -> Path:
    """A repository with an environment on each of these releases."""
    assert modelfleet(root, "init", "--env", "lab", "--release", releases[0]).code == 0
    text = (root / "environments/lab.yaml").read_text("utf-8")
    base = (root / "environments/base.yaml").read_text("utf-8")
    for number, release in enumerate(releases):
        assert text.count("release: ") + base.count("release: ") == 1
        own = text.replace(f"release: rhoai-{releases[0]}", f"release: rhoai-{release}")
        write(root, {f"environments/lab{number or ''}.yaml": own})
    return root


def offered(root: Path) -> dict[str, Any]:
    """What the schema has of the fields and choices that not every release takes."""
    schema = printed(root, "project")
    model = schema["$defs"]["model"]["properties"]
    return {
        "fields": {name for name in ("canary", "stopped", "genAiAsset", "llmd", "maas", "return401") if name in model},
        "mode": model["mode"]["enum"],
        "platform": schema["$defs"]["platform"]["enum"],
        "servers": ["servers" in part["properties"] for part in (schema, schema["$defs"]["override"])],
    }


OLD = {
    "fields": {"stopped", "llmd"},
    "mode": ["standard", "advanced", None],
    "platform": ["single-model", "multi-model", None],
    "servers": [True, True],
}
NEW = {
    "fields": {"canary", "stopped", "genAiAsset", "llmd", "maas", "return401"},
    "mode": ["standard", None],
    "platform": ["single-model", None],
    "servers": [False, False],
}


@pytest.mark.parametrize(("releases", "expected"), [(["2.25"], OLD), (["3.5"], NEW), (["2.25", "3.5"], {**OLD, **NEW, **{
    key: OLD[key] for key in ("mode", "platform", "servers")}})])  # fmt: skip
def test_it_has_what_at_least_one_environment_takes(tmp_path: Path, releases: list[str], expected: Any) -> None:
    assert offered(repository_of(tmp_path, *releases)) == expected


def test_what_is_switched_off_everywhere_is_not_offered(tmp_path: Path) -> None:
    root = repository_of(tmp_path, "2.25")
    text = (root / "environments/lab.yaml").read_text("utf-8")
    write(root, {"environments/lab.yaml": text + "platforms: {serverless: false, modelMesh: false}\n"})
    found = offered(root)
    assert (found["mode"], found["platform"], found["servers"]) == (NEW["mode"], NEW["platform"], NEW["servers"])


def test_what_the_schema_lacks_is_refused(tmp_path: Path) -> None:
    root = repository_of(tmp_path, "3.5")
    project = next((root / "projects").glob("*.yaml"))
    spec = yaml.safe_load(project.read_bytes())
    entry = next(iter(spec["models"].values()))
    written = jsonschema_rs.Draft202012Validator(printed(root, "project"))
    assert written.is_valid(spec)
    for change in ({"mode": "advanced"}, {"mode": "standard"}):
        wrong = {**spec, "models": {"one": {**entry, **change}}}
        write(root, {str(project.relative_to(root)): yaml.safe_dump(wrong)})
        assert written.is_valid(wrong) == (modelfleet(root, "check").code == 0) == (change["mode"] == "standard")
