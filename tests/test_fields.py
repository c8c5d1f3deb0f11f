"""Every property of the project schema on every kind of workload: it makes a difference, or something is said of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from matrix import CLUSTER, environment_of, label
from modelfleet.finding import Finding, Rejected, Severity
from modelfleet.packaged import packaged, packaged_data
from modelfleet.pipeline import fleet as pipeline
from modelfleet.resolve.release import Capability
from modelfleet.spec.fields import WORKLOAD_KINDS, fields, locked_paths
from repository import laid_over, write

GPU = label("nvidia.com/gpu")
SECTIONS = {"server": "server", "served": "servedModel"}
PLAIN: dict[str, Any] = {
    "runtime": "vllm-cuda-runtime",
    "size": "Medium",
    "accelerator": GPU,
    "location": {"connection": "models", "path": "granite"},
    "tokens": ["ci"],
}
ENTRIES: dict[str, dict[str, Any]] = {
    "standard": PLAIN,
    "advanced": {**PLAIN, "mode": "advanced"},
    "multi-node": {
        **PLAIN,
        "runtime": "vllm-multinode-runtime",
        "accelerator": {"name": GPU, "count": 4},
        "multiNode": {"pipelineParallelSize": 2, "tensorParallelSize": 4},
        "location": {"pvc": "weights", "path": "granite"},
    },
    "distributed": {**{key: PLAIN[key] for key in PLAIN if key != "runtime"}, "llmd": True},
    "server": {"runtime": "ovms", "size": "Medium", "models": {"ranker": {"framework": "onnx-1", "location": {"uri": "https://x.example.org/m"}}}},
    "served": {"framework": "onnx-1", "location": {"connection": "models", "path": "ranker"}},
}  # fmt: skip
"""A workload of each kind as it is without the property."""

KINDS = [
    ("standard", "rhoai-2.25"), ("standard", "rhoai-3.5"), ("advanced", "rhoai-2.25"), ("multi-node", "rhoai-2.25"),
    ("multi-node", "rhoai-3.5"), ("distributed", "rhoai-2.25"), ("distributed", "rhoai-3.5"), ("server", "rhoai-2.25"),
    ("served", "rhoai-2.25"),
]  # fmt: skip
VALUES: dict[str, Any] = {
    "runtime": "vllm-rocm-runtime",
    "framework": "tensorflow-2",
    "mode": "advanced",
    "size": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    "accelerator": {"name": GPU, "count": 2},
    "location": {"pvc": "other", "path": "other"},
    "replicas": 3,
    "modelType": "predictive",
    "tokens": ["web"],
    "env": {"VLLM_LOGGING_LEVEL": "DEBUG"},
    "multiNode": {"pipelineParallelSize": 3, "tensorParallelSize": 4},
    "size.requests": {"cpu": "2", "memory": "2Gi"},
    "size.limits": {"cpu": "9", "memory": "9Gi"},
    "llmd.scheduler": False,
}
"""What is written where the example of the schema is not good for every kind, or says what is there already."""


@cache
def schema() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((packaged("schemas") / "project.schema.json").read_bytes())
    return found


def followed(part: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    return {**followed(schema()["$defs"][reference.rpartition("/")[2]]), **part} if reference else part


def properties(section: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema()["$defs"][section]["properties"]
    return {name: followed(part) for name, part in found.items()}


def everything() -> Mapping[str, Any]:
    return {name: part for section in ("servedModel", "server", "model") for name, part in properties(section).items()}


def other(value: Any) -> Any:
    """A value of the same type."""
    if isinstance(value, bool):
        return not value
    return f"{value}0" if isinstance(value, str) else value + 1 if isinstance(value, int) else value


def cases(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every property, and every property of a property, with a value that the entry does not have."""
    for name, part in everything().items():
        if fields()[name].judged:
            continue
        example = VALUES.get(name, part["examples"][0])
        yield name, example if example != entry.get(name) else part["examples"][-1]
        inner = part.get("properties", {}) if name not in ("models", "patch") else {}
        outer = next((found for found in part["examples"] if isinstance(found, dict)), {})
        there = entry[name] if isinstance(entry.get(name), dict) else {}
        for key, described in inner.items():
            value = VALUES.get(f"{name}.{key}", followed(described)["examples"][0])
            value = other(value) if value in (outer.get(key), there.get(key)) else value
            yield f"{name}.{key}", laid_over(there or (outer if key in outer else {}), {key: value})


