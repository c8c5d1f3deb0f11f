"""A project of OpenShift AI 3.5, for the newest line of KServe."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.controlplane.ask import Object
from lab.controlplane.fleet import modelfleet
from lab.controlplane.lab import documents

ENVIRONMENT = """\
version: 1
release: rhoai-3.5
cluster: {name: lab, appsDomain: apps.example.org}
platforms: {rawServiceConfig: Headless}
sizes:
  Small: {requests: {cpu: "1", memory: 1Gi}, limits: {cpu: "2", memory: 2Gi}}
  Large: {requests: {cpu: "2", memory: 2Gi}, limits: {cpu: "4", memory: 4Gi}}
accelerators:
  gpu: {identifier: nvidia.com/gpu, perNode: 8, computeCapability: "9.0", hardwareProfile: {name: gpu, namespace: profiles}}
runtimes:
  kserve-ovms: {images: {kserve-container: "registry.example.org/ovms:1"}}
  vllm-multinode-runtime:
    images: {kserve-container: "registry.example.org/vllm:1", worker-container: "registry.example.org/vllm:1"}
quota: {default: {requests.nvidia.com/gpu: 1000}}
gateways: {openshift-ai-inference: {host: inference.example.org}}
secrets: {provider: external-secrets, apiVersion: external-secrets.io/v1, store: {kind: SecretStore, name: store}}
namespaces: external
autoscaling: {keda: true, prometheus: "https://thanos-querier.openshift-monitoring.svc:9092"}
argocd: {namespace: openshift-gitops, repoURL: "https://git.example.org/models.git", revision: main, version: "3.2", prune: false}
"""


def render(root: Path, kustomize: Path, namespace: str, models: Mapping[str, Any]) -> list[Object]:
    """The objects of a project of these models."""
    project = {
        "version": 1,
        "platform": "single-model",
        "models": models,
        "environments": {"lab": {"namespace": namespace}},
    }
    for folder, name, text in (("environments", "lab", ENVIRONMENT), ("projects", namespace, json.dumps(project))):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / f"{name}.yaml").write_text(text)
    modelfleet(root, "render")
    command: list[str | Path] = [kustomize, "build", root / "environments" / "lab" / namespace]
    return documents(subprocess.run(command, check=True, capture_output=True).stdout)
