"""What `modelfleet plan` says of a change beside what KServe 0.20 then does with it, of LLMInferenceServices too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.controlplane.changes import (
    NOTHING,
    REFUSED,
    ROLLS,
    SCALES,
    STARTS,
    STOPS,
    Case,
    Outcome,
    ProjectFiles,
    outcomes,
)
from lab.controlplane.lab import Lab
from lab.controlplane.newest import ENVIRONMENT
from lab.test_plan import CASES as OLDER
from lab.test_plan import OVMS

LLM = {"llmd": True, "size": "Small", "accelerator": "gpu", "location": {"uri": "hf://acme/llama"}}
NODES: Mapping[str, Any] = {"parallelism": {"tensor": 1, "data": 8, "dataLocal": 4, "expert": True}, "worker": True}
KINDS: Mapping[str, Mapping[str, Any]] = {
    "standard": OVMS,
    "nodes": {
        "runtime": "vllm-multinode-runtime",
        "multiNode": {"pipelineParallelSize": 2, "tensorParallelSize": 1},
        "accelerator": {"name": "gpu", "count": 1},
        "size": "Small",
        "location": {"pvc": "weights", "path": "one"},
    },
    "llm": LLM,
    "groups": {**LLM, "accelerator": {"name": "gpu", "count": 4}, "llmd": NODES},
}
CANARY = {"percent": 10, "args": ["--log_level=DEBUG"]}

CASES = [
    *(case for case in OLDER if case.kind in KINDS and case.change != "mode"),
    Case("strategy of its own", ("nothing",), NOTHING, {"strategy": "recreate"}),
    Case("canary comes", ("canary",), STARTS, {"canary": CANARY}),
    Case("share of a canary", ("share",), NOTHING, {"canary": {**CANARY, "percent": 20}}, before={"canary": CANARY}),
    Case("stops", ("stopped",), STOPS, {"stopped": True}),
    Case("starts", ("start",), STARTS, {}, before={"stopped": True}),
    Case("args", ("rolling",), ROLLS, {"args": ["--max-model-len=1"]}, kind="llm"),
    Case("size", ("rolling",), ROLLS, {"size": "Large"}, kind="llm"),
    Case("tracing", ("rolling",), ROLLS, {"llmd": {"tracing": True}}, kind="llm"),
    Case("adapters", ("rolling",), ROLLS, {"llmd": {"lora": {"adapters": {"sql": "hf://acme/sql"}}}}, kind="llm"),
    Case("replicas", ("scale",), SCALES, {"replicas": 3}, kind="llm"),
    Case(
        "names and labels",
        ("nothing",),
        NOTHING,
        {"displayName": "Another", "description": "One", "labels": {"lab": "x"}, "annotations": {"lab": "x"}},
        kind="llm",
    ),
    Case("metrics annotation", ("metadata",), ROLLS, {"annotations": {"prometheus.io/path": "/x"}}, kind="llm"),
    Case("no scheduler", ("nothing",), NOTHING, {"llmd": {"scheduler": False}}, kind="llm"),
    Case("pods for prompts", ("recreate",), NOTHING, {"llmd": {"prefill": {"replicas": 2}}}, kind="llm"),
    Case("prompts go", ("recreate",), NOTHING, {}, before={"llmd": {"prefill": {"replicas": 2}}}, kind="llm"),
    Case(
        "several nodes",
        ("recreate",),
        REFUSED,
        {"accelerator": {"name": "gpu", "count": 4}, "llmd": NODES},
        kind="llm",
    ),
    Case("scaling by load", ("scale",), SCALES, {"llmd": {"scaling": {"min": 1, "max": 3, "by": "hpa"}}}, kind="llm"),
    Case(
        "share",
        ("url-changed", "url-changed", "share"),
        NOTHING,
        {"llmd": {"traffic": {"group": "chat", "weight": 9}}},
        kind="llm",
    ),
    Case(
        "another share",
        ("share",),
        NOTHING,
        {"llmd": {"traffic": {"group": "chats", "weight": 9}}},
        before={"llmd": {"traffic": {"group": "chats", "weight": 1}}},
        kind="llm",
    ),
    Case("tokens", ("auth-on", "token-new"), NOTHING, {"tokens": ["web"]}, kind="llm"),
    Case("stops", ("stopped",), STOPS, {"stopped": True}, kind="llm"),
    Case("starts", ("start",), STARTS, {}, before={"stopped": True}, kind="llm"),
    Case("leaves", ("unmanaged",), NOTHING, None, kind="llm"),
    Case("args", ("downtime",), ROLLS, {"args": ["--max-model-len=1"]}, kind="groups"),
    Case("replicas", ("scale",), SCALES, {"replicas": 2}, kind="groups"),
    Case("display name", ("nothing",), NOTHING, {"displayName": "Another name"}, kind="groups"),
    Case(
        "number of nodes",
        ("recreate",),
        REFUSED,
        {"llmd": {**NODES, "parallelism": {**NODES["parallelism"], "data": 12}}},
        kind="groups",
    ),
]


@pytest.fixture(scope="module")
def happened(newest: Lab, kustomize: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    return outcomes(newest, ProjectFiles(tmp_path_factory.mktemp("plan"), ENVIRONMENT, kustomize), KINDS, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.change}")
def test_what_the_plan_says_is_what_happens(case: Case, happened: Mapping[str, Outcome]) -> None:
    found = happened[case.model]
    assert (found.said, found.happened) == (case.says, case.happens), found.changed