def project(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "version": 1,
        "platform": "multi-model" if kind in SECTIONS else "single-model",
        "connections": {"models": {"s3": {"endpoint": "https://s3.example.org", "bucket": "models"}}},
        "environments": {CLUSTER: {}},
    }
    if kind == "served":
        return found | {"servers": {"one": {"runtime": "ovms", "size": "Medium", "models": {"it": entry}}}}
    return found | {"servers" if kind == "server" else "models": {"it": entry}}


def outcome(root: Path, release: str, projects: Mapping[str, Any]) -> tuple[Mapping[str, str], list[Finding]]:
    """The files of all projects that are right, and what is said of any."""
    files = {f"environments/{CLUSTER}": environment_of(release)}
    write(root, files | {f"projects/{name}": content for name, content in projects.items()})
    found: list[Finding] = []
    while True:
        try:
            made = pipeline.fleet(root)
        except Rejected as rejected:
            wrong = {one.at.file for one in rejected.findings if one.severity is Severity.ERROR}
            assert all(file.startswith("projects/") for file in wrong), rejected.findings
            found += rejected.findings
            for file in wrong:
                (root / file).unlink()
        else:
            return made.files, [*found, *made.warnings]


@pytest.mark.parametrize(("kind", "release"), KINDS, ids=lambda value: str(value))
def test_no_property_is_dropped_without_a_word(kind: str, release: str, tmp_path: Path) -> None:
    entry = ENTRIES[kind]
    written = dict(cases(entry))
    names = {name: f"case-{index}" for index, name in enumerate(written)}
    projects = {names[name]: project(kind, {**entry, name.partition(".")[0]: value}) for name, value in written.items()}
    files, found = outcome(tmp_path, release, {"case": project(kind, entry), **projects})

    def objects(name: str) -> dict[str, str]:
        folders = (f"environments/{CLUSTER}/{name}/", f"environments/base/{name}/")
        here = {path: text.partition("\n")[2] for path, text in files.items() if path.startswith(folders)}
        return {path.replace(name, "case"): text.replace(name, "case") for path, text in here.items()}

    plain, anyway = objects("case"), {(one.code, one.message) for one in found if one.at.file == "projects/case.yaml"}
    said = {one.at.file for one in found if (one.code, one.message) not in anyway}
    assert plain, found
    dropped = [name for name, file in names.items() if f"projects/{file}.yaml" not in said and objects(file) == plain]
    assert dropped == []


# ---- the table -------------------------------------------------------------------------------------------------------


def test_every_property_is_a_field() -> None:
    assert {name for name in fields() if "." not in name} == set(everything())


def test_a_kind_takes_a_field_or_says_why_not() -> None:
    for kind in WORKLOAD_KINDS:
        known = properties(SECTIONS.get(kind, "model"))
        lacking = {name for name, field in fields().items() if "." not in name and kind in field.refusals}
        assert set(everything()) - set(known) - lacking == set()
        assert kind not in SECTIONS or lacking & set(known) == set()


def test_needs_are_capabilities() -> None:
    data = packaged_data("fields")
    needs = {entry["needs"] for entry in (*data["fields"].values(), *data["features"]) if "needs" in entry}
    assert needs - set(get_args(Capability)) == set()


def test_no_two_fields_end_up_in_the_same_place() -> None:
    places = [(path.kind, path.steps, path.modes) for field in fields().values() for path in field.paths]
    assert len(places) == len(set(places))


def test_what_only_the_spec_decides_comes_first() -> None:
    policies = [path.policy for path in locked_paths()]
    assert policies == sorted(policies, reverse=True)


def test_what_a_template_takes_as_it_is_written_has_a_name_of_its_own() -> None:
    named = [field for field in fields().values() if field.template]
    templates = packaged("templates") / "common"
    texts = {path.stem: path.read_text("utf-8") for path in templates.glob("*.yaml.j2")}
    assert len({field.template for field in named}) == len(named)
    for field in named:
        for kind in {path.kind for path in field.paths}:
            assert f"{{{{ {field.template} }}}}" in texts[f"{kind.lower()}.yaml"], (field.name, kind)


def test_a_field_whose_values_become_other_words_has_one_for_each() -> None:
    becoming = [field for field in fields().values() if field.becomes]
    assert becoming
    for field in becoming:
        part = everything()[field.pointer[0]]
        for step in field.pointer[1:]:
            part = followed(part["properties"][step])
        assert {*field.becomes, None} == set(part["enum"]), field.name
        assert len(set(field.becomes.values())) == len(field.becomes), field.name
