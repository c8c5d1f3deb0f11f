"""`make lab`: builds the programs of a real control plane, once, into the user's cache.

A part is a Go module under modules/. What it becomes lies in a folder whose name has the hash of all that determines it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
_KEY_LENGTH = 16
_DAY_S = 24 * 3600
_KEPT_DAYS = 30  # a built part that no run has used
_KUBERNETES = "k8s.io/component-base/version"
_KSERVE = "github.com/kserve/kserve"


@dataclass(frozen=True)
class Part:
    """One Go module: the programs that are built from it, and the files that are taken from what it requires."""

    name: str
    title: str
    minutes: int  # on two cores with nothing cached
    programs: Mapping[str, str]
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # by folder: a module, and a pattern in it
    variables: Mapping[str, str] = field(default_factory=dict)  # what the linker sets

    @property
    def folder(self) -> Path:
        """Where its built programs and files lie, whether they are there or not."""
        return cache_folder() / f"{self.name}-{self._key()}"

    @property
    def built(self) -> bool:
        """Whether it was built for this machine from exactly these sources."""
        return self.folder.is_dir()

    def _key(self) -> str:
        digest = hashlib.sha256()
        for path in sorted((HERE / "modules" / self.name).iterdir()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        recipe = [sorted(self.programs.items()), sorted(self.files.items()), sorted(self.variables.items())]
        digest.update(json.dumps([recipe, platform.system(), platform.machine()]).encode())
        return digest.hexdigest()[:_KEY_LENGTH]


def _kserve_files(*more: tuple[str, str, str]) -> dict[str, tuple[str, str]]:
    return {
        "kserve/crds": (_KSERVE, "config/crd/full/**/serving.kserve.io_*.yaml"),
        "kserve/config": (_KSERVE, "config/configmap/inferenceservice.yaml"),
        "kserve/webhooks": (_KSERVE, "config/webhook/**/manifests.yaml"),
        "kserve/storage": (_KSERVE, "config/storagecontainers/default.yaml"),
        "knative": ("knative.dev/serving", "config/core/300-resources/*.yaml"),
        **{folder: (module, pattern) for folder, module, pattern in more},
    }


def _argocd(line: str, version: str) -> Part:
    module = f"github.com/argoproj/argo-cd/v{line[0]}"
    return Part(
        f"argocd-{line}",
        f"Argo CD {version} (without its server and user interface) and a Redis",
        3,
        {"argocd": "."},
        {"crds": (module, "manifests/crds/*-crd.yaml")},
        {f"{module}/common.version": version},
    )


PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part(
            "control-plane",
            "etcd 3.5.16, Kubernetes 1.32.3 (API server, controller manager, scheduler) and KServe 0.15.2",
            5,
            {"control-plane": ".", "kserve": f"{_KSERVE}/cmd/manager"},
            _kserve_files(),
            {
                f"{_KUBERNETES}.{key}": value
                for key, value in (("gitVersion", "v1.32.3"), ("gitMajor", "1"), ("gitMinor", "32"))
            },
        ),
        Part(
            "kserve-0.20",
            "KServe 0.20.0 with its manager of LLMInferenceServices",
            3,
            {"kserve": f"{_KSERVE}/cmd/manager", "llmisvc": f"{_KSERVE}/cmd/llmisvc"},
            _kserve_files(
                ("kserve/llm", _KSERVE, "config/llmisvcconfig/config-*.yaml"),
                ("gateway", "sigs.k8s.io/gateway-api", "config/crd/standard/*.yaml"),
                ("inference", "sigs.k8s.io/gateway-api-inference-extension", "config/crd/bases/*.yaml"),
                ("lws", "sigs.k8s.io/lws", "config/crd/bases/*.yaml"),
                ("keda", "github.com/kedacore/keda/v2", "config/crd/bases/keda.sh_scaledobjects.yaml"),
                ("wva", "github.com/llm-d/llm-d-workload-variant-autoscaler", "config/crd/bases/*.yaml"),
            ),
        ),
        _argocd("2.14", "2.14.21"),
        _argocd("3.2", "3.2.11"),
    )
}


def cache_folder() -> Path:
    """What `make lab` writes, and where runs of the tests keep their files while they last."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelfleet" / "lab"


def pinned_crds() -> Path:
    """Where the CRDs lie that the product pins itself: Route and External Secrets."""
    pins = [pin for _, pin in _pins()]
    key = hashlib.sha256(json.dumps(pins, sort_keys=True).encode()).hexdigest()[:_KEY_LENGTH]
    return cache_folder() / f"crds-{key}"


def missing(names: Iterable[str]) -> list[str]:
    """What of the named parts `make lab` would still have to build."""
    return [PARTS[name].title for name in names if not PARTS[name].built] + ([] if pinned_crds().is_dir() else ["CRDs"])


