"""What `modelfleet plan` says of a change of something in `objects/` beside what Kubernetes and KServe 0.15.2 then do with it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.controlplane.ask import Object, Refused, wait_until
from lab.controlplane.changes import NAMESPACE, NOTHING, REFUSED, ROLLS, ProjectFiles
from lab.controlplane.lab import Lab
from lab.test_plan import BASE, OVMS

OWNER = "case"  # a label of the pods of each case


@dataclass(frozen=True)
class Case:
    """A change of one object: what the plan says of it, and what happens to its pods, or to those of the model."""

    change: str
    says: tuple[str, ...]
    happens: str
    kind: tuple[str, str]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    refused: str = ""  # a part of what the API server says
    annotations: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        """The name of its object."""
        return f"{self.kind[1].lower()}-{self.change.replace(' ', '-')}"

    def object(self, content: Mapping[str, Any]) -> Object:
        """Its object with such a content."""
        meta = {"name": self.name, **({"annotations": dict(self.annotations)} if self.annotations else {})}
        return {"apiVersion": self.kind[0], "kind": self.kind[1], "metadata": meta, **_named(content, self.name)}


def _named(content: Any, name: str) -> Any:
    """The content with the name of its case in place of the word."""
    if isinstance(content, Mapping):
        return {key: _named(value, name) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_named(value, name) for value in content]
    return name if content == OWNER else content


def _pods(image: str = "1", *, label: str = "x", restart: str | None = None) -> dict[str, Any]:
    amounts = {"cpu": "1m", "memory": "1Mi"}
    container = {
        "name": "main",
        "image": f"registry.example.org/beside:{image}",
        "resources": {"requests": amounts, "limits": amounts},
    }
    spec = {"containers": [container], **({"restartPolicy": restart} if restart else {})}
    return {"metadata": {"labels": {OWNER: OWNER, "part": label}}, "spec": spec}


def _apart(image: str = "1", *, selects: str = "x", **more: Any) -> dict[str, Any]:
    """The spec of a Deployment and its like, whose pods have the label in both."""
    selector = {"matchLabels": {OWNER: OWNER, "part": selects}}
    return {"spec": {"selector": selector, "template": _pods(image, label=selects), **more}}


def _claims(size: str) -> list[dict[str, Any]]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, "storageClassName": "grows"}
    return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}]


def _claim(size: str = "1Gi", mode: str = "ReadWriteOnce", storage_class: str = "grows") -> dict[str, Any]:
    requests = {"resources": {"requests": {"storage": size}}}
    return {"spec": {"accessModes": [mode], "storageClassName": storage_class, **requests}}


def _service(port: int = 80, address: str | None = None, selects: str = "x") -> dict[str, Any]:
    selector, ports = {OWNER: OWNER, "part": selects}, [{"port": port, "targetPort": 8080}]
    return {"spec": {"selector": selector, "ports": ports, **({"clusterIP": address} if address else {})}}


def _job(image: str = "1", **more: Any) -> dict[str, Any]:
    return {"spec": {"template": _pods(image, restart="Never"), "backoffLimit": 1, **more}}


def _cron_job(image: str) -> dict[str, Any]:
    return {"spec": {"schedule": "* * * * *", "concurrencyPolicy": "Forbid", "jobTemplate": _job(image)}}


def _graph(weight: int) -> dict[str, Any]:
    steps = [{"serviceName": "model", "weight": weight}, {"serviceName": "reader", "weight": 100 - weight}]
    return {"spec": {"nodes": {"root": {"routerType": "Splitter", "steps": steps}}}}


def _policy(port: int) -> dict[str, Any]:
    ingress = [{"ports": [{"port": port, "protocol": "TCP"}]}]
    return {"spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": ingress}}


def _autoscaler(target: str, most: int = 1) -> dict[str, Any]:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    return {"spec": {"scaleTargetRef": reference, "minReplicas": 1, "maxReplicas": most}}


DEPLOYMENT, DAEMON_SET, STATEFUL_SET = (("apps/v1", kind) for kind in ("Deployment", "DaemonSet", "StatefulSet"))
JOB, CRON_JOB = ("batch/v1", "Job"), ("batch/v1", "CronJob")
CLAIM, SERVICE, CONFIG_MAP = (("v1", kind) for kind in ("PersistentVolumeClaim", "Service", "ConfigMap"))
POLICY, AUTOSCALER = ("networking.k8s.io/v1", "NetworkPolicy"), ("autoscaling/v2", "HorizontalPodAutoscaler")
GRAPH = ("serving.kserve.io/v1alpha1", "InferenceGraph")
RAW = {"serving.kserve.io/deploymentMode": "RawDeployment"}
ANEW, BESIDE, NEXT_START, NO = ("recreate",), ("beside",), ("next-start",), ("nothing",)
IMMUTABLE = "field is immutable"
STATEFUL = "updates to statefulset spec for fields other than"

CASES = [
    Case("image", BESIDE, ROLLS, DEPLOYMENT, _apart(), _apart("2")),
    Case("selector", ANEW, REFUSED, DEPLOYMENT, _apart(), _apart(selects="y"), IMMUTABLE),
    Case("image", BESIDE, ROLLS, DAEMON_SET, _apart(), _apart("2")),
    Case("selector", ANEW, REFUSED, DAEMON_SET, _apart(), _apart(selects="y"), IMMUTABLE),
    Case("image", BESIDE, ROLLS, STATEFUL_SET, _apart(serviceName="a"), _apart("2", serviceName="a")),
    Case(
        "selector", ANEW, REFUSED, STATEFUL_SET, _apart(serviceName="a"), _apart(selects="y", serviceName="a"), STATEFUL
    ),
    Case("service", ANEW, REFUSED, STATEFUL_SET, _apart(serviceName="a"), _apart(serviceName="b"), STATEFUL),
    Case(
        "claims",
        ANEW,
        REFUSED,
        STATEFUL_SET,
        _apart(serviceName="a", volumeClaimTemplates=_claims("1Gi")),
        _apart(serviceName="a", volumeClaimTemplates=_claims("2Gi")),
        STATEFUL,
    ),
    Case("image", ANEW, REFUSED, JOB, _job(), _job("2"), IMMUTABLE),
    Case("completions", ANEW, REFUSED, JOB, _job(completions=1), _job(completions=2), IMMUTABLE),
    Case("image", NO, NOTHING, CRON_JOB, _cron_job("1"), _cron_job("2")),
    Case("grows", NO, NOTHING, CLAIM, _claim(), _claim("2Gi")),
    Case("mode", ANEW, REFUSED, CLAIM, _claim(), _claim(mode="ReadWriteMany"), "spec is immutable after creation"),
    Case("settings", NEXT_START, NOTHING, CONFIG_MAP, {"data": {"LEVEL": "INFO"}}, {"data": {"LEVEL": "DEBUG"}}),
    Case("port", NO, NOTHING, SERVICE, _service(), _service(81)),
    Case("pods", NO, NOTHING, SERVICE, _service(), _service(selects="y")),
    Case(
        "address",
        ANEW,
        REFUSED,
        SERVICE,
        _service(address="10.0.77.1"),
        _service(address="10.0.77.2"),
        "may not change once set",
    ),
    Case("port", NO, NOTHING, POLICY, _policy(80), _policy(81)),
    Case("range", NO, NOTHING, AUTOSCALER, _autoscaler("deployment-image"), _autoscaler("deployment-image", 2)),
    Case("target", NO, NOTHING, AUTOSCALER, _autoscaler("deployment-selector"), _autoscaler("reader-predictor")),
    Case("weights", BESIDE, ROLLS, GRAPH, _graph(20), _graph(30), annotations=RAW),
]
MODELS: Mapping[str, Any] = {
    "model": OVMS,
    "reader": {**OVMS, "env": {"LEVEL": {"configMap": "configmap-settings", "key": "LEVEL"}}},
}


PRUNED: Mapping[tuple[str, str], tuple[str, ...]] = {
    **dict.fromkeys((DEPLOYMENT, DAEMON_SET, STATEFUL_SET, GRAPH, CLAIM), ("delete",)),
    CONFIG_MAP: ("delete",),  # since a model reads it
    SERVICE: ("url-gone",),
    **dict.fromkeys((JOB, CRON_JOB, POLICY, AUTOSCALER), NO),
}
"""What the plan says of each kind where Argo CD deletes it."""


@pytest.fixture(scope="module")
def files(kustomize: Path, tmp_path_factory: pytest.TempPathFactory) -> ProjectFiles:
    return ProjectFiles(tmp_path_factory.mktemp("plan"), BASE.replace("prune: false", "prune: true"), kustomize)


@pytest.fixture(scope="module")
def happened(lab: Lab, files: ProjectFiles) -> Mapping[str, tuple[tuple[str, ...], str, str]]:
    """Of each case, by the name of its object: what was said, what became of its pods, and why it was refused."""
    lab.api.ensure_namespace(NAMESPACE)
    lab.api.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "grows"},
            "provisioner": "example.org/none",
            "allowVolumeExpansion": True,
        }
    )
    for case in CASES:
        if case.kind == CLAIM:
            _volume(lab, case.name)
    _put(files, "before")
    for item in files.build(MODELS):
        lab.api.apply(item)
    before = wait_until("all have pods", lambda: _if_all(_running(lab), _with_pods() | MODELS.keys()), 300)
    wait_until("claims are bound", lambda: _bound(lab))
    files.commit()
    _put(files, "after")
    refused: dict[str, str] = {}
    for item in files.build(MODELS):
        try:
            lab.api.apply(item)
        except Refused as error:
            refused[item["metadata"]["name"]] = str(error)
    said = files.said()
    rolled = {case.name for case in CASES if case.happens == ROLLS}

    def settled() -> Mapping[str, frozenset[str]] | None:
        found = _running(lab)
        time.sleep(3)
        done = all(found.get(name) and not found[name] & before.get(name, frozenset()) for name in rolled)
        return found if done and _running(lab) == found else None

    after = wait_until("pods are replaced", settled, 300)
    return {
        case.name: (
            said.get(case.name, NO),
            REFUSED if case.name in refused else _became(case, before, after),
            refused.get(case.name, ""),
        )
        for case in CASES
    }


def _with_pods() -> set[str]:
    """The cases with pods; those of the one with claims wait for volumes that nobody makes, and are there all the same."""
    kinds = (DEPLOYMENT, DAEMON_SET, STATEFUL_SET, JOB, CRON_JOB, GRAPH)
    return {case.name for case in CASES if case.kind in kinds}


def _put(files: ProjectFiles, side: str) -> None:
    folder = files.root / "objects" / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        (folder / f"{case.name}.yaml").write_text(json.dumps(case.object(getattr(case, side)), indent=1))


def _volume(lab: Lab, claim: str) -> None:
    spec = {
        "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
        "storageClassName": "grows",
        "capacity": {"storage": "1Gi"},
        "nfs": {"server": "nfs.example.org", "path": "/"},
        "claimRef": {"namespace": NAMESPACE, "name": claim},
    }
    lab.api.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": claim}, "spec": spec})


def _bound(lab: Lab) -> bool:
    claims = {case.name for case in CASES if case.kind == CLAIM}
    found = lab.api.items(*CLAIM, NAMESPACE)
    return claims <= {one["metadata"]["name"] for one in found if one["status"].get("phase") == "Bound"}


def _running(lab: Lab) -> dict[str, frozenset[str]]:
    """The pods of each case, of each model and of each graph that are there and not on their way out."""
    found: dict[str, frozenset[str]] = {}
    for pod in lab.api.items("v1", "Pod", NAMESPACE):
        labels = pod["metadata"].get("labels", {})
        graph = labels.get("serving.kserve.io/inferencegraph")
        name = labels.get(OWNER) or graph or labels.get("serving.kserve.io/inferenceservice")
        if name and "deletionTimestamp" not in pod["metadata"]:
            found[name] = found.get(name, frozenset()) | {pod["metadata"]["uid"]}
    return found


def _if_all(found: dict[str, frozenset[str]], names: set[str]) -> dict[str, frozenset[str]] | None:
    return found if names <= found.keys() else None


def _became(case: Case, before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]) -> str:
    """What became of its own pods, and of those of the models beside it."""
    assert {name: after.get(name) for name in MODELS} == {name: before.get(name) for name in MODELS}
    return NOTHING if before.get(case.name) == after.get(case.name) else ROLLS


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind[1]}: {case.change}")
def test_what_the_plan_says_is_what_happens(
    case: Case, happened: Mapping[str, tuple[tuple[str, ...], str, str]]
) -> None:
    said, became, why = happened[case.name]
    assert (said, became) == (case.says, case.happens), why
    assert case.refused in why


def test_what_is_pruned_goes_with_its_pods_and_leaves_the_models(
    lab: Lab, files: ProjectFiles, happened: Mapping[str, object]
) -> None:
    """The last of the tests: Argo CD deletes objects as it is done here."""
    assert happened.keys() == {case.name for case in CASES}
    files.commit()
    shutil.rmtree(files.root / "objects")
    files.build(MODELS)
    said = files.said()
    assert {case.name: said.get(case.name) for case in CASES} == {case.name: PRUNED[case.kind] for case in CASES}
    before = _running(lab)
    assert _with_pods() <= before.keys()
    for case in CASES:
        item = case.object(case.before)
        lab.api.delete({**item, "metadata": {**item["metadata"], "namespace": NAMESPACE}})
    wait_until("only pods of models are left", lambda: _running(lab).keys() == MODELS.keys())
    wait_until("the claims are gone", lambda: _claims_left(lab) == {"data-statefulset-claims-0"})
    time.sleep(3)
    assert _running(lab) == {name: before[name] for name in MODELS}


def _claims_left(lab: Lab) -> set[str]:
    return {item["metadata"]["name"] for item in lab.api.items(*CLAIM, NAMESPACE)}
