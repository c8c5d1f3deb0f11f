"""What an LLMInferenceService gets that its release's presets lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console import miniature, modelfleet

SPEC = """\
version: 1
displayName: Acme assistants
platform: single-model
models:
  llama:
    llmd: %s
    size: Small
    accelerator: nvidia-a100-gpu
    location: {uri: "hf://acme/llama"}
    tokens: [ci]
environments: {test: {}}
"""


def rendered(root: Path, release: str, llmd: str) -> dict[str, Any]:
    """The LLMInferenceService's spec."""
    repository = miniature(root, {"projects/acme.yaml": SPEC % llmd})
    (repository / "environments" / "prod.yaml").unlink()
    for name, written in (("base", "rhoai-2.25"), ("test", "rhoai-3.3")):
        facts = repository / "environments" / f"{name}.yaml"
        facts.write_text(facts.read_text("utf-8").replace(written, release), "utf-8")
    ran = modelfleet(repository, "render")
    assert ran.code == 0, ran.err
    (path,) = (repository / "environments").rglob("llminferenceservice-llama.yaml")
    spec: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))["spec"]
    return spec


def ports(root: Path, release: str, llmd: str) -> dict[str, int | None]:
    """The port that each startup probe asks, by the group of pods whose head has it."""
    spec = rendered(root, release, llmd)
    groups = {"main": spec["template"], **({"prefill": spec["prefill"]["template"]} if "prefill" in spec else {})}
    probes = {name: group["containers"][0].get("startupProbe") for name, group in groups.items()}
    return {name: probe and probe["httpGet"]["port"] for name, probe in probes.items()}


@pytest.mark.parametrize(
    ("release", "llmd", "expected"),
    [
        ("rhoai-3.3", "true", {"main": 8000}),
        ("rhoai-3.3", "{prefill: {replicas: 1}}", {"main": 8001, "prefill": 8000}),
        ("rhoai-3.3", "{baseRefs: [mine]}", {"main": None}),
        ("rhoai-3.4", "true", {"main": None}),
    ],
)
def test_a_model_gets_time_to_load_where_the_presets_give_none(
    release: str, llmd: str, expected: dict[str, int | None], tmp_path: Path
) -> None:
    assert ports(tmp_path, release, llmd) == expected


def test_the_room_of_an_offloaded_cache_is_spelled_as_the_webhook_writes_it(tmp_path: Path) -> None:
    llmd = "{cacheOffload: {cpu: 2048Mi, disks: [{emptyDir: 102400Mi}, {claim: 204800Mi}]}}"
    room = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "200Gi"}}}
    assert rendered(tmp_path, "rhoai-3.5", llmd)["kvCacheOffloading"] == {
        "cpu": "2Gi",
        "secondary": [{"fileSystem": {"emptyDir": {"size": "100Gi"}}}, {"fileSystem": {"pvc": {"spec": room}}}],
    }


def test_an_empty_map_asks_for_llm_d_as_true_does(tmp_path: Path) -> None:
    assert rendered(tmp_path / "empty", "rhoai-3.3", "{}") == rendered(tmp_path / "true", "rhoai-3.3", "true")
