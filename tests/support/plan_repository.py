"""Real Git repositories to plan in: a small one with every kind of workload, and the repository's own example."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console import TESTS, Ran, example, modelfleet, write

GOLDEN = TESTS / "golden" / "plan"

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}

BASE = """\
version: 1
release: rhoai-2.25
platforms: {serverless: true, modelMesh: true, rawServiceConfig: Headless}
sizes:
  Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}
  Large: {requests: {cpu: "4", memory: 8Gi}, limits: {cpu: "8", memory: 16Gi}}
accelerators:
  a100:
    identifier: nvidia.com/gpu
    tolerations: [{key: gpu, operator: Equal, value: a100, effect: NoSchedule}]
    perNode: 4
    computeCapability: "8.0"
runtimes:
  vllm-cuda-runtime: {images: {kserve-container: "registry.example.org/vllm:1"}}
  vllm-multinode-runtime:
    images: {kserve-container: "registry.example.org/vllm:1", worker-container: "registry.example.org/vllm:1"}
  kserve-ovms: {images: {kserve-container: "registry.example.org/ovms:1"}}
  ovms: {images: {ovms: "registry.example.org/ovms:1"}}
quota: {default: {requests.nvidia.com/gpu: 3}, projects: {wide: {requests.nvidia.com/gpu: 12}}}
secrets:
  {provider: external-secrets, apiVersion: external-secrets.io/v1, store: {kind: SecretStore, name: vault}, keyPrefix: models}
namespaces: external
argocd: {namespace: gitops, repoURL: "https://git.example.org/models.git", revision: main, version: "2.14", prune: true}
"""

PROD = """\
version: 1
cluster: {name: prod, appsDomain: apps.example.org}
"""

CHAT = """\
version: 1
platform: single-model
connections:
  store: {s3: {endpoint: "https://s3.example.org", region: us-east-1, bucket: models}}
secrets:
  hub: {keys: [token]}
models:
  chat:
    displayName: Chat
    runtime: vllm-cuda-runtime
    size: Small
    accelerator: a100
    replicas: 2
    route: true
    tokens: [web]
    location: {connection: store, path: chat}
    args: ["--max-model-len=4096"]
    env: {LEVEL: INFO, HUB: {secret: hub, key: token}}
  idle:
    runtime: vllm-cuda-runtime
    size: Small
    accelerator: a100
    mode: advanced
    replicas: {min: 0, max: 1}
    location: {connection: store, path: idle}
  rank:
    runtime: kserve-ovms
    framework: onnx-1
    size: Small
    location: {connection: store, path: rank}
environments:
  prod: {}
"""

WIDE = """\
version: 1
platform: single-model
models:
  huge:
    runtime: vllm-multinode-runtime
    multiNode: {pipelineParallelSize: 2, tensorParallelSize: 4}
    accelerator: {name: a100, count: 4}
    location: {pvc: weights, path: huge}
environments: {prod: {}}
"""

TEXTS = """\
version: 1
platform: multi-model
connections:
  store: {s3: {endpoint: "https://s3.example.org", region: us-east-1, bucket: texts}}
servers:
  texts:
    runtime: ovms
    size: Small
    replicas: 2
    models:
      spam: {framework: onnx-1, location: {connection: store, path: spam}}
      topic: {framework: onnx-1, location: {connection: store, path: topic}}
  spare:
    runtime: ovms
    size: Small
    models:
      rest: {framework: onnx-1, location: {connection: store, path: rest}}
environments: {prod: {}}
"""

FILES: Mapping[str, str] = {
    ".gitignore": "environments/.modelfleet*\n",
    "environments/base.yaml": BASE,
    "environments/prod.yaml": PROD,
    "projects/chat.yaml": CHAT,
    "projects/texts.yaml": TEXTS,
    "projects/wide.yaml": WIDE,
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A Git repository, on a branch that left `main` where everything is rendered and committed."""

    root: Path
    top: Path

    def git(self, *words: str) -> str:
        """What Git prints."""
        return git(self.top, *words)

    def write(self, path: str, text: str) -> None:
        write(self.root, {path: text})

    def read(self, path: str) -> str:
        return (self.root / path).read_text("utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replaces a text that stands there once."""
        text = self.read(path)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        self.write(path, text.replace(old, new))

    def render(self) -> None:
        done = modelfleet(self.root, "render")
        assert done.code == 0, done.err

    def copy(self, top: Path) -> Repository:
        """Another one of the same files and commits."""
        shutil.copytree(self.top, top)
        return Repository(top / self.root.relative_to(self.top), top)

    def commit(self) -> str:
        """Renders and commits all; the commit's id."""
        self.render()
        return self.commit_as_it_is()

    def commit_as_it_is(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD").strip()

    def plan(self, *words: str) -> Ran:
        """Runs `plan`; of stderr only what is the plan's own."""
        code, out, err = modelfleet(self.root, "plan", *words)
        kept = [line for line in err.splitlines() if "warning[" not in line or "[PLAN" in line]
        return Ran(code, out, "".join(f"{line}\n" for line in kept))

    def data(self, *words: str) -> Any:
        """The plan as data."""
        return json.loads(self.plan("--format", "json", *words).out)

    def rows(self, environment: str = "prod") -> list[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]]:
        """What changes in an environment: `project/name`, what, and the effects with their texts."""
        found = next(one for one in self.data()["environments"] if one["name"] == environment)
        return [
            (
                f"{row['project']}/{row['name']}",
                tuple(row["what"]),
                tuple((one["effect"], one["text"]) for one in row["effects"]),
            )
            for row in found["changes"]
        ]


def git(where: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=where, env={**os.environ, **_ENVIRONMENT}, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def repository(
    top: Path,
    files: Mapping[str, str] = FILES,
    below: str = "",
    init: tuple[str, ...] = (),
    fill: Callable[[Path], Any] = lambda root: None,
) -> Repository:
    """A repository with these files, rendered and committed on main; the work goes on on another branch."""
    root = top / below if below else top
    root.mkdir(parents=True, exist_ok=True)
    fill(root)
    write(root, files)
    git(top, "init", "-q", "-b", "main", *init)
    made = Repository(root, top)
    made.commit()
    made.git("checkout", "-q", "-b", "change")
    return made


def example_repository(top: Path) -> Repository:
    """The repository's own example."""
    return repository(top, {".gitignore": FILES[".gitignore"]}, fill=example)


def compare(name: str, text: str, update: bool) -> None:
    """Compares with a golden file, in which commits are called COMMIT."""
    found = re.sub(r"(?<=at `)[0-9a-f]{12}(?=`)", "COMMIT", text)
    place = GOLDEN / name
    if update:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(found, "utf-8")
    assert found == place.read_text("utf-8")
