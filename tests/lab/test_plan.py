"""What `modelfleet plan` says of a change beside what KServe's own controller then does with it.

All cases are models of one project: it is applied as it was, then as it is to be, and what became of each model's Deployment,
autoscaler or Knative Service is compared with what the plan said of it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.controlplane.ask import Object, Refused, wait_until
from lab.controlplane.fleet import modelfleet
from lab.controlplane.lab import Lab, documents

NAMESPACE = "cases"
BASE = """\
version: 1
release: rhoai-2.25
cluster: {name: lab, appsDomain: apps.example.org}
platforms: {serverless: true, rawServiceConfig: Headless}
sizes:
  Small: {requests: {cpu: "1", memory: 1Gi}, limits: {cpu: "2", memory: 2Gi}}
  Large: {requests: {cpu: "2", memory: 2Gi}, limits: {cpu: "4", memory: 4Gi}}
accelerators:
  gpu: {identifier: nvidia.com/gpu, perNode: 8, computeCapability: "9.0"}
runtimes:
  kserve-ovms: {images: {kserve-container: "registry.example.org/ovms:1"}}
  vllm-multinode-runtime:
    images: {kserve-container: "registry.example.org/vllm:1", worker-container: "registry.example.org/vllm:1"}
quota: {default: {requests.nvidia.com/gpu: 1000}}
secrets: {provider: external-secrets, apiVersion: external-secrets.io/v1beta1, store: {kind: SecretStore, name: store}}
namespaces: external
argocd: {namespace: openshift-gitops, repoURL: "https://git.example.org/models.git", revision: main, version: "2.14", prune: false}
"""
_PREDICTOR = "/spec/predictor"
Patch = Mapping[str, Any]


def _add(path: str, value: Any) -> Patch:
    return {"op": "add", "path": path, "value": value}


def _patched(*operations: Patch, kind: str = "InferenceService") -> dict[str, Any]:
    return {"patch": {kind: [dict(one) for one in operations]}}


OVMS = {
    "runtime": "kserve-ovms",
    "framework": "onnx-1",
    "size": "Small",
    "location": {"uri": "https://models.example.org/one.onnx"},
}
RECREATE = _patched(_add(f"{_PREDICTOR}/deploymentStrategy", {"type": "Recreate"}))
KINDS: Mapping[str, Mapping[str, Any]] = {
    "standard": OVMS,
    "advanced": {**OVMS, "mode": "advanced"},
    "nodes": {
        "runtime": "vllm-multinode-runtime",
        "multiNode": {"pipelineParallelSize": 2, "tensorParallelSize": 1},
        "accelerator": {"name": "gpu", "count": 1},
        "size": "Small",
        "location": {"pvc": "weights", "path": "one"},
    },
}


NOTHING, ROLLS, SCALES, STOPS, STARTS, REFUSED = "nothing", "rolls", "scales", "stops", "starts", "refused"


@dataclass(frozen=True)
class Case:
    """A change of one model: what the plan says of it, and what happens to what KServe made of the model.

    `happens` is what _happened says once the controller has looked at everything again.
    """

    name: str
    says: tuple[str, ...]
    happens: str
    after: Mapping[str, Any] | None  # None where the model leaves Git
    before: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "standard"


CASES = [
    Case("args", ("rolling",), ROLLS, {"args": ["--log_level=DEBUG"]}),
    Case("args go", ("rolling",), ROLLS, {}, before={"args": ["--log_level=DEBUG"]}),
    Case("env", ("rolling",), ROLLS, {"env": {"LAB": "1"}}),
    Case("size", ("rolling",), ROLLS, {"size": "Large"}),
    Case("size of a model that may not overlap", ("downtime",), ROLLS, {**RECREATE, "size": "Large"}, before=RECREATE),
    Case("location", ("rolling",), ROLLS, {"location": {"uri": "https://models.example.org/two.onnx"}}),
    Case("framework", ("nothing",), NOTHING, {"framework": "tensorflow-1"}),
    Case("display name", ("metadata",), ROLLS, {"displayName": "Another name"}),
    Case("route on", ("metadata", "url-new"), ROLLS, {"route": True}),
    Case("route off", ("url-gone", "metadata"), ROLLS, {}, before={"route": True}),
    Case(
        "timeout of a route", ("nothing",), NOTHING, {"route": {"timeout": "5m"}}, before={"route": {"timeout": "1m"}}
    ),
    Case("replicas", ("scale",), SCALES, {"replicas": 3}),
    Case("replicas between", ("scale",), SCALES, {"replicas": {"min": 1, "max": 4}}),
    Case("strategy", ("nothing",), NOTHING, RECREATE),
    Case("mode", ("recreate", "url-changed"), REFUSED, {"mode": "advanced"}),
    Case(
        "autoscaler",
        ("scale",),
        SCALES,
        _patched(_add(f"{_PREDICTOR}/scaleTarget", 50), _add(f"{_PREDICTOR}/scaleMetric", "cpu")),
    ),
    Case("priority", ("rolling",), ROLLS, _patched(_add(f"{_PREDICTOR}/priorityClassName", "high"))),
    Case("canary", ("nothing",), NOTHING, _patched(_add(f"{_PREDICTOR}/canaryTrafficPercent", 10))),
    Case("requests at once", ("nothing",), NOTHING, _patched(_add(f"{_PREDICTOR}/containerConcurrency", 5))),
    Case("protocol", ("nothing",), NOTHING, _patched(_add(f"{_PREDICTOR}/model/protocolVersion", "v2"))),
    Case("label", ("metadata",), ROLLS, _patched(_add("/metadata/labels/lab", "x"))),
    Case("annotation", ("metadata",), ROLLS, _patched(_add("/metadata/annotations/lab", "x"))),
    Case("label of the pods", ("rolling",), ROLLS, _patched(_add(f"{_PREDICTOR}/labels", {"lab": "x"}))),
    Case("time to end", ("rolling",), ROLLS, _patched(_add(f"{_PREDICTOR}/terminationGracePeriodSeconds", 77))),
    Case(
        "image of the runtime",
        ("rolling",),
        ROLLS,
        _patched(
            {"op": "replace", "path": "/spec/containers/0/image", "value": "registry.example.org/ovms:2"},
            kind="ServingRuntime",
        ),
    ),
    Case(
        "formats of the runtime",
        ("nothing",),
        NOTHING,
        _patched(_add("/spec/supportedModelFormats/-", {"name": "lab", "version": "1"}), kind="ServingRuntime"),
    ),
    Case(
        "annotation of the runtime",
        ("nothing",),
        NOTHING,
        _patched(_add("/metadata/annotations/lab", "x"), kind="ServingRuntime"),
    ),
    Case("leaves", ("unmanaged",), NOTHING, None),
    Case("args", ("rolling",), ROLLS, {"args": ["--log_level=DEBUG"]}, kind="advanced"),
    Case("replicas", ("rolling", "scale"), ROLLS, {"replicas": {"min": 2, "max": 3}}, kind="advanced"),
    Case("display name", ("metadata",), ROLLS, {"displayName": "Another name"}, kind="advanced"),
    Case("route on", ("url-new",), NOTHING, {"route": True}, kind="advanced"),
    Case(
        "requests at once",
        ("rolling",),
        ROLLS,
        _patched(_add(f"{_PREDICTOR}/containerConcurrency", 5)),
        kind="advanced",
    ),
    Case("canary", ("nothing",), NOTHING, _patched(_add(f"{_PREDICTOR}/canaryTrafficPercent", 10)), kind="advanced"),
    Case(
        "protocol", ("nothing",), NOTHING, _patched(_add(f"{_PREDICTOR}/model/protocolVersion", "v2")), kind="advanced"
    ),
    Case(
        "time to end",
        ("nothing",),
        NOTHING,
        _patched(_add(f"{_PREDICTOR}/terminationGracePeriodSeconds", 77)),
        kind="advanced",
    ),
    Case("mode", ("recreate", "url-changed"), REFUSED, {"mode": "standard"}, kind="advanced"),
    Case("args", ("rolling",), ROLLS, {"args": ["--max-model-len=1"]}, kind="nodes"),
    Case("display name", ("metadata",), ROLLS, {"displayName": "Another name"}, kind="nodes"),
]


@dataclass(frozen=True)
class Outcome:
    """What became of one model."""

    said: tuple[str, ...]
    happened: str
    changed: list[str]


@pytest.fixture(scope="module")
def outcomes(lab: Lab, kustomize: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """What was said of every model and what became of it, by name."""
    root = tmp_path_factory.mktemp("plan")
    build = _Builder(root, kustomize)
    lab.api.ensure_namespace(NAMESPACE)
    for item in build("before", {_name(case): {**KINDS[case.kind], **case.before} for case in CASES}):
        lab.api.apply(item)
    expected = {_name(case) for case in CASES if not case.before.get("stopped")}
    wait_until("KServe has looked at all models", lambda: expected <= _seen(lab).keys())
    before = _settled(lab)
    after = {_name(case): {**KINDS[case.kind], **case.after} for case in CASES if case.after is not None}
    objects = build("after", after)
    said = _said(root)
    refused = {item["metadata"]["name"] for item in objects if not _applied(lab, item)}
    _settled(lab)
    lab.restart_kserve()  # a changed runtime counts when it looks at the model again
    later = _settled(lab)
    return {
        name: Outcome(
            said.get(name, ("nothing",)),
            REFUSED if name in refused else _happened(before.get(name, {}), later.get(name, {})),
            list(_differences(before.get(name, {}), later.get(name, {}))),
        )
        for name in map(_name, CASES)
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_what_the_plan_says_is_what_happens(case: Case, outcomes: Mapping[str, Outcome]) -> None:
    found = outcomes[_name(case)]
    assert (found.said, found.happened) == (case.says, case.happens), found.changed


def _name(case: Case) -> str:
    return f"{case.kind}-{case.name.replace(' ', '-')}"


@dataclass(frozen=True)
class _Builder:
    root: Path
    kustomize: Path

    def __call__(self, message: str, models: Mapping[str, Any]) -> list[Object]:
        """Renders a project of the models; what is committed afterwards is what was there before the next."""
        project = {
            "version": 1,
            "platform": "single-model",
            "models": models,
            "environments": {"lab": {"namespace": NAMESPACE}},
        }
        (self.root / "projects").mkdir(exist_ok=True)
        (self.root / "environments").mkdir(exist_ok=True)
        (self.root / "environments" / "lab.yaml").write_text(BASE)
        (self.root / "projects" / "cases.yaml").write_text(json.dumps(project, indent=1))
        if message == "after":
            _git(self.root, "init", "--quiet", "--initial-branch=main")
            _git(self.root, "add", "--all")
            _git(
                self.root,
                "-c",
                "user.name=lab",
                "-c",
                "user.email=lab@example.com",
                "commit",
                "--quiet",
                "--message",
                message,
            )
        modelfleet(self.root, "render")
        folder = self.root / "environments" / "lab" / "cases"
        return documents(subprocess.run([self.kustomize, "build", folder], check=True, capture_output=True).stdout)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True)


def _said(root: Path) -> Mapping[str, tuple[str, ...]]:
    """The effects of the plan on each model, the heaviest first."""
    text = modelfleet(root, "plan", "--against", "HEAD", "--format", "json", codes=(0, 4))
    (environment,) = json.loads(text)["environments"]
    return {change["name"]: tuple(one["effect"] for one in change["effects"]) for change in environment["changes"]}


def _applied(lab: Lab, item: Object) -> bool:
    try:
        lab.api.apply(item)
    except Refused:
        return False
    return True


_MADE = (
    ("apps/v1", "Deployment"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("serving.knative.dev/v1", "Service"),
)


def _seen(lab: Lab) -> dict[str, dict[str, Object]]:
    """What KServe has made of each model, by model and by kind and name."""
    found: dict[str, dict[str, Object]] = {}
    for version, kind in _MADE:
        for item in lab.api.items(version, kind, NAMESPACE):
            model = item["metadata"].get("labels", {}).get("serving.kserve.io/inferenceservice") or _owner(item)
            found.setdefault(model, {})[f"{kind}/{item['metadata']['name']}"] = {
                "uid": item["metadata"]["uid"],
                **item["spec"],
            }
    return found


def _owner(item: Object) -> str:
    return next((str(one["name"]) for one in item["metadata"].get("ownerReferences", [])), "")


def _settled(lab: Lab) -> dict[str, dict[str, Object]]:
    import time

    def quiet() -> dict[str, dict[str, Object]] | None:
        before = _seen(lab)
        time.sleep(3)
        lab.place.all_run()
        return before if _seen(lab) == before else None

    return wait_until("the controllers have settled", quiet)


def _differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(key), after.get(key), f"{at}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, f"{at}[{index}]")
    elif before != after:
        yield f"{at}: {before!r} -> {after!r}"


def _happened(before: Mapping[str, Object], after: Mapping[str, Object]) -> str:
    """In one word, what became of what KServe had made of a model."""
    if before == after:
        return NOTHING
    pods = {name for name in before.keys() | after.keys() if not name.startswith("Horizontal")}
    if any(name not in after for name in pods):
        return STOPS
    if any(name not in before for name in pods):
        return STARTS
    if any(before[name].get("uid") != after[name].get("uid") for name in pods):
        return "made anew"
    if any(before[name]["template"] != after[name]["template"] for name in pods):
        return ROLLS
    sizes = [
        [(name, one.get("replicas"), name in pods or one) for name, one in side.items()] for side in (before, after)
    ]
    return SCALES if sizes[0] != sizes[1] else NOTHING
