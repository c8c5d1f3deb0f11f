"""Fleets that use all that a release can do under a real Argo CD: what the cluster writes into them is no difference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from golden_release import spec_of
from lab.controlplane.argocd import ArgoCD, Source, git
from lab.controlplane.ask import Object
from lab.controlplane.fleet import URL, modelfleet
from lab.controlplane.lab import Lab, documents
from lab.test_accepted import overlays, without_empty
from matrix import CLUSTER
from repository import laid_over, write

BEYOND = {"rhoai-2.25": ["busy", "experts", "simple", "own-server"], "rhoai-3.5": ["shop-chat"]}
"""Models of which the line of KServe does not have a kind or a field."""


@pytest.mark.parametrize(
    ("line", "release", "parts"),
    [
        pytest.param("2.14", "rhoai-2.25", ["control-plane"], marks=pytest.mark.xdist_group("argocd-features-2.14")),
        pytest.param(
            "3.2", "rhoai-3.5", ["control-plane", "kserve-0.20"], marks=pytest.mark.xdist_group("argocd-features-3.2")
        ),
    ],
)
def test_nothing_drifts(  # noqa: PLR0913 - what it is tried with
    built: Callable[..., None],
    kustomize: Path,
    build: Callable[[Path], bytes],
    tmp_path: Path,
    line: str,
    release: str,
    parts: list[str],
) -> None:
    built(*parts, f"argocd-{line}")
    files = spec_of(release)
    argocd = {"argocd": {"version": line, "repoURL": URL, "prune": False}}
    files[f"environments/{CLUSTER}"] = laid_over(files[f"environments/{CLUSTER}"], argocd)
    files["projects/team"] = laid_over(files["projects/team"], {"models": dict.fromkeys(BEYOND[release])})
    clone = write(tmp_path / "clone", {path: without_empty(content) for path, content in files.items()})
    git(clone, "init", "--quiet", "--initial-branch=main")
    modelfleet(clone, "render")
    with Lab() as lab:
        lab.install_kserve(parts[-1])
        if parts[1:]:
            lab.install_llm(parts[-1])
        argo = ArgoCD(lab, line, Source(URL, [CLUSTER]), kustomize, {})
        revision = argo.push(clone)
        for folder in overlays(clone):
            lab.api.ensure_namespace(
                str(yaml.safe_load((folder / "modelfleet-application.yaml").read_text())["namespace"])
            )
        for item in documents(build(clone / "environments" / CLUSTER / "argocd")):
            lab.api.apply(item)
        names = [f"models-{CLUSTER}.{folder.name}" for folder in overlays(clone)]
        synced = [argo.synced(name, revision) for name in names]
        for hard in (True, False):
            argo.refreshed(hard)
        again = [argo.application(name) for name in names]
    assert {name: _differences(item) for name, item in zip(names, again, strict=True)} == {name: [] for name in names}
    assert [len(item["status"]["history"]) for item in again] == [len(item["status"]["history"]) for item in synced]


def _differences(item: Object) -> list[str]:
    return [f"{one['kind']}/{one['name']}" for one in item["status"]["resources"] if one["status"] != "Synced"]
