"""What KServe's own controller makes of each kind of deployment is what `endpoints` and the documentation say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from lab.conftest import REPOSITORY
from lab.controlplane.ask import wait_until
from lab.controlplane.fleet import ENVIRONMENT, modelfleet
from lab.controlplane.lab import Lab, documents

PROJECTS = {
    "granite": "granite-3f9c1e",
    "llama-405b": "llama-405b-91d0e3",
    "llama-on-demand": "llama-on-demand-b41c22",
    "vision": "vision-c07a34",
}
"""Those of the example whose models KServe itself serves, and their namespaces."""

_MADE = (
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("serving.knative.dev/v1", "Service"),
)
_MODE = "serving.kserve.io/deploymentMode"
_OVERLAP = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
_ALL_AT_ONCE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "0%"}}


def _standard(name: str, port: int, least: int, most: int) -> dict[str, Any]:
    return {
        f"Deployment/{name}-predictor": {"ports": [port], "strategy": _OVERLAP},
        f"Service/{name}-predictor": {"headless": True, "ports": {80: port}},
        f"HorizontalPodAutoscaler/{name}-predictor": {"least": least, "most": most},
    }


EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "granite": _standard("granite-3-8b", 8080, 2, 2),
    "llama-405b": {
        "Deployment/llama-405b-predictor": {"ports": [8080], "strategy": _OVERLAP},
        "Deployment/llama-405b-predictor-worker": {"ports": [], "strategy": _ALL_AT_ONCE},
        "Service/llama-405b-predictor": {"headless": True, "ports": {80: 8080}},
        "Service/llama-405b-head-1": {"headless": True, "ports": {}},
    },
    "llama-on-demand": {"Service/llama-3-8b-predictor": {"min-scale": "0", "max-scale": "2"}},
    "vision": {
        **_standard("classifier", 8888, 1, 1),
        **_standard("detector", 8888, 1, 3),
        **_standard("segmenter", 8888, 1, 1),
        **_standard("embedder", 8080, 1, 1),
    },
}


@pytest.fixture(scope="module")
def example(lab: Lab, build: Callable[[Path], bytes]) -> Lab:
    """The lab with the models of the example that KServe itself serves."""
    for project, namespace in PROJECTS.items():
        lab.api.ensure_namespace(namespace)
        for item in documents(build(REPOSITORY / "environments" / ENVIRONMENT / project)):
            lab.api.apply(item)
    return lab


@pytest.mark.parametrize("project", PROJECTS)
def test_what_kserve_makes(example: Lab, project: str) -> None:
    expected = EXPECTED[project]
    assert _all_made(example, PROJECTS[project], len(expected)) == expected


def _all_made(lab: Lab, namespace: str, count: int) -> dict[str, Any]:
    """What KServe makes in a namespace, when it has made as many."""
    wait_until(f"KServe has made {count} objects", lambda: len(_made(lab, namespace)) >= count)
    return _made(lab, namespace)


def _made(lab: Lab, namespace: str) -> dict[str, Any]:
    return {
        f"{kind}/{item['metadata']['name']}": _told(version, kind, item["spec"])
        for version, kind in _MADE
        for item in lab.api.items(version, kind, namespace)
    }


def _told(version: str, kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was made the part that is told of in the documentation."""
    if kind == "HorizontalPodAutoscaler":
        return {"least": spec["minReplicas"], "most": spec["maxReplicas"]}
    if kind == "Deployment":
        containers = spec["template"]["spec"]["containers"]
        ports = [port["containerPort"] for one in containers for port in one.get("ports", [])]
        return {"ports": ports, "strategy": spec["strategy"]}
    if version == "v1":
        targets = {port["port"]: port["targetPort"] for port in spec.get("ports", [])}
        return {"headless": spec.get("clusterIP") == "None", "ports": targets}
    meta = spec["template"]["metadata"]
    return {key.rpartition("/")[2]: value for key, value in meta["annotations"].items() if key.endswith("-scale")}


def test_every_address_leads_to_what_kserve_makes(example: Lab) -> None:
    """Of endpoints inside the cluster: the Service is there, and pods listen on the port; 8443 is that of the fork's proxy."""
    text = modelfleet(REPOSITORY, "endpoints", "--env", ENVIRONMENT, "--format", "json")
    tried = [
        one
        for one in json.loads(text)["endpoints"]
        if one["project"] in PROJECTS and one["project"] != "llama-on-demand"
    ]
    assert {one["model"] for one in tried} == {
        "granite-3-8b",
        "llama-405b",
        "classifier",
        "detector",
        "segmenter",
        "embedder",
    }
    for one in (each for each in tried if each["protocol"] != "grpc"):  # whose port a runtime does not declare
        made = _all_made(example, one["namespace"], len(EXPECTED[one["project"]]))
        address = urlsplit(one["internal"])
        service, namespace, *_ = str(address.hostname).split(".")
        assert namespace == one["namespace"]
        assert made[f"Service/{service}"]["headless"], service
        assert address.port in ([8443] if one["tokenInside"] else made[f"Deployment/{service}"]["ports"]), one


