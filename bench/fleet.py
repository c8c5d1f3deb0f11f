"""Writes repositories of any size to measure with: P projects of 10 models in 3 environments, or N models on one server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelfleet.resolve.release import Capability

ENVIRONMENTS = {"edu": "rhoai-2.22", "prod": "rhoai-2.25", "test": "rhoai-3.3"}
"""As NERC runs them: three releases with three rule books."""

_BASE = """\
version: 1
release: rhoai-2.25
sizes:
  Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}
  Medium: {requests: {cpu: "4", memory: 8Gi}, limits: {cpu: "8", memory: 10Gi}}
accelerators:
  nvidia-a100-gpu:
    identifier: nvidia.com/gpu
    tolerations: [{key: nvidia.com/gpu.product, operator: Equal, value: NVIDIA-A100-SXM4-40GB, effect: NoSchedule}]
    perNode: 4
    computeCapability: "8.0"
runtimes:
  vllm-cuda-runtime: {images: {kserve-container: "registry.example.org/vllm:1.0"}}
  ovms: {images: {ovms: "registry.example.org/ovms:1.0"}}
quota: {default: {requests.nvidia.com/gpu: 100}}
secrets: {provider: external-secrets, apiVersion: external-secrets.io/v1beta1, store: {kind: SecretStore, name: vault}}
namespaces: managed
argocd: {namespace: openshift-gitops, repoURL: "https://git.example.org/models.git", revision: main, version: "2.14", prune: false}
"""

_MODEL = """\
  model-{number}:
    displayName: Model {number} of team {project}
    runtime: vllm-cuda-runtime
    replicas: 1
    size: Medium
    accelerator: {{name: nvidia-a100-gpu, count: 1}}
    route: true
    tokens: [ci]
    location: {{connection: models, path: team-{project}/model-{number}}}
    args: ["--max-model-len=20000", "--gpu-memory-utilization=0.95"]
    env: {{VLLM_LOGGING_LEVEL: INFO}}
"""

_CONNECTION = '  models: {s3: {endpoint: "https://s3.example.org", region: us-east-1, bucket: models}}\n'


def write_environments(root: Path) -> None:
    """base.yaml and three clusters."""
    (root / "environments").mkdir(parents=True, exist_ok=True)
    (root / "projects").mkdir(exist_ok=True)
    (root / "environments/base.yaml").write_text(_BASE)
    for name, release in ENVIRONMENTS.items():
        old = "true" if release.startswith("rhoai-2.") else "false"
        (root / f"environments/{name}.yaml").write_text(
            f"version: 1\nrelease: {release}\ncluster: {{name: {name}, appsDomain: apps.{name}.example.org}}\n"
            f"platforms: {{serverless: {old}, modelMesh: {old}, rawServiceConfig: Headless}}\nsecrets: {{keyPrefix: {name}}}\n"
        )


def write_fleet(root: Path, models: int) -> None:
    """Projects of ten models each, in three environments, with small differences."""
    write_environments(root)
    for project in range((models + 9) // 10):
        numbers = range(min(10, models - project * 10))
        text = "version: 1\nplatform: single-model\nconnections:\n" + _CONNECTION + "models:\n"
        text += "".join(_MODEL.format(number=number, project=project) for number in numbers)
        text += "environments:\n  edu: {}\n  prod: {models: {model-0: {replicas: 2}}}\n  test: {}\n"
        (root / f"projects/team-{project:03}.yaml").write_text(text)


def write_server(root: Path, models: int) -> None:
    """One ModelMesh server with many models."""
    write_environments(root)
    text = "version: 1\nplatform: multi-model\nconnections:\n" + _CONNECTION
    text += "servers:\n  shared:\n    runtime: ovms\n    size: Small\n    models:\n"
    text += "".join(
        f"      model-{number:04}: {{framework: onnx-1, location: {{connection: models, path: model-{number:04}}}}}\n"
        for number in range(models)
    )
    (root / "projects/many.yaml").write_text(text + "environments: {edu: {}, prod: {}}\n")


CAPABILITIES: tuple[Capability, ...] = (
    "connectionAnnotation",
    "connectionDescriptionAlways",
    "connectionProtocolAnnotation",
    "enableAuthAlways",
    "inferenceDescription",
    "modelType",
    "runtimeAcceleratorName",
    "runtimeDisplayName",
    "runtimeScope",
    "runtimeSharedMemory",
)
"""What the chart and the script need to know of a release."""


def write_values(root: Path, folder: Path) -> None:
    """What helm and the script are given of a fleet: its specs as they are, and the facts of each environment."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    def written(value: object) -> str:
        return str(yaml.dump(value, Dumper=dumper, sort_keys=False))

    folder.mkdir(parents=True, exist_ok=True)
    specs = {path.stem: yaml.load(path.read_bytes(), Loader=loader) for path in sorted((root / "projects").iterdir())}
    parts = {name: {key: spec[key] for key in ("connections", "models")} for name, spec in specs.items()}
    (folder / "projects.yaml").write_text(written({"projects": parts}))
    base = yaml.load(_BASE, Loader=loader)
    for environment, release in ENVIRONMENTS.items():
        own = {
            name: spec["environments"][environment] for name, spec in specs.items() if spec["environments"][environment]
        }
        facts = {key: base[key] for key in ("sizes", "accelerators", "secrets")}
        facts["secrets"]["keyPrefix"] = environment
        values = {"facts": {**facts, **_release_facts(release, base["runtimes"])}, "projects": own}
        (folder / f"{environment}.yaml").write_text(written(values))


def _release_facts(name: str, offered: dict[str, Any]) -> dict[str, Any]:
    from modelfleet.resolve import catalog

    release = catalog.release(name)
    runtime = catalog.shipped_runtime(name, "vllm-cuda-runtime")
    annotations = runtime.object["metadata"]["annotations"]
    by_template = release.capabilities["runtimeTemplateName"] == "template"
    found = {
        "displayName": runtime.display_name,
        "templateName": runtime.template_name if by_template else runtime.name,
        "apiProtocol": runtime.api_protocol,
        "modelType": runtime.model_types[0],
        "format": runtime.formats[0].name,
        "images": offered[runtime.name]["images"],
        "annotations": {key: text for key, text in annotations.items() if key != "openshift.io/display-name"},
        "spec": dict(runtime.spec),
    }
    return {
        "can": {name: release.capabilities[name] for name in CAPABILITIES},
        "modeStandard": release.terms["modeStandard"],
        "runtimes": {runtime.name: found},
    }
