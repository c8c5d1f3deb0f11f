"""What scales a model and where it waits comes out of its objects as the fields that say it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console import modelfleet
from golden_release import GPU
from matrix import CLUSTER, environment_of
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet
from repository import write

HOURS = [
    {"days": ["mon", "fri"], "from": "07:00", "to": "18:30", "replicas": 2},
    {"from": "22:00", "to": "24:00", "replicas": 1},
]
OWN = {"promql": 'sum(rate(http_requests_total{namespace="shop"}[1m]))', "threshold": 2.5}
ELSEWHERE = {
    **OWN,
    "threshold": 20,
    "server": "https://prometheus.example.org:9090",
    "authentication": "metrics-reader",
}

FIELDS: dict[str, dict[str, Any]] = {
    "waiting": {"replicas": {"min": 1, "max": 4, "when": {"waitingRequests": 5}}},
    "several": {"replicas": {"min": 1, "max": 4, "when": {"waitingRequests": 5, "kvCache": 80, "cpu": 90, "query": OWN}}},
    "own-server": {"replicas": {"min": 1, "max": 4, "when": {"query": ELSEWHERE}}},
    "hours": {"replicas": {"min": 0, "max": 4, "schedule": HOURS}},
    "processor": {"replicas": {"min": 1, "max": 3, "when": {"cpu": 70}}},
    "range": {"replicas": {"min": 1, "max": 3}},
    "queue": {"queue": "gpu-a100"},
}  # fmt: skip
CANARIES: dict[str, dict[str, Any]] = {
    "other arguments": {"canary": {"percent": 10, "args": ["--max-model-len=4096"]}},
    "another place and name": {
        "replicas": 3,
        "canary": {
            "percent": 0,
            "name": "v2",
            "replicas": 2,
            "image": "registry.example.org/vllm:2",
            "location": {"pvc": "weights", "path": "chat-2"},
            "accelerator": {"name": GPU, "count": 2},
            "args": ["--tensor-parallel-size=2"],
            "env": {"LEVEL": "DEBUG"},
        },
    },
}
CASES = [
    *((release, name, FIELDS[name]) for name in FIELDS for release in ("rhoai-2.25", "rhoai-3.5")),
    *(("rhoai-3.5", name, CANARIES[name]) for name in CANARIES),
]


@pytest.mark.parametrize(
    ("release", "name", "written"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_field_comes_back_from_what_it_renders(
    tmp_path: Path, release: str, name: str, written: dict[str, Any]
) -> None:
    model = {
        "runtime": "vllm-cuda-runtime",
        "size": "Medium",
        "accelerator": GPU,
        "location": {"pvc": "weights", "path": "chat"},
    }
    spec = {
        "version": 1,
        "platform": "single-model",
        "models": {"chat": model | written},
        "environments": {CLUSTER: {}},
    }
    facts = {f"environments/{CLUSTER}": environment_of(release) | {"namespaces": "external"}}
    (one,) = fleet(write(tmp_path / "made", {**facts, "projects/acme": spec})).deployed
    (tmp_path / "objects.yaml").write_text("---\n".join(emit.dump(item) for item in one.objects), encoding="utf-8")
    root = write(tmp_path / "empty", facts)
    ran = modelfleet(root, "import", "project", "acme", "--env", CLUSTER, str(tmp_path / "objects.yaml"))
    assert (ran.code, ran.err) == (0, "")
    read = yaml.safe_load((root / "projects/acme.yaml").read_bytes())["models"]["chat"]
    assert {key: read.get(key) for key in written} == written
    assert "patch" not in read
