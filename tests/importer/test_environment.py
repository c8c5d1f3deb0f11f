"""`import environment`: what describes a cluster becomes the facts of an environment, beside those of the user."""

from __future__ import annotations

from pathlib import Path

import pytest
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
    assert modelfleet(root, "import", "environment", "lab", source).text() == (
        "11 facts already there\nHardwareProfile/old: it holds no fact of an environment\n[exit 0]\n"
    )
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


def imported(folder: Path, objects: str) -> tuple[dict[str, object], str]:
    """What an import of these objects writes, and says."""
    root = folder / "repository"
    root.mkdir()
    (folder / "objects.yaml").write_text(objects, encoding="utf-8")
    ran = modelfleet(root, "import", "environment", "lab", str(folder / "objects.yaml"))
    assert (ran.code, ran.err) == (0, "")
    return yaml.safe_load((root / "environments/lab.yaml").read_bytes()), ran.out


SCALERS = {
    "the operator": """\
apiVersion: operators.coreos.com/v1alpha1
kind: Subscription
metadata: {name: cma, namespace: openshift-keda}
spec: {name: openshift-custom-metrics-autoscaler-operator, channel: stable}
""",
    "its version": """\
apiVersion: operators.coreos.com/v1alpha1
kind: ClusterServiceVersion
metadata: {name: custom-metrics-autoscaler.v2.15.1-4, namespace: openshift-keda}
""",
    "its controller": """\
apiVersion: keda.sh/v1alpha1
kind: KedaController
metadata: {name: keda, namespace: openshift-keda}
spec: {watchNamespace: ""}
""",
    "its definition": """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: scaledobjects.keda.sh}
""",
}


@pytest.mark.parametrize("name", SCALERS)
def test_keda_is_known_by_any_of_its_objects(name: str, tmp_path: Path) -> None:
    assert imported(tmp_path, SCALERS[name])[0] == {"version": 1, "autoscaling": {"keda": True}}


OTHERS = """\
apiVersion: operators.coreos.com/v1alpha1
kind: Subscription
metadata: {name: pipelines, namespace: openshift-operators}
spec: {name: openshift-pipelines-operator-rh}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
---
apiVersion: v1
kind: Service
metadata: {name: thanos-querier, namespace: monitoring}
spec: {ports: [{name: tenancy, port: 9092}]}
"""


def test_what_is_of_no_use_to_models_is_said(tmp_path: Path) -> None:
    facts, said = imported(tmp_path, OTHERS)
    assert facts == {"version": 1}
    assert said == (
        "0 facts already there\n"
        "Subscription/pipelines: it holds no fact of an environment\n"
        "CustomResourceDefinition/widgets.example.org: it holds no fact of an environment\n"
        "Service/thanos-querier: it holds no fact of an environment\n"
        "wrote environments/lab.yaml\n"
    )


QUEUES = """\
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {name: a100}
spec:
  resourceGroups:
  - coveredResources: [cpu, memory, nvidia.com/gpu]
    flavors:
    - name: one
      resources: [{name: cpu, nominalQuota: 16}, {name: memory, nominalQuota: 64Gi}, {name: nvidia.com/gpu, nominalQuota: "4"}]
    - name: two
      resources: [{name: cpu, nominalQuota: 500m}, {name: memory, nominalQuota: 512Mi}, {name: nvidia.com/gpu, nominalQuota: 2}]
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {name: unused}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: LocalQueue
metadata: {name: gpu, namespace: chat}
spec: {clusterQueue: a100}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: LocalQueue
metadata: {name: gpu, namespace: vision}
spec: {clusterQueue: a100}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: LocalQueue
metadata: {name: gpu, namespace: lab}
spec: {clusterQueue: elsewhere}
"""


def test_queues_have_what_their_cluster_queues_have(tmp_path: Path) -> None:
    facts, said = imported(tmp_path, QUEUES)
    nominal = {"cpu": "16500m", "memory": "66048Mi", "nvidia.com/gpu": "6"}
    assert facts == {"version": 1, "queues": {"gpu": {"clusterQueue": "a100", "nominal": nominal}}}
    assert said == (
        "new: queues.gpu (from LocalQueue/gpu)\n"
        "0 facts already there\n"
        "LocalQueue/gpu: another queue of its name leads elsewhere\n"
        "ClusterQueue/unused: it holds no fact of an environment\n"
        "wrote environments/lab.yaml\n"
    )


PUBLISHED = """\
apiVersion: maas.opendatahub.io/v1alpha1
kind: MaaSAuthPolicy
metadata: {name: chat-users, namespace: models-as-a-service}
spec:
  subjects: {groups: [{name: data-team}], users: [alice]}
  modelRefs: [{name: chat, namespace: team}, older]
---
apiVersion: maas.opendatahub.io/v1alpha1
kind: MaaSSubscription
metadata: {name: gold, namespace: models-as-a-service}
spec:
  owner: {groups: [{name: data-team}]}
  priority: 10
  modelRefs: [{name: chat, namespace: team, tokenRateLimits: [{limit: 100000, window: 24h}]}]
---
apiVersion: maas.opendatahub.io/v1alpha1
kind: MaaSSubscription
metadata: {name: forever, namespace: models-as-a-service}
spec: {owner: {groups: [{name: data-team}]}, modelRefs: [{name: chat, namespace: team, tokenRateLimits: [{limit: 1, window: 7d}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: maas-default-gateway, namespace: openshift-ingress}
spec: {gatewayClassName: openshift-default, listeners: [{name: https, hostname: maas.apps.lab.example.org}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: inference, namespace: openshift-ingress}
spec: {gatewayClassName: data-science, listeners: [{hostname: "*.example.org"}, {name: https, hostname: llm.example.org}]}
---
apiVersion: v1
kind: Service
metadata: {name: thanos-querier, namespace: openshift-monitoring}
spec: {ports: [{name: web, port: 9091}, {name: tenancy, port: 9092}]}
"""


