"""The example under a real Argo CD with its real objects on a real API server, on an old line and on a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lab.conftest import REPOSITORY
from lab.controlplane.argocd import NAMESPACE, resources
from lab.controlplane.ask import wait_until
from lab.controlplane.fleet import ENVIRONMENT, Fleet, application, modelfleet, running

LINES = [pytest.param(line, marks=pytest.mark.xdist_group(f"argocd-{line}")) for line in ("2.14", "3.2")]
APPLICATION_SET = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "ApplicationSet",
    "metadata": {"name": f"models-{ENVIRONMENT}", "namespace": NAMESPACE},
}


@pytest.fixture(scope="module", params=LINES)
def fleet(
    request: pytest.FixtureRequest,
    built: Callable[..., None],
    kustomize: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """The example's production environment, Synced, with our own checks of health."""
    built("control-plane", f"argocd-{request.param}")
    checks = yaml.safe_load(modelfleet(REPOSITORY, "argocd", "health"))["spec"]["resourceHealthChecks"]
    settings = {f"resource.customizations.health.{one['group']}_{one['kind']}": one["check"] for one in checks}
    with running(request.param, REPOSITORY, kustomize, tmp_path_factory.mktemp("argocd"), settings) as started:
        yield started


def test_nothing_drifts(fleet: Fleet) -> None:
    fleet.synced()
    before = fleet.settle()
    syncs = _syncs(fleet)
    for hard in (True, False):
        fleet.argo.refreshed(hard)
        assert {item["status"]["sync"]["status"] for item in fleet.argo.applications()} == {"Synced"}
    assert fleet.settle() == before
    assert _syncs(fleet) == syncs


@pytest.mark.parametrize("option", ["ServerSideDiff=true", "ServerSideDiff=false"])
def test_nothing_drifts_in_either_way_of_comparing(fleet: Fleet, option: str) -> None:
    fleet.synced()
    annotations = {"argocd.argoproj.io/compare-options": option}
    fleet.api.patch(APPLICATION_SET, {"spec": {"template": {"metadata": {"annotations": annotations}}}})
    wait_until(
        "Applications have the option",
        lambda: all(
            annotations.items() <= item["metadata"]["annotations"].items() for item in fleet.argo.applications()
        ),
    )
    before, syncs = fleet.settle(), _syncs(fleet)
    fleet.argo.refreshed(True)
    assert {item["status"]["sync"]["status"] for item in fleet.argo.applications()} == {"Synced"}
    assert (fleet.settle(), _syncs(fleet)) == (before, syncs)
    fleet.apply_argocd()


def _syncs(fleet: Fleet) -> dict[str, int]:
    return {item["metadata"]["name"]: len(item["status"]["history"]) for item in fleet.argo.applications()}


def test_healthy_models_are_healthy(fleet: Fleet) -> None:
    """By our own checks, over statuses as KServe writes them: the models that KServe itself serves, whose pods all run."""
    for project in ("granite", "vision", "llama-405b"):
        item = fleet.argo.wait(
            application(project), "healthy", lambda found: found["status"].get("health", {}).get("status") == "Healthy"
        )
        found = {name: one["health"]["status"] for name, one in resources(item).items() if "health" in one}
        assert set(found.values()) == {"Healthy"}, found
        assert any(name.startswith("InferenceService/") for name in found)


def test_a_model_that_leaves_git_stays_without_pruning_and_goes_with_it(fleet: Fleet) -> None:
    fleet.edit(
        "projects/vision.yaml", r"(nerc-ocp-prod: \{namespace: vision-c07a34, models: \{)", r"\1segmenter: null, "
    )
    (change,) = [one for one in fleet.plan()["changes"] if one["name"] == "segmenter"]
    assert [one["effect"] for one in change["effects"]] == ["unmanaged"]
    revision = fleet.put("The segmenter leaves")
    name = application("vision")
    item = fleet.argo.wait(
        name,
        "OutOfSync",
        lambda found: (
            found["status"]["sync"] == {**found["status"]["sync"], "status": "OutOfSync", "revision": revision}
        ),
    )
    left = {key for key, one in resources(item).items() if one.get("requiresPruning")}
    assert left == {"InferenceService/segmenter", "ServingRuntime/segmenter", "ExternalSecret/quay"}
    assert fleet.model("vision", "segmenter")

    fleet.edit("environments/base.yaml", "  prune: false", "  prune: true")
    fleet.put("Prune from now on")
    fleet.apply_argocd()
    fleet.synced("vision")
    wait_until("the model is gone", lambda: fleet.model("vision", "segmenter") is None)
