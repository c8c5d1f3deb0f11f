"""The model of Argo CD's comparison on objects for each era of releases: which are quiet, and what is loud where."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from legacy_diff import Cluster, Object, cluster_of, drift, live, reduced
from modelfleet.finding import Pointer
from modelfleet.resolve.catalog import release
from modelfleet.resolve.release import Term

_RELEASES = ["rhoai-2.22", "rhoai-2.25", "rhoai-3.3", "rhoai-3.4", "rhoai-3.5"]


def _put(item: Object, path: str, value: Any) -> Object:
    """A copy with another value at the path; None takes away what is there."""
    found = deepcopy(item)
    *around, last = path.split("/")
    inner = found
    for step in around:
        inner = inner.setdefault(step, {})
    inner[last] = value
    if value is None:
        del inner[last]
    return found


def _model(mode: str) -> Object:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "granite",
            "namespace": "granite",
            "labels": {"opendatahub.io/dashboard": "true"},
            "annotations": {"openshift.io/display-name": "", "serving.kserve.io/deploymentMode": mode},
        },
        "spec": {
            "predictor": {
                "minReplicas": 0,
                "maxReplicas": 1,
                "model": {
                    "modelFormat": {"name": "vLLM"},
                    "runtime": "granite",
                    "storageUri": "oci://quay.io/example/granite:1",
                    "args": ["--max-model-len=4096"],
                    "env": [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}],
                    "resources": {
                        "requests": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"},
                        "limits": {"cpu": "1500m", "memory": "1Gi", "nvidia.com/gpu": "1"},
                    },
                },
            }
        },
    }


def _runtime() -> Object:
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "granite", "annotations": {}},
        "spec": {
            "containers": [{"name": "kserve-container", "env": [], "ports": [{"containerPort": 8080}]}],
            "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2048Mi"}}],
        },
    }


def _others() -> list[Object]:
    metadata = {"name": "granite-sa", "namespace": "granite"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "granite", "labels": {"modelmesh-enabled": "false"}},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata,
            "secrets": [{"name": "quay"}],
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {**metadata, "annotations": {"kubernetes.io/service-account.name": "granite-sa"}},
            "type": "kubernetes.io/service-account-token",
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "granite"},
            "subjects": [{"kind": "ServiceAccount", "name": "granite-sa"}],
        },
        _connection("s3"),
    ]


def _connection(kind: str) -> Object:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "store"},
        "spec": {
            "secretStoreRef": {"kind": "SecretStore", "name": "vault"},
            "target": {
                "name": "store",
                "template": {
                    "metadata": {"labels": {}, "annotations": {"opendatahub.io/connection-type-protocol": kind}}
                },
            },
            "data": [{"secretKey": "token", "remoteRef": {"key": "a/b", "property": "token"}}],
        },
    }


def _cluster(name: str, kind: str = "s3") -> Cluster:
    return cluster_of(release(name).capabilities, [_connection(kind)])


def _drift(item: Object, name: str, kind: str = "s3") -> list[Pointer]:
    return drift(item, live(item, _cluster(name, kind)))


# ---- quiet -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", _RELEASES)
@pytest.mark.parametrize("mode", ["modeStandard", "modeAdvanced"])
def test_a_model_in_the_releases_own_words_is_quiet(name: str, mode: Term) -> None:
    assert _drift(_model(release(name).terms[mode]), name) == []


@pytest.mark.parametrize("name", _RELEASES)
@pytest.mark.parametrize("item", [_runtime(), *_others()], ids=lambda item: item["kind"])
def test_other_objects_are_quiet(item: Object, name: str) -> None:
    assert _drift(item, name) == []


def _connected(**predictor: Any) -> Object:
    item = _model("RawDeployment")
    item["metadata"]["annotations"] |= {
        "opendatahub.io/connections": "store",
        "opendatahub.io/connection-path": "granite",
    }
    item["spec"]["predictor"] |= predictor
    return item


def test_a_model_by_an_s3_connection_is_quiet() -> None:
    item = _put(_connected(), "spec/predictor/model/storageUri", None)
    made = live(item, _cluster("rhoai-3.3"))["spec"]["predictor"]
    assert (made["serviceAccountName"], made["model"]["storage"]) == ("store-sa", {"key": "store", "path": "granite"})
    assert _drift(item, "rhoai-3.3") == []


def test_a_model_by_an_oci_connection_is_quiet() -> None:
    made = live(_connected(), _cluster("rhoai-3.3", "oci"))["spec"]["predictor"]
    assert made["imagePullSecrets"] == [{"name": "store"}]
    assert _drift(_connected(), "rhoai-3.3", "oci") == []
    assert _drift(_connected(imagePullSecrets=[{"name": "store"}]), "rhoai-3.3", "oci") == []


# ---- loud ------------------------------------------------------------------------------------------------------------

_PREDICTOR = ("spec", "predictor")
_MODEL = (*_PREDICTOR, "model")


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("spec/predictor/model/resources/requests/cpu", "1000m", [(*_MODEL, "resources", "requests", "cpu")]),
        ("spec/predictor/model/resources/requests/cpu", 1, [(*_MODEL, "resources", "requests", "cpu")]),
        ("spec/predictor/model/resources/limits/memory", "1024Mi", [(*_MODEL, "resources", "limits", "memory")]),
        ("spec/predictor/model/args", [], [(*_MODEL, "args")]),
        ("spec/predictor/model/env", [], [(*_MODEL, "env")]),
        ("spec/predictor/model/env", [{"name": "A", "value": ""}], [(*_MODEL, "env", 0, "value")]),
        ("spec/predictor/tolerations", [], [(*_PREDICTOR, "tolerations")]),
        ("spec/predictor/nodeSelector", {}, [(*_PREDICTOR, "nodeSelector")]),
        ("metadata/labels", {}, [("metadata", "labels")]),
    ],
)
def test_what_is_not_written_as_the_webhook_writes_it_is_loud(path: str, value: Any, found: list[Pointer]) -> None:
    assert _drift(_put(_model("RawDeployment"), path, value), "rhoai-2.25") == found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec/predictor/minReplicas", 0),
        ("spec/predictor/automountServiceAccountToken", False),
        ("spec/predictor/automountServiceAccountToken", True),
        ("spec/predictor/model/env", [{"name": "A", "value": "x"}]),
        ("spec/predictor/nodeSelector", {"zone": ""}),
        ("spec/predictor/model/resources/requests/cpu", "500m"),
    ],
)
def test_near_misses_of_those_are_quiet(path: str, value: Any) -> None:
    assert _drift(_put(_model("RawDeployment"), path, value), "rhoai-2.25") == []


def test_a_model_in_the_old_form_of_its_framework_is_loud() -> None:
    item = _put(_model("RawDeployment"), "spec/predictor", {"sklearn": {"storageUri": "s3://bucket/model"}})
    assert _drift(item, "rhoai-2.25") == [(*_PREDICTOR, "sklearn")]


@pytest.mark.parametrize(("name", "word"), [("rhoai-3.4", "RawDeployment"), ("rhoai-3.5", "Serverless")])
def test_a_mode_in_the_words_of_an_older_release_is_loud(name: str, word: str) -> None:
    assert _drift(_model(word), name) == [("metadata", "annotations", "serving.kserve.io/deploymentMode")]


@pytest.mark.parametrize("field", ["tolerations", "nodeSelector"])
def test_a_profile_beside_scheduling_of_ones_own_is_loud(field: str) -> None:
    own = {"tolerations": [{"key": "gpu", "operator": "Exists"}], "nodeSelector": {"profile": "mine"}}
    item = _put(_model("RawDeployment"), f"spec/predictor/{field}", own[field])
    assert _drift(item, "rhoai-3.3") == []
    item["metadata"]["annotations"]["opendatahub.io/hardware-profile-name"] = "gpu"
    at: Pointer = (*_PREDICTOR, field) if field == "tolerations" else (*_PREDICTOR, field, "profile")
    assert _drift(item, "rhoai-3.3") == [at]
    assert _drift(item, "rhoai-2.22") == []


def test_pull_secrets_of_a_service_account_are_loud() -> None:
    item = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "granite-sa"},
        "imagePullSecrets": [{"name": "quay"}],
    }
    assert _drift(item, "rhoai-2.25") == [("imagePullSecrets",)]


def test_a_connection_beside_other_fields_of_its_kind_is_loud() -> None:
    pulled = _connected(imagePullSecrets=[{"name": "mine"}])
    assert _drift(pulled, "rhoai-3.3", "oci") == [(*_PREDICTOR, "imagePullSecrets")]
    assert _drift(_connected(), "rhoai-3.3", "https://example.org/model") == [(*_MODEL, "storageUri")]
    assert _drift(_connected(), "rhoai-2.25", "https://example.org/model") == []


def test_a_runtime_is_kept_as_it_is_written() -> None:
    cluster = _cluster("rhoai-2.25")
    assert live(_runtime(), cluster)["spec"]["volumes"] == _runtime()["spec"]["volumes"]
    assert live(_runtime(), cluster)["spec"]["containers"][0] == {
        "name": "kserve-container",
        "env": [],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
    }


# ---- the comparison itself -------------------------------------------------------------------------------------------


def test_what_git_lacks_is_taken_away_in_items_too_but_further_items_stay() -> None:
    git = {"a": [{"b": 1}], "c": {"d": 1}}
    assert reduced(git, {"a": [{"b": 1, "x": 2}], "c": {"d": 1, "y": 2}, "z": 3}) == git
    assert reduced(git, {"a": [{"b": 1}, {"x": 2}], "c": {}}) == {"a": [{"b": 1}, {"x": 2}], "c": {}}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (True, [("spec", "x")]),
        (1, []),
        (1.0, []),
        ("1", [("spec", "x")]),
        (None, [("spec", "x")]),
        ([1], [("spec", "x")]),
    ],
)
def test_values_are_compared_as_json(value: Any, found: list[Pointer]) -> None:
    item = {"apiVersion": "example.org/v1", "kind": "Any", "metadata": {"name": "a"}, "spec": {"x": 1}}
    assert drift(item, {**item, "spec": {"x": value}}) == found


def test_a_list_in_another_order_is_drift() -> None:
    item = {"apiVersion": "example.org/v1", "kind": "Any", "metadata": {"name": "a"}, "spec": {"x": [1, 2]}}
    assert drift(item, {**item, "spec": {"x": [2, 1]}}) == [("spec", "x", 0), ("spec", "x", 1)]
    assert drift(item, {**item, "spec": {"x": [1, 2, 3]}}) == [("spec", "x")]
    assert drift(item, {**item, "spec": {}}) == [("spec", "x")]
