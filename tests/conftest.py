"""Which tests run, and the real tools for those that need them: skipped where they are not here, a must with REQUIRE_TOOLS=1."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from modelfleet.resolve import catalog
from modelfleet.tools import install as tools
from modelfleet.tools import schemas as api_schemas
from modelfleet.tools.folder import cache_folder
from plan_repository import Repository, repository

REPOSITORY = Path(__file__).parents[1]

# A test that replaces a part of the tool must leave nothing that a later run believes. `MODELFLEET_NO_CACHE=0 pytest` runs all
# tests with what is remembered, for a part that does not do that; those about remembering do it in folders of their own.
os.environ.setdefault("MODELFLEET_NO_CACHE", "1")

# What a shell starts in the background ignores Ctrl-C, and so would the commands that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

KSERVE = {
    "module": "github.com/kserve/kserve",
    "version": "v0.15.2",
    "files": [
        "config/crd/full/serving.kserve.io_inferenceservices.yaml",
        "config/crd/full/serving.kserve.io_servingruntimes.yaml",
    ],
}


ASKED_FOR = {
    "docs/test_site.py": "browser",
    "overview/test_browser.py": "browser",
    "readers": "readers",
    "smoke/test_servers.py": "servers",
}
"""Files and folders whose tests need more than Python, each with its marker: `make` has a target that asks for it."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks these tests, and leaves them out where their marker is not asked for."""
    left_out: dict[pytest.Item, None] = {}
    for item in items:
        for place, marker in ASKED_FOR.items():
            if item.path.is_relative_to(REPOSITORY / "tests" / place):
                item.add_marker(marker)
                if marker not in config.option.markexpr:
                    left_out[item] = None
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write the golden files again, for you to review.")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        message = "--update-golden is for a person who reviews what it changes, not for CI"
        raise pytest.UsageError(message)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written again and not compared."""
    return bool(request.config.getoption("--update-golden"))


def _say(line: str) -> None:
    """Called before anything is installed."""
    if os.environ.get("REQUIRE_TOOLS") != "1":
        pytest.skip(f"would need to install ({line}); REQUIRE_TOOLS=1 does")


@pytest.fixture(scope="session")
def rendered_repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository for `plan`, rendered and committed; whoever changes it takes a copy."""
    return repository(tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="session")
def real_tools() -> Mapping[str, tools.Tool]:
    """kustomize and kubeconform."""
    return tools.ensure(cache_folder(REPOSITORY), tools.VERIFY_TOOLS, _say)


@pytest.fixture(scope="session")
def oldest_kustomize() -> tools.Tool:
    """The oldest kustomize with which the generated tree has to build."""
    return tools.ensure(cache_folder(REPOSITORY), ["oldest-kustomize"], _say)["oldest-kustomize"]


@pytest.fixture(scope="session")
def real_schemas() -> api_schemas.Schemas:
    """Those of an environment of OpenShift AI 2.25 with Argo CD 2.14 and stores of External Secrets v1beta1."""
    wanted = api_schemas.schema_needs("1.32", [KSERVE], secrets="external-secrets.io/v1beta1", argocd="2.14")
    return api_schemas.schemas(cache_folder(REPOSITORY), wanted, _say)


@pytest.fixture(scope="session")
def crds_of_release() -> Callable[[str], list[Mapping[str, Any]]]:
    """The CRDs of a release, with its differences."""

    @cache
    def of_module(text: str) -> list[Mapping[str, Any]]:  # the same for several releases, and long to read
        (module, *_) = api_schemas.schema_needs("1.32", [json.loads(text)]).modules
        return api_schemas.crds_of(cache_folder(REPOSITORY), module, _say)

    return lambda name: [crd for entry in catalog.release(name).crds for crd in of_module(json.dumps(entry))]


@pytest.fixture(scope="session")
def schemas_of_release() -> Callable[[str], api_schemas.Schemas]:
    """The schemas that `admit` judges by for a release."""

    @cache
    def schemas(name: str) -> api_schemas.Schemas:
        release = catalog.release(name)
        return api_schemas.schemas(
            cache_folder(REPOSITORY), api_schemas.schema_needs(release.kubernetes, release.crds), _say
        )

    return schemas
