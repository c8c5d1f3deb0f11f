"""What `modelfleet plan` says of a change beside what KServe 0.15.2 then does with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.controlplane.changes import (
    BESIDE,
    NOTHING,
    REFUSED,
    ROLLS,
    SCALES,
    Case,
    Outcome,
    ProjectFiles,
    add,
    outcomes,
    patched,
)
from lab.controlplane.lab import Lab

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
OVMS = {
    "runtime": "kserve-ovms",
    "framework": "onnx-1",
    "size": "Small",
    "location": {"uri": "https://models.example.org/one.onnx"},
}
RECREATE = patched(add(f"{_PREDICTOR}/deploymentStrategy", {"type": "Recreate"}))


def _transformer(*args: str, replicas: int = 1) -> dict[str, Any]:
    amounts = {"cpu": "100m", "memory": "1Gi"}
    container = {
        "name": "kserve-container",
        "image": "registry.example.org/transformer:1",
        "args": list(args),
        "resources": {"requests": amounts, "limits": amounts},
    }
    return {"transformer": {"replicas": replicas, "containers": [container]}}


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
        patched(add(f"{_PREDICTOR}/scaleTarget", 50), add(f"{_PREDICTOR}/scaleMetric", "cpu")),
    ),
    Case("priority", ("rolling",), ROLLS, patched(add(f"{_PREDICTOR}/priorityClassName", "high"))),
    Case("canary", ("nothing",), NOTHING, patched(add(f"{_PREDICTOR}/canaryTrafficPercent", 10))),
    Case("requests at once", ("nothing",), NOTHING, patched(add(f"{_PREDICTOR}/containerConcurrency", 5))),
    Case("protocol", ("nothing",), NOTHING, patched(add(f"{_PREDICTOR}/model/protocolVersion", "v2"))),
    Case("label", ("metadata",), ROLLS, patched(add("/metadata/labels/lab", "x"))),
    Case("annotation", ("metadata",), ROLLS, patched(add("/metadata/annotations/lab", "x"))),
    Case("label of the pods", ("rolling",), ROLLS, patched(add(f"{_PREDICTOR}/labels", {"lab": "x"}))),
    Case("time to end", ("rolling",), ROLLS, patched(add(f"{_PREDICTOR}/terminationGracePeriodSeconds", 77))),
    Case(
        "image of the runtime",
        ("rolling",),
        ROLLS,
        patched(
            {"op": "replace", "path": "/spec/containers/0/image", "value": "registry.example.org/ovms:2"},
            kind="ServingRuntime",
        ),
    ),
    Case(
        "formats of the runtime",
        ("nothing",),
        NOTHING,
        patched(add("/spec/supportedModelFormats/-", {"name": "lab", "version": "1"}), kind="ServingRuntime"),
    ),
    Case(
        "annotation of the runtime",
        ("nothing",),
        NOTHING,
        patched(add("/metadata/annotations/lab", "x"), kind="ServingRuntime"),
    ),
    Case("leaves", ("unmanaged",), NOTHING, None),
    Case("transformer", ("beside",), BESIDE, _transformer("--width=2"), before=_transformer("--width=1")),
    Case("replicas of a transformer", ("nothing",), SCALES, _transformer("a", replicas=2), before=_transformer("a")),
    Case("args", ("rolling",), ROLLS, {"args": ["--log_level=DEBUG"]}, kind="advanced"),
    Case("replicas", ("rolling", "scale"), ROLLS, {"replicas": {"min": 2, "max": 3}}, kind="advanced"),
    Case("display name", ("metadata",), ROLLS, {"displayName": "Another name"}, kind="advanced"),
    Case("route on", ("url-new",), NOTHING, {"route": True}, kind="advanced"),
    Case(
        "requests at once",
        ("rolling",),
        ROLLS,
        patched(add(f"{_PREDICTOR}/containerConcurrency", 5)),
        kind="advanced",
    ),
    Case("canary", ("nothing",), NOTHING, patched(add(f"{_PREDICTOR}/canaryTrafficPercent", 10)), kind="advanced"),
    Case("protocol", ("nothing",), NOTHING, patched(add(f"{_PREDICTOR}/model/protocolVersion", "v2")), kind="advanced"),
    Case(
        "time to end",
        ("nothing",),
        NOTHING,
        patched(add(f"{_PREDICTOR}/terminationGracePeriodSeconds", 77)),
        kind="advanced",
    ),
    Case("mode", ("recreate", "url-changed"), REFUSED, {"mode": "standard"}, kind="advanced"),
    Case("args", ("rolling",), ROLLS, {"args": ["--max-model-len=1"]}, kind="nodes"),
    Case("display name", ("metadata",), ROLLS, {"displayName": "Another name"}, kind="nodes"),
]


@pytest.fixture(scope="module")
def happened(lab: Lab, kustomize: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    return outcomes(lab, ProjectFiles(tmp_path_factory.mktemp("plan"), BASE, kustomize), KINDS, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.change}")
def test_what_the_plan_says_is_what_happens(case: Case, happened: Mapping[str, Outcome]) -> None:
    found = happened[case.model]
    assert (found.said, found.happened) == (case.says, case.happens), found.changed
