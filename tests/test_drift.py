"""The example as Argo CD sees it once it runs: no difference that would be there forever."""

from __future__ import annotations

from pathlib import Path

import pytest

from legacy_diff import cluster_of, drift, live
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import Fleet

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def example() -> Fleet:
    return fleet(ROOT)


def test_the_example_never_drifts(example: Fleet) -> None:
    found = [
        (one.folder, item["kind"], item["metadata"]["name"], pointer)
        for one in example.deployed
        if one.project.environment.release is not None
        for item in one.objects
        for pointer in drift(item, live(item, cluster_of(one.project.environment.release.capabilities, one.objects)))
    ]
    assert found == []


def test_an_empty_list_would_drift_for_ever(example: Fleet) -> None:
    one = next(one for one in example.deployed if one.folder == "environments/nerc-ocp-prod/coolstore")
    assert one.project.environment.release is not None
    item = next(item for item in one.objects if item["kind"] == "InferenceService")
    cluster = cluster_of(one.project.environment.release.capabilities, one.objects)
    model = item["spec"]["predictor"]["model"]
    written = {**item, "spec": {"predictor": {"model": {**model, "args": [], "env": []}}}}
    place = ("spec", "predictor", "model")
    assert set(drift(written, live(written, cluster))) == {(*place, "args"), (*place, "env")}