# ---- the live state ------------------------------------------------------------------------------------------------------


def test_a_dump_has_every_object_with_all_that_the_server_keeps_of_it(example: Lab) -> None:
    """As `oc get -o yaml` prints them, and what the controllers have made as well."""
    _all_made(example, PROJECTS["granite"], len(EXPECTED["granite"]))
    found = list(example.api.dump(PROJECTS["granite"]))
    kinds = {item["kind"] for item in found}
    assert {"InferenceService", "ServingRuntime", "Deployment", "Service", "ServiceAccount", "Secret", "Role"} <= kinds
    still = [item for item in found if item["kind"] in ("Role", "RoleBinding", "ServingRuntime", "ServiceAccount")]
    assert still == [example.api.read(item) for item in still]
    model = next(item for item in found if item["kind"] == "InferenceService")
    assert {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} <= model["metadata"].keys()
    assert model["status"]["deploymentMode"] == "RawDeployment"


@pytest.mark.parametrize("project", PROJECTS)
def test_what_runs_is_imported_and_no_pod_restarts(example: Lab, project: str, tmp_path: Path) -> None:
    """What differs is what the server has put into ExternalSecrets by default."""
    _all_made(example, PROJECTS[project], len(EXPECTED[project]))
    dump = {"apiVersion": "v1", "kind": "List", "items": list(example.api.dump(PROJECTS[project]))}
    (tmp_path / "live.yaml").write_text(yaml.safe_dump(dump))
    facts = tmp_path / "environments"
    facts.mkdir()
    for path in (REPOSITORY / "environments").glob("*.yaml"):
        shutil.copyfile(path, facts / path.name)
    words = ("import", "project", project, "--env", ENVIRONMENT, "--write", str(tmp_path / "live.yaml"))
    told = modelfleet(tmp_path, *words, codes=(0, 3)).splitlines()
    differs = [line for line in told if line.startswith("differs: ")]
    assert [line for line in differs if not line.startswith("differs: ExternalSecret/")] == []
    assert f"wrote projects/{project}.yaml" in told
    assert "first sync: no pod restarts" in told
    modelfleet(tmp_path, "check")


def test_the_status_of_a_headless_model_does_not_tell_the_port(example: Lab) -> None:
    def address() -> str | None:
        found = example.api.get("serving.kserve.io/v1beta1", "InferenceService", "classifier", PROJECTS["vision"]) or {}
        url: str | None = found.get("status", {}).get("address", {}).get("url")
        return url

    host = f"classifier-predictor.{PROJECTS['vision']}.svc.cluster.local"
    assert wait_until("there is an address", address) == f"http://{host}"


def test_a_service_that_is_headed_leads_to_the_port_of_the_container(
    example: Lab, build: Callable[[Path], bytes]
) -> None:
    """The other way of `rawServiceConfig`: a model that is made under it answers on port 80."""
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
    }
    before = (example.api.read(settings) or {})["data"]["service"]
    example.api.patch(settings, {"data": {"service": json.dumps({"serviceClusterIPNone": False})}})
    try:
        example.api.ensure_namespace("headed")
        for item in documents(build(REPOSITORY / "environments" / ENVIRONMENT / "vision")):
            if item["metadata"]["name"] == "classifier":
                example.api.apply({**item, "metadata": {**item["metadata"], "namespace": "headed"}})
        name = "Service/classifier-predictor"
        made = wait_until("KServe has made the Service", lambda: _made(example, "headed").get(name))
        assert made == {"headless": False, "ports": {80: 8888}}
    finally:
        example.api.patch(settings, {"data": {"service": before}})


def test_beside_a_model_of_modelmesh_kserve_serves_its_own(example: Lab, build: Callable[[Path], bytes]) -> None:
    """It goes by the mode of each InferenceService, not by the label of the namespace, and makes nothing of the other's."""
    folders = [REPOSITORY / "environments" / ENVIRONMENT / project for project in ("coolstore", "vision")]
    found = [item for folder in folders for item in documents(build(folder))]
    example.api.ensure_namespace("beside", {"modelmesh-enabled": "true"})
    for item in found:
        if item["kind"] in ("InferenceService", "ServingRuntime"):
            example.api.apply({**item, "metadata": {**item["metadata"], "namespace": "beside"}})
    kind = ("serving.kserve.io/v1beta1", "InferenceService")
    modes = {
        item["metadata"]["name"]: item["metadata"]["annotations"][_MODE] for item in found if item["kind"] == kind[1]
    }
    theirs = {name for name, mode in modes.items() if mode == "ModelMesh"}
    ours = modes.keys() - theirs
    assert theirs
    deployments = {f"Deployment/{name}-predictor" for name in ours}
    wait_until("KServe has made its own", lambda: deployments <= _made(example, "beside").keys())
    assert {name for name in _made(example, "beside") if name.startswith("Deployment/")} == deployments
    for name in theirs:
        model = example.api.get(*kind, name, "beside")
        assert model
        assert "status" not in model
        assert "finalizers" not in model["metadata"]