def test_what_the_platform_grants_and_routes_comes_out(tmp_path: Path) -> None:
    facts, said = imported(tmp_path, PUBLISHED)
    policy = {"groups": ["data-team"], "users": ["alice"], "models": ["team/chat", "models-as-a-service/older"]}
    limits = {"team/chat": [{"tokens": 100000, "window": "24h"}]}
    assert facts == {
        "version": 1,
        "maas": {
            "policies": {"chat-users": policy},
            "subscriptions": {"gold": {"groups": ["data-team"], "priority": 10, "models": limits}},
            "host": "maas.apps.lab.example.org",
        },
        "gateways": {
            "inference": {"namespace": "openshift-ingress", "host": "llm.example.org", "class": "data-science"}
        },
        "autoscaling": {"prometheus": "https://thanos-querier.openshift-monitoring.svc:9092"},
    }
    assert "not taken: maas.subscriptions.forever: '7d' is not a window (from MaaSSubscription/forever)\n" in said
    assert modelfleet(tmp_path / "repository", "schema", "environment").code == 0


def test_what_differs_is_said_value_by_value(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    (root / "environments").mkdir(parents=True)
    limits = "limits: {cpu: '2', memory: 8Gi}"
    (root / "environments/lab.yaml").write_text(
        f"version: 1\nsizes:\n  Small: {{requests: {{cpu: '1', memory: 4Gi}}, {limits}}}\n", encoding="utf-8"
    )
    size = "{name: Small, resources: {requests: {cpu: '1', memory: 6Gi}, limits: {cpu: '2', memory: 8Gi}}}"
    head = "apiVersion: opendatahub.io/v1alpha\nkind: OdhDashboardConfig\nmetadata: {name: c}\n"
    config = f"{head}spec: {{modelServerSizes: [{size}]}}\n"
    (tmp_path / "objects.yaml").write_text(config, encoding="utf-8")
    ran = modelfleet(root, "import", "environment", "lab", str(tmp_path / "objects.yaml"))
    assert ran.out.splitlines()[0] == (
        "changed: sizes.Small.requests.memory: '4Gi' becomes '6Gi' (from OdhDashboardConfig/c)"
    )


def test_what_in_a_folder_is_no_object_is_said_and_the_rest_is_read(tmp_path: Path) -> None:
    folder, root = tmp_path / "cluster", tmp_path / "repository"
    folder.mkdir()
    root.mkdir()
    for name, content in {
        "keda.yaml": SCALERS["its controller"],
        "patch.yaml": "- {op: add, path: /spec/x, value: 1}\n",
        "template.yaml": "{{- if .Values.on }}\na: 1\n{{- end }}\n",
        "kustomization.yaml": "resources: [keda.yaml]\n",
        "quota.yaml": "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: openshift-ingress}\n"
        "spec: {hard: {pods: 1}}\n",
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
    ran = modelfleet(root, "import", "environment", "lab", str(folder))
    assert ran.text().replace(f"{folder}/", "") == (
        "new: autoscaling.keda (from KedaController/keda)\n"
        "0 facts already there\n"
        "patch.yaml:1: not read: this is not a Kubernetes object\n"
        "template.yaml:1: not read: this is not valid YAML: did not find expected node content\n"
        "ResourceQuota/q: it holds no fact of an environment\n"
        "wrote environments/lab.yaml\n"
        "[exit 0]\n"
    )


def test_a_file_that_is_named_must_be_readable(tmp_path: Path) -> None:
    (tmp_path / "patch.yaml").write_text("- {op: add, path: /spec/x, value: 1}\n", encoding="utf-8")
    (tmp_path / "repository").mkdir()
    ran = modelfleet(tmp_path / "repository", "import", "environment", "lab", str(tmp_path / "patch.yaml"))
    assert (ran.code, "error[IMP001]: this is not a Kubernetes object" in ran.err) == (1, True)


def test_a_template_whose_runtime_has_no_name_is_no_runtime_of_ones_own(tmp_path: Path) -> None:
    template = CLUSTER.partition("---")[0] + (
        "---\napiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {name: t, namespace: redhat-ods-applications}\n"
        "objects: [{kind: ServingRuntime, metadata: %s}]\n"
    )
    for metadata in ("null", "[]", "{}", "{name: 1}", "{name: ../../x}"):
        (tmp_path / "cluster.yaml").write_text(template % metadata, encoding="utf-8")
        ran = modelfleet(tmp_path, "import", "environment", "lab", "--dry-run", str(tmp_path / "cluster.yaml"))
        assert (ran.code, "runtimes/" in ran.out) == (0, False), ran.err
