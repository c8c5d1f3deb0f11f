"""Argo CD on a lab: its controllers and repo-server, their settings, and the Git repository that they read."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.controlplane.ask import ADMIN, Object, wait_until
from lab.controlplane.build import PARTS
from lab.controlplane.lab import Lab

NAMESPACE = "openshift-gitops"
_API_VERSION = "argoproj.io/v1alpha1"
_PART_OF = {"app.kubernetes.io/part-of": "argocd"}
_REPO_SERVER, _REDIS, _GIT = 8081, 6379, 443
# Names of the one API server: Argo CD takes an address for one cluster, and each environment is a cluster of its own.
_SERVERS = ("https://127.0.0.1:6443", "https://localhost:6443", "https://kubernetes.default.svc:6443")


@dataclass(frozen=True)
class Source:
    """What Argo CD syncs: a repository on github.com, and the names under which it knows its clusters."""

    url: str
    environments: Sequence[str]


class ArgoCD:
    """A running Argo CD of one line, which syncs from a bare repository that tests push to."""

    def __init__(self, lab: Lab, line: str, source: Source, kustomize: Path, settings: Mapping[str, str]) -> None:
        self.lab, self.api, self._at_first = lab, lab.api, _object("ConfigMap", "argocd-cm", data=dict(settings))
        part = PARTS[f"argocd-{line}"]
        self._program = part.folder / "bin" / "argocd"
        lab.install_crds(part.folder / "crds")
        self.repository = lab.folder / "git" / source.url.removeprefix("https://github.com/")
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", self.repository], check=True)
        self.api.ensure_namespace(NAMESPACE)
        for item in self._settings(source):
            self.api.apply(item)
        programs = lab.folder / "argocd-programs"
        programs.mkdir()
        (programs / "kustomize").symlink_to(kustomize)
        (programs / "argocd-git-ask-pass").symlink_to(self._program)
        self._environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "KUBECONFIG": str(lab.kubeconfig),
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_CONTROLLER_REPLICAS": "1",
            "ARGOCD_APPLICATION_CONTROLLER_NAME": "lab",
        }
        self._common = ["--kubeconfig", str(lab.kubeconfig), "--namespace", NAMESPACE, "--repo-server-plaintext"]
        self._start()

    def push(self, clone: Path, message: str = "A change") -> str:
        """Commits what is in a clone, pushes it and has every Application look at it; the revision."""
        git(clone, "add", "--all")
        who = ["-c", "user.name=lab", "-c", "user.email=lab@example.com"]
        git(clone, *who, "commit", "--quiet", "--allow-empty", "--message", message)
        git(clone, "push", "--quiet", "--force", str(self.repository), "HEAD:main")
        revision = git(clone, "rev-parse", "HEAD").strip()
        self.refresh()
        return revision

    def refresh(self, hard: bool = False, *names: str) -> None:
        """Has Applications compare again, as `argocd app get --refresh` does; the hard way renders anew, too."""
        for name in names or [item["metadata"]["name"] for item in self.applications()]:
            change = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard" if hard else "normal"}}}
            self.api.patch(_application(name), change)

    def refreshed(self, hard: bool = False, *names: str) -> None:
        """The same, until it is done."""
        self.refresh(hard, *names)
        wait_until(
            "Applications are refreshed",
            lambda: (
                not any(
                    "argocd.argoproj.io/refresh" in item["metadata"].get("annotations", {})
                    for item in self.applications()
                )
            ),
        )

    def applications(self) -> list[Object]:
        """All Applications."""
        return self.api.items(_API_VERSION, "Application", NAMESPACE)

    def application(self, name: str) -> Object:
        """One Application, which is there."""
        found = self.api.get(_API_VERSION, "Application", name, NAMESPACE)
        assert found, f"no Application {name}"
        return found

    def wait(self, name: str, what: str, holds: Callable[[Object], Any], seconds: float = 180) -> Object:
        """The Application as soon as something holds of it."""

        def ask() -> Object | None:
            self.lab.place.all_run()
            item = self.api.get(_API_VERSION, "Application", name, NAMESPACE)
            return item if item and holds(item) else None

        try:
            return wait_until(f"{name}: {what}", ask, seconds)
        except AssertionError as error:
            item = self.api.get(_API_VERSION, "Application", name, NAMESPACE)
            sets = self.api.items(_API_VERSION, "ApplicationSet", NAMESPACE)
            status = [one.get("status") for one in ([item] if item else sets)]
            raise AssertionError(f"{error}\n{json.dumps(status, indent=1)}") from None

    def synced(self, name: str, revision: str, seconds: float = 180) -> Object:
        """The Application when it is Synced at a revision and no sync is running."""
        return self.wait(name, f"Synced at {revision}", lambda item: is_synced(item, revision), seconds)

    def sync(self, name: str, prune: bool = False, options: Sequence[str] = ()) -> None:
        """Starts a sync by hand, as `argocd app sync` does."""
        change: dict[str, Any] = {"sync": {"prune": prune, **({"syncOptions": list(options)} if options else {})}}
        self.api.patch(_application(name), {"operation": {"initiatedBy": {"username": "lab"}, **change}})

    def change_settings(self, values: Mapping[str, str]) -> None:
        """Changes `argocd-cm`, as the administrator of Argo CD does."""
        self.api.patch(_object("ConfigMap", "argocd-cm"), {"data": dict(values)})

    def restore_settings(self) -> None:
        """Takes back what was changed of `argocd-cm`."""
        found = self.api.read(self._at_first)
        assert found
        if found["data"] != self._at_first["data"]:
            self.api.replace({**found, "data": self._at_first["data"]})
            # What 2.14 remembers of the cluster is made again while events of before still arrive: it may stay outdated.
            self.lab.place.stop("application-controller")
            self._start_controller()

    def _start(self) -> None:
        place, local = self.lab.place, "127.0.0.1"
        place.start("redis", [self._program, "redis"])
        place.start(
            "git",
            [
                sys.executable,
                Path(__file__).with_name("githost.py"),
                self.lab.folder / "git",
                self.lab.pki("server.crt"),
                self.lab.pki("server.key"),
            ],
            PATH=os.environ["PATH"],
        )
        place.wait_for(_REDIS, 180)
        place.wait_for(_GIT, 180)
        place.start(
            "repo-server",
            [
                self._program,
                "repo-server",
                "--address",
                local,
                "--port",
                str(_REPO_SERVER),
                "--disable-tls",
                "--metrics-address",
                local,
                "--redis",
                f"{local}:{_REDIS}",
                "--revision-cache-expiration",
                "10s",  # so that the next look finds what was pushed
            ],
            **self._environment,
        )
        place.wait_for(_REPO_SERVER, 180)
        self._start_controller()
        place.start(
            "applicationset-controller",
            [
                self._program,
                "applicationset-controller",
                *self._common,
                "--argocd-repo-server",
                f"{local}:{_REPO_SERVER}",
                "--metrics-addr",
                f"{local}:8085",
                "--probe-addr",
                f"{local}:8086",
                "--webhook-addr",
                f"{local}:7000",
                "--enable-leader-election=false",
            ],
            **self._environment,
            ARGOCD_APPLICATIONSET_CONTROLLER_REQUEUE_AFTER="5s",
        )

    def _start_controller(self) -> None:
        local = "127.0.0.1"
        self.lab.place.start(
            "application-controller",
            [
                self._program,
                "application-controller",
                *self._common,
                "--repo-server",
                f"{local}:{_REPO_SERVER}",
                "--redis",
                f"{local}:{_REDIS}",
                "--app-resync",
                "30",
                "--app-resync-jitter",
                "0",
                "--self-heal-timeout-seconds",
                "1",
                "--self-heal-backoff-cap-seconds",
                "10",  # instead of five minutes between two tries
                "--server-side-diff-enabled",  # which what is rendered turns off
            ],
            **self._environment,
        )

    def _settings(self, source: Source) -> list[Object]:
        found = [self._at_first]
        found += [
            _object("ConfigMap", f"argocd-{name}", data={})
            for name in ("rbac-cm", "gpg-keys-cm", "ssh-known-hosts-cm", "tls-certs-cm", "cmd-params-cm")
        ]
        secrets = {"server.secretkey": "lab", "admin.password": "lab", "admin.passwordMtime": "2026-01-01T00:00:00Z"}
        found.append(_object("Secret", "argocd-secret", stringData=secrets))
        tls = {"insecure": False, "caData": base64.b64encode(self.lab.authority).decode()}
        for name, server in zip(source.environments, _SERVERS, strict=False):
            data = {
                "name": name,
                "server": server,
                "config": json.dumps({"bearerToken": ADMIN, "tlsClientConfig": tls}),
            }
            found.append(
                _object("Secret", f"cluster-{name}", {"argocd.argoproj.io/secret-type": "cluster"}, stringData=data)
            )
        data = {"url": source.url, "type": "git", "insecure": "true"}
        found.append(_object("Secret", "repository", {"argocd.argoproj.io/secret-type": "repository"}, stringData=data))
        return found


def is_synced(item: Object, revision: str) -> bool:
    """Whether an Application is Synced at a revision and no sync is running."""
    status = item.get("status", {})
    sync, operation = status.get("sync", {}), status.get("operationState", {})
    # A new Application whose objects are there already has nothing to sync, and never had an operation.
    done = operation.get("phase", "Succeeded") == "Succeeded" and "operation" not in item
    return bool(sync.get("status") == "Synced" and sync.get("revision") == revision and done)


def resources(item: Object) -> dict[str, Object]:
    """What an Application lists, by `Kind/name`."""
    return {f"{one['kind']}/{one['name']}": one for one in item["status"].get("resources", [])}


def clone(source: Path, target: Path) -> Path:
    """A repository of its own with the files of a folder that Git tracks, committed on `main`."""
    target.mkdir(parents=True)
    tracked = git(source, "ls-files", "-z", "environments", "projects", "runtimes").split("\0")
    for name in filter(None, tracked):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    git(target, "init", "--quiet", "--initial-branch=main")
    return target


def git(folder: Path, *arguments: str) -> str:
    """Runs Git in a folder; what it prints."""
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


def _application(name: str) -> Object:
    return {"apiVersion": _API_VERSION, "kind": "Application", "metadata": {"name": name, "namespace": NAMESPACE}}


def _object(kind: str, name: str, labels: Mapping[str, str] | None = None, **content: Any) -> Object:
    meta = {"name": name, "namespace": NAMESPACE, "labels": {**_PART_OF, **(labels or {})}}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **content}
