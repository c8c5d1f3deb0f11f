"""`import environment`: what describes a cluster becomes the facts of an environment, beside those of the user."""

from __future__ import annotations

from pathlib import Path

import yaml

from console import modelfleet

CLUSTER = """\
apiVersion: operators.coreos.com/v1alpha1
kind: Subscription
metadata: {name: rhods-operator, namespace: redhat-ods-operator}
spec: {channel: stable-3.x, startingCSV: rhods-operator.3.3.1}
---
apiVersion: datasciencecluster.opendatahub.io/v1
kind: DataScienceCluster
metadata: {name: default-dsc}
spec:
  components:
    kserve: {managementState: Managed, serving: {managementState: Managed}, rawDeploymentServiceConfig: Headed}
    modelmeshserving: {managementState: Managed}
---
apiVersion: infrastructure.opendatahub.io/v1
kind: HardwareProfile
metadata: {name: gpu-a100, namespace: redhat-ods-applications}
spec:
  identifiers:
  - {identifier: cpu, minCount: 1, maxCount: "14", defaultCount: 2}
  - {identifier: nvidia.com/gpu, minCount: 1, maxCount: 4, defaultCount: 1}
  scheduling: {node: {tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]}}
---
apiVersion: infrastructure.opendatahub.io/v1
kind: HardwareProfile
metadata: {name: old, namespace: redhat-ods-applications, annotations: {opendatahub.io/disabled: "true"}}
spec: {identifiers: [{identifier: cpu, defaultCount: 1}, {identifier: memory, defaultCount: 1Gi}]}
---
apiVersion: config.openshift.io/v1
kind: Ingress
metadata: {name: cluster}
spec: {domain: apps.lab.example.org}
---
apiVersion: v1
kind: Node
metadata: {name: gpu-0, labels: {nvidia.com/gpu.product: NVIDIA-A100}}
spec: {taints: [{key: nvidia.com/gpu, effect: NoSchedule}, {key: node.kubernetes.io/not-ready, effect: NoExecute}]}
status: {allocatable: {cpu: "127", memory: 1000Gi, nvidia.com/gpu: "4"}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: units, namespace: chat}
spec: {hard: {limits.cpu: "8", requests.nvidia.com/gpu: "2"}}
"""

FACTS = {
    "version": 1,
    "release": "rhoai-3.3",
    "platforms": {"serverless": False, "modelMesh": False, "rawServiceConfig": "Headed"},
    "accelerators": {
        "gpu-a100": {
            "identifier": "nvidia.com/gpu",
            "hardwareProfile": {
                "name": "gpu-a100",
                "namespace": "redhat-ods-applications",
                "minimum": {"cpu": "1", "nvidia.com/gpu": "1"},
                "maximum": {"cpu": "14", "nvidia.com/gpu": "4"},
            },
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        }
    },
    "cluster": {"appsDomain": "apps.lab.example.org"},
    "quota": {"projects": {"chat": {"limits.cpu": "8", "requests.nvidia.com/gpu": "2"}}},
    "nodes": {
        "gpu-a100": {
            "count": 1,
            "cpu": "127",
            "memory": "1000Gi",
            "accelerators": {"gpu-a100": 4},
            "labels": {"nvidia.com/gpu.product": "NVIDIA-A100"},
            "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
        }
    },
}


def cluster(tmp_path: Path) -> str:
    (tmp_path / "repository").mkdir(exist_ok=True)
    (tmp_path / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
    return str(tmp_path / "cluster.yaml")


def test_every_fact_comes_out(tmp_path: Path) -> None:
    root, source = tmp_path / "repository", cluster(tmp_path)
    assert modelfleet(root, "import", "environment", "lab", source).code == 0
    assert yaml.safe_load((root / "environments/lab.yaml").read_bytes()) == FACTS


def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    root, source = tmp_path / "repository", cluster(tmp_path)
    modelfleet(root, "import", "environment", "lab", source)
    before = (root / "environments/lab.yaml").read_bytes()
    assert modelfleet(root, "import", "environment", "lab", source).text() == "11 facts already there\n[exit 0]\n"
    assert (root / "environments/lab.yaml").read_bytes() == before


OWN = """\
# Ours.
version: 1
release: rhoai-3.2 # until the autumn
cluster: {name: lab} # as Argo CD calls it
accelerators:
  gpu-a100: {rate: 15, hardwareProfile: {name: gpu-a100, namespace: redhat-ods-applications}}
"""


def test_comments_and_facts_of_the_user_stay(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    source = cluster(tmp_path)
    (root / "environments").mkdir()
    (root / "environments/lab.yaml").write_text(OWN, encoding="utf-8")
    ran = modelfleet(root, "import", "environment", "lab", source)
    assert "changed: release: 'rhoai-3.2' becomes 'rhoai-3.3' (from Subscription/rhods-operator)\n" in ran.out
    text = (root / "environments/lab.yaml").read_text("utf-8")
    found = yaml.safe_load(text)
    assert (text.startswith("# Ours.\n"), "# as Argo CD calls it" in text) == (True, True)
    assert (found["cluster"], found["accelerators"]["gpu-a100"]["rate"]) == (
        {"name": "lab", "appsDomain": "apps.lab.example.org"},
        15,
    )


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    root, source = tmp_path / "repository", cluster(tmp_path)
    assert modelfleet(root, "import", "environment", "lab", "--dry-run", source).code == 0
    assert list(root.iterdir()) == []
