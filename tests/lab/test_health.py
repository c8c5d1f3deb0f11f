"""Our checks of health over statuses that KServe writes where the order of things is unlucky."""

from __future__ import annotations

from collections.abc import Mapping

from argocd_health import check_of, judge
from lab.controlplane.ask import Object, wait_until
from lab.controlplane.lab import Lab

NAMESPACE = "unlucky"
MISSING = {
    "status": "Degraded",
    "message": "InvalidSpec: RuntimeNotRecognized: Waiting for runtime to become available",
}
RUNTIME: Mapping[str, object] = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ServingRuntime",
    "metadata": {"name": "late", "namespace": NAMESPACE},
    "spec": {
        "supportedModelFormats": [{"name": "vLLM"}],
        "containers": [{"name": "kserve-container", "image": "registry.example.org/vllm:1"}],
    },
}
MODEL: Mapping[str, object] = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {
        "name": "model",
        "namespace": NAMESPACE,
        "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"},
    },
    "spec": {
        "predictor": {
            "model": {"modelFormat": {"name": "vLLM"}, "runtime": "late", "storageUri": "pvc://no-such-volume/model"}
        }
    },
}


def test_a_model_whose_runtime_arrives_after_it_is_not_degraded_while_its_pods_wait(lab: Lab) -> None:
    _progresses_though_its_runtime_came_late(lab)


def test_nor_is_it_on_the_newest_line(newest: Lab) -> None:
    _progresses_though_its_runtime_came_late(newest)


def _progresses_though_its_runtime_came_late(lab: Lab) -> None:
    """KServe keeps the failure until a container has a state; whether it also says InvalidSpec depends on what it saw first."""
    lab.api.ensure_namespace(NAMESPACE)
    lab.api.apply(MODEL)
    wait_until("KServe reports that the runtime is missing", lambda: _health(lab) == MISSING)
    lab.api.apply(RUNTIME)
    wait_until("a pod waits for its volume", lambda: lab.api.items("v1", "Pod", NAMESPACE))
    wait_until("the model is not ready", lambda: _ready(lab) == "False")
    status = _model(lab)["status"]["modelStatus"]
    assert status["lastFailureInfo"]["reason"] == "RuntimeNotRecognized"
    assert status["transitionStatus"] in ("InvalidSpec", "InProgress")
    assert _health(lab)["status"] == "Progressing"


def _model(lab: Lab) -> Object:
    found = lab.api.read(MODEL)
    assert found
    return found


def _ready(lab: Lab) -> str | None:
    conditions = _model(lab)["status"].get("conditions", [])
    return next((str(one["status"]) for one in conditions if one["type"] == "Ready"), None)


def _health(lab: Lab) -> dict[str, str]:
    return judge(check_of("InferenceService"), _model(lab))
