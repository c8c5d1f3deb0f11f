"""Parts of pods that a spec says as Kubernetes does: what is not a field of theirs is said where it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelfleet.spec.load import parse
from repository import findings, repository, write

RIGHT: dict[str, Any] = {
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}],
    "volumeMounts": [{"name": "cache", "mountPath": "/cache", "readOnly": True}],
    "initContainers": [{"name": "a", "image": "registry.example.org/a:1", "imagePullPolicy": "Always"}],
    "containers": [{"name": "b", "image": "registry.example.org/b:1", "ports": [{"containerPort": 9000}]}],
    "transformer": {"containers": [{"name": "c", "image": "registry.example.org/c:1"}], "hostNetwork": False},
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {}},
        }
    ],
    "podSecurityContext": {"seLinuxOptions": {"level": "s0"}},
    "securityContext": {"capabilities": {"drop": ["ALL"]}},
    "probes": {"startup": {"httpGet": {"path": "/", "port": 8080, "scheme": "HTTP"}}},
}
WRONG: dict[str, Any] = {
    "affinity": {"nodeAffinity": {"requiredDuring": {}}},
    "volumes": [{"name": "cache", "emptyDir": {"sizelimit": "1Gi"}}],
    "volumeMounts": [{"name": "cache", "mountPath": "/cache", "readonly": True}],
    "initContainers": [{"name": "a", "image": "registry.example.org/a:1", "imagePullPolcy": "Always"}],
    "containers": [{"name": "b", "image": "registry.example.org/b:1", "ports": [{"containerPort": "9000"}]}],
    "transformer": {"containers": [{"name": "c", "image": "registry.example.org/c:1", "comand": []}], "hostNet": False},
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabel": {}},
        }
    ],
    "podSecurityContext": {"seLinuxOptions": {"lvl": "s0"}},
    "securityContext": {"capabilities": {"drp": ["ALL"]}},
    "probes": {"startup": {"httpGet": {"path": "/", "port": 8080, "schem": "HTTP"}}},
}


def said(root: Path, fields: dict[str, Any]) -> list[str]:
    files = repository({"projects/acme": {"models": {"llama": fields}, "environments": {"prod": {}}}})
    return [finding.text() for finding in findings(write(root, files)) if finding.code == "ADM002"]


def test_fields_that_no_pod_has(tmp_path: Path) -> None:
    found = {line.partition("error[ADM002]: models.llama.")[2] for line in said(tmp_path, WRONG)}
    assert found == {
        "affinity.nodeAffinity.requiredDuring: in prod: unknown field 'requiredDuring'; there are "
        "preferredDuringSchedulingIgnoredDuringExecution, requiredDuringSchedulingIgnoredDuringExecution",
        "containers[0].ports[0].containerPort: in prod: expected a whole number, found the text '9000'; remove the quotes: 9000",
        "initContainers[0].imagePullPolcy: in prod: unknown field 'imagePullPolcy'; did you mean 'imagePullPolicy'?",
        "podSecurityContext.seLinuxOptions.lvl: in prod: unknown field 'lvl'; did you mean 'level'?",
        "probes.startup.httpGet.schem: in prod: unknown field 'schem'; did you mean 'scheme'?",
        "securityContext.capabilities.drp: in prod: unknown field 'drp'; did you mean 'drop'?",
        "topologySpreadConstraints[0].labelSelector.matchLabel: in prod: unknown field 'matchLabel'; did you mean 'matchLabels'?",
        "transformer.containers[0].comand: in prod: unknown field 'comand'; did you mean 'command'?",
        "transformer.hostNet: in prod: unknown field 'hostNet'; did you mean 'hostname'?",
        "volumeMounts[0].readonly: in prod: unknown field 'readonly'; did you mean 'readOnly'?",
        "volumes[0].emptyDir.sizelimit: in prod: unknown field 'sizelimit'; did you mean 'sizeLimit'?",
    }


def test_fields_that_pods_have(tmp_path: Path) -> None:
    assert said(tmp_path, RIGHT) == []


def test_the_place_is_that_of_the_field(tmp_path: Path) -> None:
    files = repository({"projects/acme": {"models": {"llama": {"containers": WRONG["containers"]}}}})
    (found, *_) = (one for one in findings(write(tmp_path, files)) if one.code == "ADM002")
    place = parse((tmp_path / "projects/acme.yaml").read_bytes(), "projects/acme.yaml").at(
        ("models", "llama", "containers", 0, "ports", 0, "containerPort")
    )
    assert (found.at.line, found.at.column) == (place.line, place.column)


def test_parts_of_no_shape_at_all(tmp_path: Path) -> None:
    """Nothing stumbles over them before their types are said."""
    odd: dict[str, Any] = {"name": "kserve-container", "image": "registry.example.org/a:1"}
    odd |= dict.fromkeys(("resources", "volumeMounts", "env", "args", "envFrom", "ports"), 5)
    fields = {
        "runtime": None,
        "location": None,
        "size": None,
        "containers": [odd],
        "initContainers": [{**odd, "name": "b"}],
        "volumes": [{"name": "s", "configMap": 5}, {"name": "t", "configMap": {"name": 5, "items": 5}}],
        "transformer": {"containers": [odd], "volumes": 5, "nodeSelector": 5},
    }
    found = said(tmp_path, fields)
    assert len(found) == 6 * 3 + 3 + 2, found
