"""The command `capacity`: its tables, its JSON, and that it stops at nothing that only finds no room."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from console import modelfleet
from modelfleet.packaged import packaged
from repository import repository, write

GOLDEN = Path(__file__).parent / "data"
WEIGHTS = {
    "parameters": 8_030_261_248, "layers": 32, "heads": 32, "kvHeads": 8, "headDim": 128, "hidden": 4096,
    "intermediate": 14336, "vocab": 128256, "contextMax": 131072,
}  # fmt: skip
FACTS: dict[str, Any] = {
    "environments/base": {"accelerators": {"nvidia-a100-gpu": {"memory": "40Gi", "rate": 15}}},
    "environments/prod": {
        "quota": {"default": {"limits.cpu": "24", "limits.memory": "64Gi", "pods": 6}},
        "limitRange": {"default": {"cpu": "1", "memory": "4Gi"}},
        "nodes": {
            "a100": {"count": 2, "cpu": "32", "memory": "256Gi", "accelerators": {"nvidia-a100-gpu": 4}},
            "workers": {"count": 3, "cpu": "16", "memory": "64Gi"},
        },
    },
    "projects/acme": {"models": {"llama": {"replicas": 2, "weights": WEIGHTS, "args": ["--max-model-len=8192"]}}},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path, repository(FACTS))


def shown(root: Path, *words: str) -> dict[str, Any]:
    said = modelfleet(root, "capacity", "--format", "json", *words)
    assert (said.code, said.err) == (0, "")
    data: dict[str, Any] = json.loads(said.out)
    jsonschema.validate(data, json.loads((packaged("schemas") / "capacity.schema.json").read_bytes()))
    return data


def test_tables(root: Path, update_golden: bool) -> None:
    said = modelfleet(root, "capacity", "--env", "prod")
    place = GOLDEN / "capacity.txt"
    if update_golden:
        place.write_text(said.out, "utf-8")
    assert (said.code, said.err, said.out) == (0, "", place.read_text("utf-8"))


def test_json_of_a_model(root: Path) -> None:
    (model,) = shown(root, "--env", "prod", "--project", "acme")["models"]
    assert {key: model[key] for key in ("environment", "project", "model", "accelerator", "gpus", "fits", "near")} == {
        "environment": "prod",
        "project": "acme",
        "model": "llama",
        "accelerator": "nvidia-a100-gpu",
        "gpus": 1,
        "fits": True,
        "near": False,
    }
    assert (model["memoryGiB"], model["weightsGiB"], model["longestContext"]) == (40.0, 14.96, 131072)
    parts = sum(model[key] for key in ("weightsGiB", "activationsGiB", "overheadGiB", "kvCacheGiB"))
    assert parts == pytest.approx(36, abs=0.03)


def test_only_what_is_asked_for(root: Path) -> None:
    found = shown(root, "--project", "shop")
    assert (found["models"], {use["project"] for use in found["quotas"]}) == ([], {"shop"})
    assert {one["nodes"] for one in found["nodes"]} == {"a100", "workers"}
    assert shown(root, "--env", "dev")["quotas"] == []


def test_what_does_not_fit_is_shown_all_the_same(tmp_path: Path) -> None:
    huge = {
        "projects/acme": {"models": {"llama": {"weights": {**WEIGHTS, "parameters": 70_000_000_000}, "replicas": 9}}}
    }
    root = write(tmp_path, repository(FACTS, huge))
    (model,) = shown(root, "--project", "acme")["models"]
    assert (model["fits"], model["kvCacheTokens"], model["kvCacheGiB"] < 0) == (False, 0, True)
    said = modelfleet(root, "check")
    assert said.code == 1
    assert {line.split("error[")[1][:6] for line in said.err.splitlines() if "error[" in line} == {
        "FIT001",
        "CAP005",
        "ROOM00",
    }


def test_an_unknown_fact_is_named_and_nothing_is_judged(tmp_path: Path) -> None:
    found = shown(write(tmp_path, repository()), "--env", "prod")
    (model,) = found["models"]
    assert (model["fits"], model["weightsGiB"], model["unknown"]) == (
        None,
        None,
        ["memory of accelerator nvidia-a100-gpu", "weights"],
    )
    assert found["unknown"] == [
        {
            "environment": "prod",
            "facts": [
                *("nodes", "limitRange", "accelerators.nvidia-a100-gpu.memory", "accelerators.nvidia-a100-gpu.rate"),
                "models.llama.weights of acme",
            ],
        }
    ]


def test_the_facts_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    facts = {"models/llama": {"version": 1, "source": "https://example.org/llama", "revision": "1", **WEIGHTS}}
    apart = repository(FACTS, facts, {"projects/acme": {"models": {"llama": {"weights": None}}}})
    apart["projects/acme"]["models"]["llama"]["weights"] = {"from": "llama"}
    assert (
        shown(write(tmp_path / "apart", apart))["models"]
        == shown(write(tmp_path / "beside", repository(FACTS)))["models"]
    )


def test_a_file_takes_the_same_facts_as_a_model() -> None:
    project, model = (
        json.loads((packaged("schemas") / f"{name}.schema.json").read_bytes()) for name in ("project", "model")
    )
    beside = {key: facts for key, facts in project["$defs"]["weights"]["properties"].items() if key != "from"}
    assert {key: facts for key, facts in model["properties"].items() if key in beside} == beside
    assert set(model["properties"]) - set(beside) == {"version", "source", "revision"}
