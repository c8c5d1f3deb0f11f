"""What KServe's own controller makes of LLMInferenceServices is what `endpoints` and the documentation say.

The Gateway API, the InferencePools and the LeaderWorkerSets are there as kinds: routes are accepted by a stand-in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab.controlplane.ask import Object, wait_until
from lab.controlplane.fleet import modelfleet
from lab.controlplane.lab import Lab
from lab.controlplane.newest import render

NAMESPACE = "llms"
LLM = {"size": "Small", "accelerator": "gpu", "location": {"uri": "hf://acme/llama"}}
MODELS: Mapping[str, Mapping[str, Any]] = {
    "plain": {**LLM, "llmd": True, "replicas": 2},
    "nodes": {
        **LLM,
        "accelerator": {"name": "gpu", "count": 4},
        "llmd": {"parallelism": {"tensor": 1, "data": 8, "dataLocal": 4, "expert": True}, "worker": True},
        "replicas": 2,
    },
    "apart": {**LLM, "llmd": {"prefill": {"replicas": 2}}},
    "bare": {**LLM, "llmd": {"scheduler": False}},
    "scaled": {**LLM, "llmd": {"scaling": {"min": 1, "max": 3, "by": "hpa"}}},
    "blue": {**LLM, "servedName": "chat", "llmd": {"traffic": {"group": "chat", "weight": 90}}},
    "green": {**LLM, "servedName": "chat", "llmd": {"traffic": {"group": "chat", "weight": 10}}},
}
_MADE = (
    ("apps/v1", "Deployment"),
    ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("inference.networking.k8s.io/v1", "InferencePool"),
)
_ROUTES = ("gateway.networking.k8s.io/v1", "HTTPRoute")
_OVERLAP = {"maxSurge": "25%", "maxUnavailable": "25%"}


def _server(name: str, replicas: int, port: int = 8000) -> dict[str, Any]:
    return {f"Deployment/{name}": {"replicas": replicas, "port": port, "rolling": _OVERLAP}}


def _scheduled(model: str) -> dict[str, Any]:
    """One scheduler, which makes way for the next; it picks from the pods behind the pool's port."""
    return {
        f"Deployment/{model}-kserve-router-scheduler": {"replicas": 1, "port": 9002, "rolling": None},
        f"InferencePool/{model}-inference-pool": {"port": 8000, "picker": f"{model}-epp-service"},
    }


EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "plain": {**_server("plain-kserve", 2), **_scheduled("plain")},
    "nodes": {"LeaderWorkerSet/nodes-kserve-mn": {"groups": 2, "nodes": 2}, **_scheduled("nodes")},
    "apart": {**_server("apart-kserve", 1, 8001), **_server("apart-kserve-prefill", 2), **_scheduled("apart")},
    "bare": _server("bare-kserve", 1),
    "scaled": {
        **_server("scaled-kserve", 1),
        **_scheduled("scaled"),
        "HorizontalPodAutoscaler/scaled-kserve-hpa": {"least": 1, "most": 3},
    },
    "blue": {**_server("blue-kserve", 1), **_scheduled("blue")},
    "green": {**_server("green-kserve", 1), **_scheduled("green")},
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("llm")


@pytest.fixture(scope="module")
def llms(newest: Lab, kustomize: Path, repository: Path) -> Lab:
    """The lab with the models."""
    newest.api.ensure_namespace(NAMESPACE)
    for item in render(repository, kustomize, NAMESPACE, MODELS):
        newest.api.apply(item)
    return newest


@pytest.mark.parametrize("model", MODELS)
def test_what_kserve_makes(llms: Lab, model: str) -> None:
    expected = EXPECTED[model]
    wait_until(f"KServe has made {len(expected)} objects", lambda: _made(llms, model).keys() >= expected.keys())
    assert _made(llms, model) == expected


def _made(lab: Lab, model: str) -> dict[str, Any]:
    return {
        f"{kind}/{item['metadata']['name']}": _told(kind, item["spec"])
        for version, kind in _MADE
        for item in lab.api.items(version, kind, NAMESPACE)
        if model in [owner["name"] for owner in item["metadata"].get("ownerReferences", [])]
    }


def _told(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was made the part that is told of in the documentation."""
    if kind == "HorizontalPodAutoscaler":
        return {"least": spec["minReplicas"], "most": spec["maxReplicas"]}
    if kind == "InferencePool":
        (port,) = spec["targetPorts"]
        return {"port": port["number"], "picker": spec["endpointPickerRef"]["name"]}
    if kind == "LeaderWorkerSet":
        return {"groups": spec["replicas"], "nodes": spec["leaderWorkerTemplate"]["size"]}
    container = next(one for one in spec["template"]["spec"]["containers"] if one["name"] == "main")
    port = container["ports"][0]["containerPort"]
    return {"replicas": spec["replicas"], "port": port, "rolling": spec["strategy"].get("rollingUpdate")}


@pytest.mark.parametrize("model", MODELS)
def test_its_address_is_a_path_of_the_gateway_that_leads_to_it(llms: Lab, repository: Path, model: str) -> None:
    """With all who share its requests, by their weights; and to its Service where it has no scheduler."""
    address = next(one["external"] for one in _endpoints(repository) if one["model"] == model)
    path = urlsplit(address).path
    wanted = {
        "blue": {"blue-inference-pool": 90, "green-inference-pool": 10},
        "green": {"blue-inference-pool": 90, "green-inference-pool": 10},
        "bare": {"bare-kserve-workload-svc": 1},
    }.get(model, {f"{model}-inference-pool": 1})
    found = wait_until(f"{path} leads to {wanted}", lambda: _leads_to(llms, model, path) == wanted)
    assert found


def _endpoints(repository: Path) -> list[Object]:
    listed: list[Object] = json.loads(modelfleet(repository, "endpoints", "--format", "json"))["endpoints"]
    return listed


def _leads_to(lab: Lab, model: str, path: str) -> dict[str, int]:
    """Where the longest path of the model's route that is one of the address leads, by weight."""
    route = lab.api.get(*_ROUTES, f"{model}-kserve-route", NAMESPACE)
    if route is None:
        return {}
    assert [ref["name"] for ref in route["spec"]["parentRefs"]] == ["openshift-ai-inference"]
    rules = {start: rule for rule in route["spec"]["rules"] for start in _paths(rule) if path.startswith(start)}
    backends = rules[max(rules, key=len)]["backendRefs"]
    return {one["name"]: one["weight"] for one in backends}


def _paths(rule: Mapping[str, Any]) -> Iterator[str]:
    """Those that need no header."""
    for match in rule["matches"]:
        if "headers" not in match:
            yield str(match["path"]["value"])


def test_it_is_told_as_ready_with_the_address_of_its_gateway(llms: Lab) -> None:
    """By KServe's own conditions, which our check of health reads."""

    def status() -> Object | None:
        found = llms.api.get("serving.kserve.io/v1alpha2", "LLMInferenceService", "plain", NAMESPACE) or {}
        kinds = {one["type"]: one["status"] for one in found.get("status", {}).get("conditions", [])}
        return found.get("status") if kinds.get("Ready") == "True" else None

    assert wait_until("it is ready", status)["url"].endswith(f"/{NAMESPACE}/plain")
