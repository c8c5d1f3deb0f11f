"""Tests on a real control plane: run by `make test-lab`, which needs `make lab` once.

They are not part of `make test`: without `-m lab` they are deselected, and with it, what is not built is an error.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.controlplane import namespaces
from lab.controlplane.build import mark_used, missing
from lab.controlplane.lab import Lab
from modelfleet.tools.folder import cache_folder

REPOSITORY = Path(__file__).parents[2]
HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.lab)
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kserve)
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    if "lab" not in config.option.markexpr:
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@pytest.fixture(scope="session")
def built() -> Callable[..., None]:
    """Fails where parts of the lab are not built, or the machine cannot run them."""

    def check(*parts: str) -> None:
        if titles := missing(parts):
            pytest.fail(f"not built: {', '.join(titles)}. make lab builds it", pytrace=False)
        mark_used(parts)
        if reason := namespaces.unusable():
            pytest.fail(f"no namespaces can be made here, in which the lab would run: {reason}", pytrace=False)

    return check


@pytest.fixture(scope="module")
def lab(built: Callable[..., None]) -> Iterator[Lab]:
    """Kubernetes with KServe 0.15.2, whose lines OpenShift AI 2.19 to 2.25 have."""
    built("control-plane")
    with Lab() as started:
        started.install_kserve("control-plane")
        yield started


@pytest.fixture(scope="module")
def newest(built: Callable[..., None]) -> Iterator[Lab]:
    """Kubernetes with KServe 0.20 and its manager of LLMInferenceServices, whose line OpenShift AI 3.5 has."""
    built("control-plane", "kserve-0.20")
    with Lab() as started:
        started.install_kserve("kserve-0.20")
        started.install_llm("kserve-0.20")
        yield started


@pytest.fixture(scope="session")
def kustomize() -> Path:
    """The kustomize that the repository's own tools bring."""
    found = sorted((cache_folder(REPOSITORY) / "bin").glob("kustomize-*"))
    if not found:
        pytest.fail("kustomize is not installed: make test-lab does it", pytrace=False)
    return found[-1]


@pytest.fixture(scope="session")
def build(kustomize: Path) -> Callable[[Path], bytes]:
    """What `kustomize build` makes of a folder."""
    return lambda folder: subprocess.run([kustomize, "build", folder], check=True, capture_output=True).stdout
