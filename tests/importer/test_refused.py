"""What `check` refuses of an import: a patch says it where one may, it is named, and the rest comes along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console import modelfleet
from lab_environment import LAB, model
from modelfleet.importer.refused import pointer_to
from modelfleet.kubernetes import emit

RUNTIME: dict[str, Any] = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ServingRuntime",
    "metadata": {"name": "one", "namespace": "lab"},
    "spec": {
        "multiModel": False,
        "supportedModelFormats": [{"name": "onnx"}],
        "containers": [{"name": "kserve-container", "image": "registry.example.org/onnx:1"}],
    },
}


def without_image(runtime: dict[str, Any]) -> dict[str, Any]:
    container = {"name": "kserve-container"}
    return {**runtime, "spec": {**runtime["spec"], "containers": [container]}}


ENV = [{"name": "A B", "value": "x"}, {"name": "OK", "value": "y"}]
CASES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a field that a patch says": (
        [model(predictor={"priorityClassName": "A_b"})],
        [
            "[exit 0]",
            "1 object of lab will be as given",
            "not in the spec: models.one.priorityClass: 'A_b' is not a valid resource name (SPEC005)",
            "first sync: no pod restarts",
        ],
    ),
    "an entry of a field": (
        [model(env=ENV)],
        [
            "[exit 0]",
            "1 object of lab will be as given",
            "not in the spec: models.one.env.A B: 'A B' is not a valid name for a variable (SPEC005)",
            "first sync: no pod restarts",
        ],
    ),
    "a runtime without an image": (
        [model("one"), without_image(RUNTIME)],
        [
            "[exit 3]",
            "1 object of lab will be as given",
            "not in the spec: runtimes.one: no image is known for container 'kserve-container' of 'one' (RUN005)",
            "differs: ServingRuntime/one: is left out: no image is known for container 'kserve-container' of 'one' (RUN005)",
            "first sync: no pod restarts",
        ],
    ),
    "a runtime for no format": (
        [model("one"), {**RUNTIME, "spec": {"containers": RUNTIME["spec"]["containers"]}}],
        [
            "[exit 3]",
            "1 object of lab will be as given",
            "differs: ServingRuntime/one: is left out: spec: 'supportedModelFormats' is missing (SPEC003)",
            "first sync: no pod restarts",
        ],
    ),
    "a model that no spec can say": (
        [
            model(),
            {
                **model(),
                "metadata": {"name": "two", "namespace": "lab"},
                "spec": {"predictor": {"pmml": {}, "onnx": {}}},
            },
        ],
        [
            "[exit 3]",
            "1 object of lab will be as given",
            "not in the spec: models.two: 'runtime' is missing (SPEC003)",
            "differs: InferenceService/two: is not rendered: no field of a spec stands for it",
            "first sync: InferenceService/two: stays unmanaged: it keeps running in lab, until it is deleted by hand",
            "first sync: to be acknowledged as InferenceService/two",
        ],
    ),
    "a runtime that is whole": (
        [model("one"), RUNTIME],
        ["[exit 0]", "2 objects of lab will be as given", "first sync: no pod restarts"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_refused_is_named(case: str, tmp_path: Path) -> None:
    items, said = CASES[case]
    root = tmp_path / "repository"
    (root / "environments").mkdir(parents=True)
    (root / "environments/prod.yaml").write_text(LAB, encoding="utf-8")
    (tmp_path / "objects.yaml").write_text("---\n".join(map(emit.dump, items)), encoding="utf-8")
    words = ("import", "project", "lab", "--env", "prod", "--write", str(tmp_path / "objects.yaml"))
    ran = modelfleet(root, *words)
    lines = [line for line in ran.out.splitlines() if not line.startswith("wrote ")]
    assert ([f"[exit {ran.code}]", *lines], ran.err) == (said, "")
    assert modelfleet(root, "check").code == 0


def test_a_patch_says_what_the_field_cannot(tmp_path: Path) -> None:
    test_what_is_refused_is_named("an entry of a field", tmp_path)
    spec = yaml.safe_load((tmp_path / "repository/projects/lab.yaml").read_bytes())["models"]["one"]
    step = {"op": "replace", "path": "/spec/predictor/model/env", "value": ENV}
    assert (spec["env"], spec["patch"]) == ({"OK": "y"}, {"InferenceService": [step]})


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("models.a.b.args[1]", ("models", "a.b", "args", 1)),
        ("models.a.args[0]", ("models", "a", "args", 0)),
        ("models.a.args[7]", ("models", "a", "args")),
        ("models.c", ("models",)),
        ("servers.s.models.m.framework", ("servers", "s", "models", "m", "framework")),
        ("", ()),
    ],
)
def test_a_path_is_found_in_a_spec(path: str, pointer: tuple[str | int, ...]) -> None:
    spec = {
        "models": {"a": {"args": ["x"]}, "a.b": {"args": ["x", "y"]}},
        "servers": {"s": {"models": {"m": {"framework": "onnx"}}}},
    }
    assert pointer_to(spec, path) == pointer
