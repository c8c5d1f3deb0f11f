"""The newest line of KServe, with a project as OpenShift AI 3.5 has it: taken as it is, stopped and started again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.controlplane.ask import Object, wait_until
from lab.controlplane.lab import Lab
from lab.controlplane.newest import render
from lab.test_accepted import generated, generated_is_taken_unchanged, is_of_older_line, taken_unchanged
from modelfleet.resolve.catalog import release_names

NAMESPACE = "newest"
MODEL: Mapping[str, Any] = {
    "runtime": "kserve-ovms",
    "framework": "onnx-1",
    "size": "Small",
    "location": {"uri": "https://models.example.org/one.onnx"},
}


BEYOND: Mapping[str, Callable[[Object], bool]] = {"404 page not found": lambda item: item["kind"] == "MaaSModelRef"}
"""What KServe does not have: the kind is of the product's gateway for models as a service."""


@pytest.mark.parametrize(
    ("release", "fleet"),
    [
        *((name, "features") for name in release_names() if not is_of_older_line(name)),
        ("rhoai-3.5", "runtimes"),
    ],
)
def test_every_object_of_a_generated_fleet_is_taken_unchanged(
    newest: Lab, build: Callable[[Path], bytes], tmp_path: Path, release: str, fleet: str
) -> None:
    generated_is_taken_unchanged(newest, generated(build, tmp_path, release, fleet), BEYOND)


def test_a_model_is_taken_unchanged_stopped_and_started_again(newest: Lab, kustomize: Path, tmp_path: Path) -> None:
    """KServe writes the condition Stopped, which our check of health reads, and removes the Deployment."""
    taken_unchanged(newest, render(tmp_path, kustomize, NAMESPACE, {"one": MODEL}))
    wait_until("KServe has made the Deployment", lambda: _deployment(newest))
    for item in render(tmp_path, kustomize, NAMESPACE, {"one": {**MODEL, "stopped": True}}):
        newest.api.apply(item)
    wait_until("the Deployment is gone", lambda: _deployment(newest) is None)
    wait_until("it is told as stopped", lambda: _condition(newest, "Stopped") == "True")
    for item in render(tmp_path, kustomize, NAMESPACE, {"one": MODEL}):
        newest.api.apply(item)
    wait_until("the Deployment is there again", lambda: _deployment(newest))
    wait_until("it is no longer told as stopped", lambda: _condition(newest, "Stopped") == "False")


def _deployment(lab: Lab) -> Object | None:
    return lab.api.get("apps/v1", "Deployment", "one-predictor", NAMESPACE)


def _condition(lab: Lab, kind: str) -> str | None:
    found = lab.api.get("serving.kserve.io/v1beta1", "InferenceService", "one", NAMESPACE) or {}
    conditions = found.get("status", {}).get("conditions", [])
    return next((one["status"] for one in conditions if one["type"] == kind), None)
