"""What a plan says of the objects in `objects/` that leave Git, or that have to be deleted to change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fleets import RUNTIME
from modelfleet.serving.knowledge import knowledge
from plan_repository import BASE, CHAT, FILES, Repository, repository

KEPT = BASE.replace("prune: true", "prune: false")
_POD: dict[str, Any] = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "a", "image": "registry.example.org/a:1"}]},
}
_ENDS: dict[str, Any] = {"spec": {**_POD["spec"], "restartPolicy": "Never"}}
_SELECTED: dict[str, Any] = {"selector": {"matchLabels": {"a": "b"}}, "template": _POD}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
LOST = "what is stored on its volume is lost, unless the volume's reclaim policy is Retain"
PODS = "its pods are deleted with it"


def beside(api_version: str, kind: str, **content: Any) -> dict[str, Any]:
    """An object of a kind, with the name that tests give all of them."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "thing"}, **content}


OBJECTS: Mapping[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "claim": (beside("v1", "PersistentVolumeClaim", spec=CLAIM), ("delete", LOST)),
    "deployment": (beside("apps/v1", "Deployment", spec=_SELECTED), ("delete", PODS)),
    "daemon set": (beside("apps/v1", "DaemonSet", spec=_SELECTED), ("delete", PODS)),
    "stateful set": (
        beside("apps/v1", "StatefulSet", spec={**_SELECTED, "serviceName": "a"}),
        ("delete", f"{PODS}, and the claims that it made stay"),
    ),
    "graph": (
        beside(
            "serving.kserve.io/v1alpha1",
            "InferenceGraph",
            spec={"nodes": {"root": {"routerType": "Sequence", "steps": [{"serviceName": "rank"}]}}},
        ),
        ("delete", PODS),
    ),
    "job": (beside("batch/v1", "Job", spec={"template": _ENDS}), ("nothing", "it is stopped if it is still running")),
    "cron job": (
        beside("batch/v1", "CronJob", spec={"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": _ENDS}}}),
        ("nothing", "it starts no more Jobs, and one that is running is stopped"),
    ),
    "route": (
        beside("route.openshift.io/v1", "Route", spec={"to": {"kind": "Service", "name": "a"}}),
        ("url-gone", "nothing answers at its host any more"),
    ),
    "service": (
        beside("v1", "Service", spec={"selector": {"a": "b"}, "ports": [{"port": 80}]}),
        ("url-gone", "nothing answers at its name any more"),
    ),
    "account": (
        beside("v1", "ServiceAccount"),
        ("token-lost", "Kubernetes deletes its tokens with it, so whoever uses one is locked out"),
    ),
    "role": (
        beside("rbac.authorization.k8s.io/v1", "Role", rules=[]),
        ("nothing", "whoever has rights only through it loses them"),
    ),
    "policy": (
        beside("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "policyTypes": ["Ingress"]}),
        ("nothing", "traffic that only this policy blocked is allowed at once"),
    ),
    "autoscaler": (
        beside(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            spec={"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}, "maxReplicas": 2},
        ),
        ("nothing", "what it scaled keeps its replicas"),
    ),
    "monitor": (
        beside("monitoring.coreos.com/v1", "PodMonitor", spec={"selector": {}, "podMetricsEndpoints": []}),
        ("nothing", "Prometheus no longer reads it"),
    ),
    "settings": (beside("v1", "ConfigMap", data={"LEVEL": "INFO"}), ("nothing", "no model needs it")),
    "unknown": (beside("example.org/v1", "Widget", spec={}), ("delete", "")),
}


def _definition(group: str, version: str, kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    opened = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [{"name": version, "served": True, "storage": True, "schema": opened}],
        },
    }


DEFINITIONS = {
    "crds/podmonitors.yaml": json.dumps(_definition("monitoring.coreos.com", "v1", "PodMonitor")),
    "crds/widgets.yaml": json.dumps(_definition("example.org", "v1", "Widget")),
}


def made(tmp_path: Path, item: Mapping[str, Any], *, base: str = BASE, chat: str = CHAT) -> Repository:
    """A repository with an object beside the models of one project, which a commit then removes or changes."""
    files = {"environments/base.yaml": base, "projects/chat.yaml": chat, "objects/chat/thing.yaml": json.dumps(item)}
    return repository(tmp_path, {**FILES, **DEFINITIONS, **files})


def without(found: Repository) -> Repository:
    (found.root / "objects/chat/thing.yaml").unlink()
    return found


def effects(found: Repository) -> tuple[tuple[str, str], ...]:
    return next(effects for name, _, effects in found.rows() if name == "chat/thing")


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_that_argo_cd_deletes(name: str, tmp_path: Path) -> None:
    item, expected = OBJECTS[name]
    found = without(made(tmp_path, item))
    assert effects(found) == (expected,)
    ran = found.plan()
    acknowledged = f"merging destroys what nobody has acknowledged: {item['kind']}/thing; "
    assert (acknowledged in ran.err) == (expected[0] == "delete")
    assert ran.code == (4 if expected[0] == "delete" else 0)


