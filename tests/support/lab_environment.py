"""An environment for what is imported: no facts but those without which nothing is rendered."""

from __future__ import annotations

from typing import Any

LAB = """\
version: 1
release: rhoai-2.25
cluster: {name: lab, appsDomain: apps.lab.example.org}
platforms: {serverless: true, modelMesh: true, rawServiceConfig: Headed}
sizes: {Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}}
accelerators: {gpu: {identifier: nvidia.com/gpu}}
secrets: {provider: existing}
namespaces: external
argocd: {namespace: openshift-gitops, repoURL: "https://git.example.org/acme/models.git", revision: main,
  version: "2.14", prune: false}
"""


def model(runtime: str | None = None, predictor: Any = None, **more: Any) -> dict[str, Any]:
    """A model of the runtime `mine`, unless another is given."""
    of = {
        "modelFormat": {"name": "onnx"},
        "runtime": runtime or "mine",
        "storageUri": "oci://registry.example.org/one:1",
        **more,
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "one",
            "namespace": "lab",
            "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"},
        },
        "spec": {"predictor": {"minReplicas": 1, "maxReplicas": 1, "model": of, **(predictor or {})}},
    }
