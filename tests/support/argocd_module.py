"""What the tests of Argo CD's part share: an environment, and Argo CD's own files in the version pinned for each line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet.packaged import packaged
from modelfleet.render import argocd
from modelfleet.render.argocd import ArgocdFacts, Kind
from modelfleet.render.templates import Templates
from modelfleet.resolve.environment import ArgocdInstance

ARGOCD = ArgocdInstance(
    namespace="openshift-gitops",
    repository="https://github.com/example/models.git",
    revision="main",
    version="2.14",
    prune=False,
    secrets_first=False,
)
KINDS = frozenset(
    {
        Kind("serving.kserve.io", "ServingRuntime"),
        Kind("serving.kserve.io", "InferenceService"),
        Kind("external-secrets.io", "ExternalSecret"),
        Kind("", "ServiceAccount"),
    }
)


def facts_of(version: str = "2.14", **other: Any) -> ArgocdFacts:
    """An environment with two projects, otherwise as said."""
    known = {
        "environment": "prod",
        "destination": {"name": "cluster-1"},
        "argocd": replace(ARGOCD, version=version),
        "projects": {"granite": "granite", "coolstore": "coolstore-0a1b2c"},
        "kinds": KINDS,
    }
    return ArgocdFacts(**{**known, **other})


def objects_of(facts: ArgocdFacts) -> tuple[dict[str, Any], dict[str, Any]]:
    """The AppProject and the ApplicationSet."""
    project, applications = argocd.argocd_objects(facts, Templates([packaged("templates") / "common"]))
    return project.object, applications.object


def run(words: Sequence[str], folder: Path, given: str = "") -> str:
    """What the program prints; a program that fails fails the test with what it complains of."""
    done = subprocess.run(words, cwd=folder, input=given, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def program(name: str) -> str:
    """The program's path. Without it the test is skipped, or fails where REQUIRE_TOOLS is set."""
    found = shutil.which(name)
    if found is not None:
        return found
    missing = f"{name} is not on PATH"
    if os.environ.get("REQUIRE_TOOLS"):
        pytest.fail(missing)
    pytest.skip(missing)


@cache
def module(version: str) -> tuple[Path, tuple[str, ...]]:
    """The module's folder for a line such as `2.14`, and the files of its CRDs in it."""
    data = yaml.safe_load((packaged("data") / "tools.yaml").read_text(encoding="utf-8"))
    entry = data["schemas"]["argocd"][version]
    said = run([program("go"), "mod", "download", "-json", f"{entry['module']}@{entry['version']}"], Path("/"))
    return Path(json.loads(said)["Dir"]), tuple(entry["files"])
