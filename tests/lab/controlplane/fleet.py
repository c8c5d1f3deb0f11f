"""The example's production environment as a fleet that a real Argo CD syncs to a real API server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.controlplane.argocd import ArgoCD, Source, clone, git
from lab.controlplane.ask import Api, Object, wait_until
from lab.controlplane.lab import Lab, documents

ENVIRONMENT, URL = "nerc-ocp-prod", "https://github.com/OCP-on-NERC/models.git"
MODEL = ("serving.kserve.io/v1beta1", "InferenceService")
RUNTIME = ("serving.kserve.io/v1alpha1", "ServingRuntime")
_SETTLED = (
    MODEL,
    RUNTIME,
    ("external-secrets.io/v1beta1", "ExternalSecret"),
    ("apps/v1", "Deployment"),
    ("v1", "ServiceAccount"),
)


@dataclass
class Fleet:
    """A clone of the example, rendered for a line of Argo CD and synced by it."""

    argo: ArgoCD
    clone: Path
    kustomize: Path
    projects: Mapping[str, str]  # and the namespace of each
    revision: str = ""
    first: str = ""

    @property
    def api(self) -> Api:
        """The API server, which is the cluster of the models and that of Argo CD."""
        return self.argo.api

    def edit(self, path: str, pattern: str, replacement: str) -> None:
        """Changes a file, which must have what is to be changed."""
        file = self.clone / path
        text, count = re.subn(pattern, replacement, file.read_text(), flags=re.M)
        assert count, f"{path} has no {pattern}"
        file.write_text(text)

    def put(self, message: str, render: bool = True) -> str:
        """Renders, commits and pushes; the revision."""
        if render:
            self.modelfleet("render")
        self.revision = self.argo.push(self.clone, message)
        return self.revision

    def plan(self) -> Object:
        """What `modelfleet plan` says of what is not committed, for this environment."""
        self.modelfleet("render")
        text = self.modelfleet("plan", "--against", "HEAD", "--env", ENVIRONMENT, "--format", "json", codes=(0, 4))
        (found,) = json.loads(text)["environments"]
        return dict(found)

    def restore(self) -> None:
        """The example as it was at first, Synced, with Argo CD's objects and settings as they were."""
        for folder in ("projects", "environments", "objects"):
            shutil.rmtree(self.clone / folder, ignore_errors=True)
        git(self.clone, "checkout", "--quiet", self.first, "--", ".")
        self.put("As it was", render=False)
        self.argo.restore_settings()
        self.apply_argocd()
        self.argo.refreshed(True)
        self.synced()

    def model(self, project: str, name: str) -> Object | None:
        """A model as it is on the cluster."""
        return self.api.get(*MODEL, name, self.projects[project])

    def apply_argocd(self) -> None:
        """Applies the AppProject and the ApplicationSet as rendered, as the administrator of Argo CD does."""
        for item in self.build("argocd"):
            self.api.apply(item)

    def build(self, folder: str) -> list[Object]:
        """The objects of a folder of the environment."""
        path = self.clone / "environments" / ENVIRONMENT / folder
        return documents(subprocess.run([self.kustomize, "build", path], check=True, capture_output=True).stdout)

    def synced(self, *projects: str) -> list[Object]:
        """The Applications of some projects, or of all, when they are Synced at the newest revision."""
        return [self.argo.synced(application(project), self.revision) for project in projects or self.projects]

    def generations(self) -> dict[str, Any]:
        """By object: what changes when somebody writes it; of a Deployment its pods, since autoscalers write the rest."""
        return {
            f"{kind} {item['metadata']['namespace']}/{item['metadata']['name']}": item["spec"]["template"]
            if kind == "Deployment"
            else item["metadata"].get("generation") or item["metadata"]["resourceVersion"]
            for version, kind in _SETTLED
            for item in self.api.items(version, kind)
            if item["metadata"]["namespace"] in self.projects.values() and item["metadata"]["name"] != "default"
        }

    def settle(self) -> dict[str, Any]:
        """The generations as soon as the controllers have done their part: nothing changes for five seconds."""

        def quiet() -> dict[str, Any] | None:
            before = self.generations()
            time.sleep(5)
            return before if self.generations() == before else None

        return wait_until("the controllers have settled", quiet)

    def modelfleet(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Runs a command in the clone, which must succeed; what it prints."""
        return modelfleet(self.clone, *arguments, codes=codes)


def application(project: str) -> str:
    """The name of a project's Application."""
    return f"models-{ENVIRONMENT}.{project}"


def modelfleet(root: Path, *arguments: str, codes: Sequence[int] = (0,)) -> str:
    """Runs a command of modelfleet in a repository, which must end with one of the codes; what it prints."""
    command: list[str | Path] = [Path(sys.executable).with_name("modelfleet"), "--root", root, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(
    line: str, repository: Path, kustomize: Path, folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Fleet]:
    """A fleet on a lab of its own, applied and Synced."""
    source = clone(repository, folder / "fleet")
    base = source / "environments" / "base.yaml"
    base.write_text(re.sub(r'^  version: "2.14"$', f'  version: "{line}"', base.read_text(), flags=re.M))
    modelfleet(source, "render")
    files = sorted((source / "environments" / ENVIRONMENT).glob("*/modelfleet-application.yaml"))
    projects = {path.parent.name: str(yaml.safe_load(path.read_text())["namespace"]) for path in files}
    with Lab() as lab:
        lab.install_kserve("control-plane")
        for name in projects.values():
            lab.api.ensure_namespace(name)
        meta = {"name": "research"}
        lab.api.apply({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": 1000})
        lab.add_volume(projects["vision"], "embedder-weights")
        for name, offer in yaml.safe_load(base.read_text())["accelerators"].items():
            lab.add_node(name.lower(), offer.get("nodeSelector"))
        argo = ArgoCD(lab, line, Source(URL, [ENVIRONMENT]), kustomize, settings or {})
        fleet = Fleet(argo, source, kustomize, projects)
        fleet.first = fleet.put("The example", render=False)
        fleet.apply_argocd()
        fleet.synced()
        yield fleet
