"""The example as Argo CD sees it once it runs: no difference that would be there for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from legacy_diff import cluster_of, drift, live
from modelfleet.finding import Pointer
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import Fleet

ROOT = Path(__file__).resolve().parents[1]

IGNORED = {("spec", "predictor", "model", "args"), ("spec", "predictor", "model", "env")}
"""Ignored by the ApplicationSet where the list is empty (data/argocd.yaml, emptyArguments)."""


@pytest.fixture(scope="module")
def example() -> Fleet:
    return fleet(ROOT)


def _is_ignored(item: dict[str, Any], pointer: Pointer) -> bool:
    return pointer in IGNORED and item["spec"]["predictor"]["model"][pointer[-1]] == []


def test_the_example_never_drifts(example: Fleet) -> None:
    found = [
        (one.folder, item["kind"], item["metadata"]["name"], pointer)
        for one in example.deployed
        if one.project.environment.release is not None
        for item in one.objects
        for pointer in drift(item, live(item, cluster_of(one.project.environment.release.capabilities, one.objects)))
        if not _is_ignored(item, pointer)
    ]
    assert found == []


def test_the_model_of_the_cluster_sees_what_is_ignored(example: Fleet) -> None:
    one = next(one for one in example.deployed if one.folder == "environments/nerc-ocp-prod/coolstore")
    assert one.project.environment.release is not None
    item = next(item for item in one.objects if item["kind"] == "InferenceService")
    cluster = cluster_of(one.project.environment.release.capabilities, one.objects)
    assert set(drift(item, live(item, cluster))) == IGNORED
