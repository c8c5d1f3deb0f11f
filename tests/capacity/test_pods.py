"""The pods that objects lead to, with what controllers put into them: amounts, replicas, places."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelfleet.capacity.amounts import quantity_text
from modelfleet.capacity.pods import PodUnit, pod_units
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.catalog import release, release_names
from modelfleet.serving.workloads import project_state, running_workloads
from repository import repository, write

S3: dict[str, Any] = {"location": {"connection": "models", "path": "llama"}}
PVC: dict[str, Any] = {"location": {"connection": None, "pvc": "weights", "path": "llama"}}


def units(root: Path, environment: str, *fragments: Mapping[str, Any]) -> list[PodUnit]:
    """The pods of the project acme in an environment."""
    there: dict[str, Any] = {"projects/acme": {"environments": {"prod": None, environment: {}}}}
    found = fleet(write(root, repository(there, *fragments)), though_crowded=True)
    (one,) = (one for one in found.deployed if one.project.name == "acme")
    return list(pod_units(project_state(one.project.environment, one.project.namespace, one.objects, one.project)))


def model(**fields: Any) -> dict[str, Any]:
    return {"projects/acme": {"models": {"llama": fields}}}


def limits(unit: PodUnit) -> dict[str, str]:
    (pod, _), *_ = unit.pods
    return {name: quantity_text(amount, name) for name, amount in pod.limits.items()}


def requests(unit: PodUnit) -> dict[str, str]:
    (pod, _), *_ = unit.pods
    return {name: quantity_text(amount, name) for name, amount in pod.requests.items()}


def test_a_volume_is_mounted(tmp_path: Path) -> None:
    (unit,) = units(tmp_path, "prod", model(**PVC))
    assert (limits(unit), requests(unit)) == (
        {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "1"},
        {"cpu": "1", "memory": "4Gi", "nvidia.com/gpu": "1"},
    )
    assert unit.pods[0][0].claims == {"weights"}


@pytest.mark.parametrize(("environment", "most"), [("dev", "8Gi"), ("prod", "24Gi"), ("test", "24Gi")])
def test_a_download_counts_where_it_asks_for_more(environment: str, most: str, tmp_path: Path) -> None:
    """Releases 2.22, 2.25 and 3.3."""
    (unit,) = units(tmp_path, environment, model(**S3))
    assert (limits(unit)["memory"], requests(unit)["memory"], limits(unit)["cpu"]) == (most, "4Gi", "2")


def test_an_image_has_a_container_of_its_own(tmp_path: Path) -> None:
    (unit,) = units(tmp_path, "prod", model(location={"connection": None, "path": None, "uri": "oci://quay.io/a/b:1"}))
    assert (limits(unit)["cpu"], limits(unit)["memory"]) == ("2010m", "8207Mi")


def test_tokens_bring_a_proxy(tmp_path: Path) -> None:
    (unit,) = units(tmp_path, "test", model(**PVC, tokens=["ci"]))
    assert (limits(unit)["cpu"], limits(unit)["memory"]) == ("2200m", "8320Mi")


def test_knative_brings_its_own(tmp_path: Path) -> None:
    (unit,) = units(tmp_path, "prod", model(**PVC, mode="advanced", replicas={"min": 0, "max": 3}, tokens=["ci"]))
    assert (requests(unit)["cpu"], limits(unit)["cpu"], unit.least, unit.most) == ("1025m", "2", 0, 3)


def test_a_stopped_model_has_no_pods(tmp_path: Path) -> None:
    (unit,) = units(tmp_path, "test", model(**PVC, stopped=True, replicas=2))
    assert (unit.least, unit.most) == (0, 0)


def test_several_nodes_are_a_head_and_workers(tmp_path: Path) -> None:
    many = {"runtime": "vllm-multinode-runtime", "multiNode": {"pipelineParallelSize": 3, "tensorParallelSize": 1}}
    (unit,) = units(tmp_path, "prod", model(**PVC, **many))
    assert [(int(pod.requests["nvidia.com/gpu"]), count) for pod, count in unit.pods] == [(1, 1), (1, 2)]
    assert (unit.needed(1), unit.beside(1)) == (1, 1)


def test_a_canary_has_pods_of_its_own(tmp_path: Path) -> None:
    canary = {"predictor": {"name": "new", "model": {"resources": {"limits": {"cpu": "3"}}}}, "trafficPercent": 30}
    patch = {"InferenceService": [{"op": "add", "path": "/spec/canary", "value": [canary]}]}
    newest = {"environments/test": {"release": "rhoai-3.5"}}
    stable, further = units(tmp_path, "test", newest, model(**PVC, replicas=5, patch=patch))
    assert ((stable.role, stable.most), (further.role, further.most)) == (("", 5), ("canary new", 2))
    assert (limits(stable)["cpu"], limits(further)["cpu"]) == ("2", "3")


def test_llm_d_has_a_scheduler_and_those_that_read_prompts(tmp_path: Path) -> None:
    fields = {"runtime": None, "llmd": {"prefill": {"replicas": 2}}, "tokens": ["ci"]}
    found = units(tmp_path, "test", model(**S3, **fields))
    assert [(unit.role, unit.least, unit.most) for unit in found] == [
        ("", 1, 1),
        ("prefill", 2, 2),
        ("scheduler", 1, 1),
    ]
    main, _, scheduler = (unit.pods[0][0] for unit in found)
    assert [one.name for one in main.containers] == ["storage-initializer", "main", "routing-sidecar"]
    assert {name: quantity_text(amount, name) for name, amount in scheduler.requests.items()} == {
        "cpu": "256m",
        "memory": "500Mi",
    }
    assert scheduler.limits == {}


def test_what_stands_beside_the_models_counts_too(tmp_path: Path) -> None:
    pod = {"containers": [{"name": "c", "image": "registry.example.org/i:1", "resources": {"limits": {"cpu": "1"}}}]}
    labels = {"app": "helper"}
    helper = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "helper"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    found = units(tmp_path, "prod", model(**PVC), {"objects/acme/helper": helper})
    assert [(unit.workload[0], unit.most, limits(unit)["cpu"]) for unit in found] == [
        ("InferenceService", 1, "2"),
        ("Deployment", 2, "1"),
    ]


def test_what_a_limit_range_gives(tmp_path: Path) -> None:
    limit_range = {"default": {"cpu": "1", "memory": "4Gi"}, "defaultRequest": {"cpu": "500m"}}
    beside = [{"name": "x", "image": "registry.example.org/i:1"}]
    patch = {"InferenceService": [{"op": "add", "path": "/spec/predictor/containers", "value": beside}]}
    (unit,) = units(tmp_path, "prod", {"environments/prod": {"limitRange": limit_range}}, model(**PVC, patch=patch))
    assert (limits(unit)["cpu"], limits(unit)["memory"]) == ("3", "12Gi")
    assert (requests(unit)["cpu"], requests(unit)["memory"]) == ("1500m", "8Gi")  # a default limit stands for a request


@pytest.mark.parametrize("name", release_names())
def test_each_release_says_what_is_put_in(name: str) -> None:
    known = release(name)
    assert {"storageInitializer", "modelcar", "authProxy", "agent"} <= set(known.injected)
    assert ("modelMesh" in known.injected) is known.capabilities["modelMesh"]
    assert ("queueProxy" in known.injected) is known.capabilities["serverless"]
    assert ("scheduler" in known.injected) is known.capabilities["llm"]


@pytest.mark.parametrize(
    ("mode", "count", "needed", "beside"),
    [("standard", 1, 1, 1), ("standard", 3, 1, 1), ("standard", 4, 0, 1), ("standard", 8, 0, 2), ("server", 1, 1, 1)],
)
def test_how_pods_roll(mode: Any, count: int, needed: int, beside: int) -> None:
    unit = PodUnit(workload=("InferenceService", "m"), role="", pods=(), least=count, most=count, mode=mode)
    assert (unit.needed(count), unit.beside(count)) == (needed, beside)


# ---- what a spec gives pods by itself


def amounts(**given: str) -> dict[str, Any]:
    return {"resources": {"requests": given, "limits": given}}


METRICS = {"name": "metrics", "image": "registry.example.org/metrics:1", **amounts(cpu="500m", memory="1Gi")}
SHAPE = {"name": "kserve-container", "image": "registry.example.org/shape:1", **amounts(cpu="3", memory="2Gi")}


def test_containers_beside_the_model_count_and_claims_of_volumes_are_mounted(tmp_path: Path) -> None:
    volumes = [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}]
    (unit,) = units(tmp_path, "prod", model(**PVC, containers=[METRICS], volumes=volumes))
    assert limits(unit) == {"cpu": "2500m", "memory": "9Gi", "nvidia.com/gpu": "1"}
    assert unit.pods[0][0].claims == {"weights", "cache"}


def test_an_init_container_counts_where_it_asks_for_more(tmp_path: Path) -> None:
    before = {"name": "prepare", "image": "registry.example.org/tools:1"}
    more, less = amounts(**{"cpu": "4", "memory": "1Gi", "nvidia.com/gpu": "3"}), amounts(cpu="1", memory="1Gi")
    (unit,) = units(tmp_path, "prod", model(**PVC, initContainers=[{**before, **more}]))
    assert limits(unit) == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "3"}
    (unit,) = units(tmp_path / "less", "prod", model(**PVC, initContainers=[{**before, **less}]))
    assert limits(unit) == {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "1"}


def test_a_transformer_has_pods_of_its_own(tmp_path: Path) -> None:
    transformer = {"replicas": {"min": 1, "max": 2}, "containers": [SHAPE]}
    own, before = units(tmp_path, "prod", model(**PVC, transformer=transformer))
    assert (own.role, own.most, before.role, before.least, before.most) == ("", 1, "transformer", 1, 2)
    assert limits(before) == {"cpu": "3", "memory": "2Gi"}


def test_a_program_of_its_own_gets_the_size_and_the_accelerator(tmp_path: Path) -> None:
    program = {**SHAPE, "image": "registry.example.org/rules:1"}
    (unit,) = units(tmp_path, "prod", model(runtime=None, location=None, containers=[program, METRICS]))
    assert limits(unit) == {"cpu": "2500m", "memory": "9Gi", "nvidia.com/gpu": "1"}


def test_accelerators_of_all_pods_are_those_of_the_model(tmp_path: Path) -> None:
    gpu = {"nvidia.com/gpu": "2"}
    fields = {
        "containers": [{**METRICS, **amounts(**gpu)}],
        "initContainers": [{"name": "a", "image": "registry.example.org/a:1", **amounts(**{"nvidia.com/gpu": "4"})}],
        "transformer": {"replicas": 3, "containers": [{**SHAPE, **amounts(**gpu)}]},
    }
    files = repository({"projects/acme": {"environments": {"prod": {}}}}, model(**PVC, **fields))
    found = fleet(write(tmp_path, files), though_crowded=True)
    (one,) = (one for one in found.deployed if one.project.name == "acme")
    state = project_state(one.project.environment, one.project.namespace, one.objects, one.project)
    (serving,) = running_workloads(state).values()
    assert (serving.per_replica, serving.beside, serving.accelerators) == (
        {"nvidia.com/gpu": 4},
        {"nvidia.com/gpu": 6},
        {"nvidia.com/gpu": 10},
    )
    assert serving.address is not None
    assert serving.address.internal == "http://llama-transformer.acme.svc.cluster.local:8080"