def mark_used(names: Iterable[str]) -> None:
    """Says of the named parts, which are built, that a run needs them: `make lab` keeps them."""
    for folder in (*(PARTS[name].folder for name in names), pinned_crds()):
        os.utime(folder)


def main(names: Sequence[str]) -> int:
    """Builds the named parts, or all; says what, how long it takes and what it needs."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with (cache_folder() / "build.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two at a time would only build the same twice
            _build([PARTS[name] for name in names or PARTS])
    except _Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


class _Failed(Exception):
    """What could not be built, in words for people."""


def _build(parts: Sequence[Part]) -> None:
    waiting = [part for part in parts if not part.built]
    if waiting or not pinned_crds().is_dir():
        _needs_go()
    if waiting:
        minutes = sum(part.minutes for part in waiting)
        print(
            f"Building {len(waiting)} of the {len(PARTS)} parts of the lab into {cache_folder()}, once: about {minutes} minutes "
            "on two idle cores\nwhere Go has nothing cached, 700 MB for all, up to 6 GB in Go's caches. Needs Go's module proxy."
        )
    if not pinned_crds().is_dir():
        _fetch_crds()
    for part in waiting:
        start = time.monotonic()
        print(f"  {part.title} …", flush=True)
        _build_part(part)
        print(f"    built in {time.monotonic() - start:.0f} s")
    _remove_outdated()
    size = sum(
        path.stat().st_size for path in cache_folder().glob("*/**/*") if path.is_file() and not path.is_symlink()
    )
    print(f"The lab is built: {cache_folder()} ({size // 1_000_000} MB). make test-lab runs the tests on it")


def _remove_outdated() -> None:
    """Removes what was built from other sources and not used for long: another clone may still need it."""
    current = {*(part.folder for part in PARTS.values()), pinned_crds()}
    for name in (*PARTS, "crds"):
        for folder in cache_folder().glob(f"{name}-{'?' * _KEY_LENGTH}"):
            if folder not in current and folder.stat().st_mtime < time.time() - _KEPT_DAYS * _DAY_S:
                print(f"  {folder.name} has not been used for {_KEPT_DAYS} days and is removed")
                shutil.rmtree(folder)


def _needs_go() -> None:
    if shutil.which("go") is None:
        message = (
            "make lab builds the control plane from source and needs Go 1.21 or newer, which is not on PATH.\n"
            "Get it from https://go.dev/dl/ or your distribution (dnf install golang, apt install golang-go, brew install go).\n"
            "It fetches the toolchain that a module asks for by itself. Everything else works without Go."
        )
        raise _Failed(message)


def _build_part(part: Part) -> None:
    source = HERE / "modules" / part.name
    with _becoming(part.folder) as folder:
        flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in part.variables.items())])
        for program, package in part.programs.items():
            _go(
                [
                    "build",
                    "-mod=readonly",
                    "-buildvcs=false",
                    "-ldflags",
                    flags,
                    "-o",
                    str(folder / "bin" / program),
                    package,
                ],
                source,
            )
        for name, (module, pattern) in part.files.items():
            required = json.loads(_go(["list", "-m", "-json", module], source))
            _copy(Path(required["Dir"]), pattern, folder / name)


def _fetch_crds() -> None:
    with _becoming(pinned_crds()) as folder:
        for name, pin in _pins():
            found = json.loads(_go(["mod", "download", "-json", f"{pin['module']}@{pin['version']}"], folder))
            if found["Sum"] != pin["sum"]:
                message = (
                    f"{pin['module']}@{pin['version']} has the checksum {found['Sum']}, not the pinned {pin['sum']}"
                )
                raise _Failed(message)
            for file in pin["files"]:
                _copy(Path(found["Dir"]), file, folder / name)


def _pins() -> list[tuple[str, Mapping[str, Any]]]:
    (path,) = HERE.parents[2].glob("generator/**/data/tools.yaml")
    schemas = yaml.safe_load(path.read_text())["schemas"]
    routes = [("openshift", pin) for pin in schemas["always"]]
    return [*routes, ("external-secrets", schemas["secrets"]["external-secrets.io/v1"])]


def _copy(module: Path, pattern: str, target: Path) -> None:
    paths = sorted(module.glob(pattern))
    if not paths:
        message = f"{module} holds nothing that matches {pattern}"
        raise _Failed(message)
    target.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copyfile(path, target / "_".join(path.relative_to(module).parts[-2:]))


@contextmanager
def _becoming(folder: Path) -> Iterator[Path]:
    """A folder beside it that takes its name only when it is whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as name:
        yield Path(name) / "new"
        (Path(name) / "new").rename(folder)


def _go(arguments: Sequence[str], folder: Path) -> str:
    environment = {**os.environ, "GOFLAGS": "", "GOWORK": "off"}
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _Failed(f"go {arguments[0]} failed in {folder}:\n{done.stderr.strip()[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