def test_every_entry_of_the_table_is_tested() -> None:
    entries = [entry.get("kinds", ["Widget"]) for entry in knowledge()["removals"]]
    kinds = {item["kind"] for item, _ in OBJECTS.values()}
    assert [entry for entry in entries if not kinds & set(entry)] == []


@pytest.mark.parametrize("name", ["claim", "deployment", "settings"])
def test_an_object_that_stays_because_nothing_is_pruned(name: str, tmp_path: Path) -> None:
    item, _ = OBJECTS[name]
    found = without(made(tmp_path, item, base=KEPT))
    assert effects(found) == (("nothing", "it stays until it is deleted by hand"),)
    (row,) = (row for row in found.data()["environments"][0]["changes"] if row["name"] == "thing")
    assert row["command"] == f"oc delete -n chat {item['kind'].lower()}/thing"
    assert found.plan().code == 0


READS = {
    "a variable": ("settings", CHAT.replace("LEVEL: INFO", "LEVEL: {configMap: thing, key: LEVEL}")),
    "a volume of the model": ("claim", CHAT.replace("{connection: store, path: rank}", "{pvc: thing, path: rank}")),
    "a volume beside it": (
        "claim",
        CHAT.replace(
            "    env: {", "    volumes: [{name: more, persistentVolumeClaim: {claimName: thing}}]\n    env: {"
        ),
    ),
}


@pytest.mark.parametrize("way", READS)
def test_an_object_that_models_still_read(way: str, tmp_path: Path) -> None:
    name, chat = READS[way]
    item, (_, reason) = OBJECTS[name]
    found = without(made(tmp_path, item, chat=chat))
    user = "rank" if way == "a volume of the model" else "chat"
    words = [reason] if name == "claim" else []
    text = "; ".join([*words, f"{user} runs on, but cannot start again without it"])
    assert effects(found) == (("delete", text),)
    assert f"{item['kind']}/thing" in found.plan().err


def test_a_model_that_starts_without_it_is_not_named(tmp_path: Path) -> None:
    chat = CHAT.replace("LEVEL: INFO", "LEVEL: {configMap: thing, key: LEVEL, optional: true}")
    found = without(made(tmp_path, OBJECTS["settings"][0], chat=chat))
    assert effects(found) == (("nothing", "no model needs it"),)
    assert found.plan().code == 0


def test_what_only_a_runtime_reads_is_read_by_its_models(tmp_path: Path) -> None:
    runtime = deepcopy(RUNTIME)
    runtime["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "thing"}}]
    found = made(tmp_path, OBJECTS["settings"][0])
    found.write("runtimes/onnx-server.yaml", json.dumps(runtime))
    found.edit("projects/chat.yaml", "    runtime: kserve-ovms\n", "    runtime: onnx-server\n")
    found.commit()
    without(found).render()
    (row,) = (one for one in found.data("--against", "HEAD")["environments"][0]["changes"] if one["name"] == "thing")
    assert row["effects"] == [{"effect": "delete", "text": "rank runs on, but cannot start again without it"}]


def test_a_claim_that_has_to_be_deleted_to_change(tmp_path: Path) -> None:
    found = made(tmp_path, beside("v1", "PersistentVolumeClaim", spec=CLAIM))
    found.edit("objects/chat/thing.yaml", "ReadWriteOnce", "ReadWriteMany")
    assert effects(found) == (("recreate", LOST),)
    ran = found.plan()
    assert ran.code == 4
    assert "merging destroys what nobody has acknowledged: PersistentVolumeClaim/thing; " in ran.err


def test_a_claim_that_has_to_be_deleted_waits_for_the_pods_that_use_it(tmp_path: Path) -> None:
    """Kubernetes protects a claim as long as a pod uses it."""
    chat = CHAT.replace("{connection: store, path: rank}", "{pvc: thing, path: rank}")
    found = made(tmp_path, beside("v1", "PersistentVolumeClaim", spec=CLAIM), chat=chat)
    found.edit("objects/chat/thing.yaml", "ReadWriteOnce", "ReadWriteMany")
    assert effects(found) == (("recreate", f"{LOST}; it is deleted only after the pods of rank have ended"),)


def test_a_claim_that_stays_and_is_read_has_no_command(tmp_path: Path) -> None:
    chat = CHAT.replace("{connection: store, path: rank}", "{pvc: thing, path: rank}")
    found = without(made(tmp_path, beside("v1", "PersistentVolumeClaim", spec=CLAIM), base=KEPT, chat=chat))
    (row,) = (row for row in found.data()["environments"][0]["changes"] if row["name"] == "thing")
    assert (row["effects"], row["command"]) == ([{"effect": "nothing", "text": "it stays; rank reads it"}], None)


def test_a_job_that_has_to_be_deleted_to_change_needs_no_acknowledgement(tmp_path: Path) -> None:
    found = made(tmp_path, OBJECTS["job"][0])
    found.edit("objects/chat/thing.yaml", "registry.example.org/a:1", "registry.example.org/a:2")
    assert effects(found) == (("recreate", ""),)
    assert found.plan().code == 0
