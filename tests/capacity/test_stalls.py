"""Rollouts that stall, as people reported them: each is said before it happens, and its cure is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from repository import findings, repository, write


class Thread(NamedTuple):
    """What was reported where: the cluster, the model, and what helps."""

    source: str
    cluster: Mapping[str, Any]
    model: Mapping[str, Any]
    cure: Mapping[str, Any]
    code: str = "ROOM006"
    hint: str = "recreate"


FOUR: dict[str, Any] = {
    "accelerator": {"name": "nvidia-a100-gpu", "count": 4},
    "args": ["--tensor-parallel-size=4"],
    "location": {"connection": None, "pvc": "weights", "path": "llama"},
}
ONE: dict[str, Any] = {"location": FOUR["location"]}
LLMD: dict[str, Any] = {**ONE, "runtime": None, "llmd": True, "tokens": ["ci"]}
WORKERS = {"workers": {"count": 3}}


def nodes(count: int, each: int, **facts: Any) -> dict[str, Any]:
    return {"nodes": {"a100": {"count": count, "accelerators": {"nvidia-a100-gpu": each}, **facts}, **WORKERS}}


def gpus(count: int) -> dict[str, Any]:
    return {"quota": {"default": {"requests.nvidia.com/gpu": count}}}


THREADS = {
    "the new revision never gets the only GPU": Thread(
        "kserve/kserve#4618", nodes(1, 1, labels={}), ONE, {"model": {"strategy": "recreate"}}
    ),
    "all GPUs of the node are the old pod's": Thread(
        "kserve/kserve#4618", nodes(1, 4), FOUR, {"model": {"strategy": "recreate"}}
    ),
    "one GPU under the defaults of vLLM": Thread("ai-runway/airunway#400", gpus(1), ONE, {"model": {"strategy": "recreate"}}),
    "one GPU under the defaults of llm-d": Thread(
        "ai-runway/airunway#400", gpus(1), LLMD, {"cluster": gpus(2)}, hint="stopped: true"
    ),
    "an LLMInferenceService on GPUs that are all taken": Thread(
        "opendatahub-io/kserve#1822", nodes(2, 1), {**LLMD, "replicas": 2}, {"cluster": nodes(3, 1)}, hint="four replicas"
    ),
    "a rolling update where Recreate was needed": Thread(
        "defilantech/LLMKube#192", gpus(4), FOUR, {"model": {"strategy": "recreate"}}
    ),
    "both generations at once, with two replicas": Thread(
        "defilantech/LLMKube#196", nodes(2, 4), {**FOUR, "replicas": 2}, {"cluster": nodes(3, 4)}
    ),
    "three replicas on three GPUs": Thread(
        "runestack/rune#250", gpus(3), {**ONE, "replicas": 3}, {"model": {"replicas": 4}, "cluster": gpus(4)}
    ),
    "an autoscaler's least that fills the quota": Thread(
        "bayes-platform#776",
        gpus(2),
        {**ONE, "replicas": {"min": 2, "max": 2}},
        {"model": {"replicas": {"min": 1, "max": 2}}},
    ),
    "memory is full, and GPUs are not": Thread(
        "cortex#644",
        {"quota": {"default": {"limits.memory": "12Gi", "requests.nvidia.com/gpu": 8}}},
        ONE,
        {"model": {"strategy": "recreate"}},
    ),
    "a model over several nodes needs everything twice": Thread(
        "kserve/kserve#4188",
        gpus(2),
        {**ONE, "runtime": "vllm-multinode-runtime", "multiNode": {"pipelineParallelSize": 2, "tensorParallelSize": 1}},
        {"cluster": gpus(4)},
        hint="strategy: recreate",
    ),
    "a node is drained and nothing has room": Thread(
        "defilantech/LLMKube#856",
        nodes(2, 4, spare=1),
        {**FOUR, "replicas": 2, "strategy": "recreate"},
        {"cluster": nodes(3, 4, spare=1)},
        "ROOM007",
        "spare",
    ),
}  # fmt: skip


def said(root: Path, thread: Thread, cured: bool) -> list[str]:
    cure = thread.cure if cured else {}
    files = {
        "environments/test": {**thread.cluster, **cure.get("cluster", {})},
        "projects/acme": {
            "models": {"llama": {**thread.model, **cure.get("model", {})}},
            "environments": {"prod": None, "test": {}},
        },
    }
    without = {"environments/base": {"accelerators": {"nvidia-a100-gpu": {"perNode": None}}}}
    found = findings(write(root, repository(without, files)))
    return [finding.text() for finding in found if finding.code.startswith(("ROOM", "CAP005", "SPEC"))]


@pytest.mark.parametrize("name", THREADS)
def test_the_stall_is_said(name: str, tmp_path: Path) -> None:
    thread = THREADS[name]
    (text,) = said(tmp_path, thread, cured=False)
    assert f"warning[{thread.code}]: models.llama" in text
    assert thread.hint in text


@pytest.mark.parametrize("name", THREADS)
def test_its_cure_is_not_flagged(name: str, tmp_path: Path) -> None:
    assert said(tmp_path, THREADS[name], cured=True) == []


def test_the_threads_are_at_least_ten() -> None:
    assert len(THREADS) >= 10
