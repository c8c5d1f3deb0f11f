"""What teams have, said as a spec: each folder holds objects as they were found and the hand-written files that render them.

To add a set, add a folder: `given/` with the objects, `repository/` with projects/, runtimes/ and objects/ as a user writes
them, and `set.yaml` with the project's name, the text of the environment `prod`, and what may differ (`found_objects`).
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from console import modelfleet
from found_objects import read_objects, unlike
from modelfleet.capacity.pods import pod_units
from modelfleet.pipeline.fleet import fleet
from modelfleet.serving.workloads import project_state, running_workloads

SETS = Path(__file__).parent
NAMES = sorted(path.parent.name for path in SETS.glob("*/repository"))


@cache
def rules(name: str) -> Any:
    return yaml.safe_load((SETS / name / "set.yaml").read_bytes())


def repository(root: Path, name: str) -> Path:
    shutil.copytree(SETS / name / "repository", root)
    (root / "environments").mkdir()
    (root / "environments/prod.yaml").write_text(rules(name)["environment"], encoding="utf-8")
    return root


@pytest.mark.parametrize("name", NAMES)
def test_the_spec_renders_what_was_found(name: str, tmp_path: Path) -> None:
    root = repository(tmp_path / "repository", name)
    ran = modelfleet(root, "check")
    assert ran.code == 0, ran.text()
    (deployed,) = fleet(root).deployed
    assert deployed.project.name == rules(name)["project"]
    given = read_objects(sorted((SETS / name / "given").glob("*.yaml")))
    assert unlike(given, deployed.objects, rules(name)) == []


def test_what_is_otherwise_is_noticed(tmp_path: Path) -> None:
    name = "01-vision-serverless"
    (deployed,) = fleet(repository(tmp_path / "repository", name)).deployed
    given = read_objects(sorted((SETS / name / "given").glob("*.yaml")))
    given["InferenceService/detector"]["spec"]["predictor"]["maxReplicas"] = 4
    given["Route/extra"] = {"kind": "Route", "metadata": {"name": "extra"}}
    del given["ServingRuntime/segmenter"]
    assert unlike(given, deployed.objects, rules(name)) == [
        "InferenceService/detector /spec/predictor/maxReplicas: 4 became 3",
        "Route/extra is not rendered",
        "ServingRuntime/segmenter was not given",
    ]


@pytest.mark.parametrize(
    ("name", "model", "accelerators"),
    [
        ("14-multinode-ray", "atlas-70b", {"nvidia.com/gpu": 4}),  # KServe gives them to the worker
        ("08-helm-callers", "orchid-vllm-model", {"nvidia.com/gpu": 1}),  # the webhook of hardware profiles does
        ("13-caikit-tgis-s3", "flax-small", {}),
    ],
)
def test_accelerators_that_the_platform_adds_are_counted(
    name: str, model: str, accelerators: dict[str, int], tmp_path: Path
) -> None:
    (deployed,) = fleet(repository(tmp_path / "repository", name)).deployed
    state = project_state(deployed.project.environment, deployed.project.namespace, deployed.objects, deployed.project)
    workload = running_workloads(state)["InferenceService", model]
    assert workload.accelerators == accelerators
    pods = [unit for unit in pod_units(state) if unit.workload == workload.key]
    asked = [pod.requests for unit in pods for pod, count in unit.pods for _ in range(count)]
    assert sum(amounts.get("nvidia.com/gpu", 0) for amounts in asked) == accelerators.get("nvidia.com/gpu", 0)


def test_one_set_needs_a_patch() -> None:
    """What no field said, a patch had to."""
    assert [name for name in NAMES for path in (SETS / name / "repository/projects").iterdir() if _patches(path)] == [
        "14-multinode-ray"
    ]


def _patches(path: Path) -> bool:
    waiting = [yaml.safe_load(path.read_bytes())]
    for value in waiting:
        if isinstance(value, dict):
            waiting += value.values()
    return any(isinstance(value, dict) and "patch" in value for value in waiting)
