"""Stands in for what needs machines or stores: the kubelets, External Secrets, and a gateway's controller.

Nodes come from the tests, the real scheduler puts pods on them, and here every pod that has a node becomes ready at once.
Every ExternalSecret gets a Secret of made-up values, and the Secret of a connection gets its entry in `storage-config`, as
OpenShift AI's second controller makes it. Where there are gateways, they and their routes and pools are accepted.

    standins.py CA-FILE [gateways]
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from lab.controlplane.ask import Api, Object, Refused

EXTERNAL_SECRETS = ("external-secrets.io/v1", "ExternalSecret")
_GATEWAY_API = "gateway.networking.k8s.io/v1"
KEEP_PENDING = (
    "lab/keep-pending"  # an annotation of pods that are not to start, and of ExternalSecrets without a Secret
)


def main() -> None:
    """Looks at everything again and again: a lab is small, and ends with its tests."""
    api = Api(lambda: socket.create_connection(("127.0.0.1", 6443)), sys.argv[1])
    looks = (_gateways,) if "gateways" in sys.argv[2:] else (_secrets, _pods)
    while True:
        for look in looks:
            try:
                look(api)
            except (OSError, Refused) as error:  # gone in the meantime, or not there yet
                print(look.__name__, error, flush=True)
        time.sleep(0.3)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _pods(api: Api) -> None:
    for pod in api.items("v1", "Pod"):
        if "deletionTimestamp" in pod["metadata"]:
            api.delete(pod, at_once=True)
        elif (
            "nodeName" in pod["spec"]
            and "podIP" not in pod["status"]
            and KEEP_PENDING not in pod["metadata"].get("annotations", {})
        ):
            api.patch(pod, {"status": _running(pod)}, "status")


def _running(pod: Object) -> Object:
    started = _now()
    return {
        "phase": "Running",
        "podIP": "10.1.0.1",
        "podIPs": [{"ip": "10.1.0.1"}],
        "startTime": started,
        "containerStatuses": [
            {
                "name": one["name"],
                "ready": True,
                "started": True,
                "restartCount": 0,
                "image": one["image"],
                "imageID": "",
                "state": {"running": {"startedAt": started}},
            }
            for one in pod["spec"]["containers"]
        ],
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": started}
            for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
    }


def _secrets(api: Api) -> None:
    for external in api.items(*EXTERNAL_SECRETS):
        if "status" in external or KEEP_PENDING in external["metadata"].get("annotations", {}):
            continue
        data = _data(external)
        with contextlib.suppress(Refused):  # there already
            api.create(_secret(external, data))
        if "AWS_S3_BUCKET" in data:
            _storage_config(api, external, data)
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "SecretSynced",
            "message": "secret synced",
            "lastTransitionTime": _now(),
        }
        api.patch(external, {"status": {"refreshTime": _now(), "conditions": [ready]}}, "status")


def _target(external: Object) -> tuple[str, Mapping[str, Any]]:
    target = external["spec"].get("target", {})
    return target.get("name", external["metadata"]["name"]), target.get("template", {})


def _gateways(api: Api) -> None:
    gateways = api.items(_GATEWAY_API, "Gateway")
    for gateway in gateways:
        if "addresses" not in gateway.get("status", {}):
            conditions = [*_conditions(gateway, "Accepted", "Programmed")]
            addresses = [{"type": "IPAddress", "value": "10.1.0.2"}]
            api.patch(gateway, {"status": {"addresses": addresses, "conditions": conditions}}, "status")
    refs = [{"name": one["metadata"]["name"], "namespace": one["metadata"]["namespace"]} for one in gateways]
    for route in api.items(_GATEWAY_API, "HTTPRoute"):
        _accept(api, route, route["spec"].get("parentRefs", []))
    for pool in api.items("inference.networking.k8s.io/v1", "InferencePool"):
        _accept(api, pool, refs)


def _accept(api: Api, item: Object, parents: Sequence[Mapping[str, Any]]) -> None:
    conditions = [*_conditions(item, "Accepted", "ResolvedRefs")]
    accepted = [{"parentRef": ref, "controllerName": "lab/standin", "conditions": conditions} for ref in parents]
    found = item.get("status", {}).get("parents", [])
    seen = [one["conditions"][0].get("observedGeneration") for one in found]
    if len(found) != len(accepted) or any(one != item["metadata"]["generation"] for one in seen):
        api.patch(item, {"status": {"parents": accepted}}, "status")


def _conditions(item: Object, *kinds: str) -> Iterator[Object]:
    for kind in kinds:
        yield {
            "type": kind,
            "status": "True",
            "reason": kind,
            "message": "a stand-in",
            "lastTransitionTime": _now(),
            "observedGeneration": item["metadata"]["generation"],
        }


def _data(external: Object) -> dict[str, str]:
    _, template = _target(external)
    if template.get("type") == "kubernetes.io/dockerconfigjson":
        return {".dockerconfigjson": '{"auths": {}}'}
    made_up = {entry["secretKey"]: "made-up" for entry in external["spec"].get("data", [])}
    return {**made_up, **{key: str(value) for key, value in template.get("data", {}).items()}}


def _secret(external: Object, data: Mapping[str, str]) -> Object:
    name, template = _target(external)
    given, meta = template.get("metadata", {}), external["metadata"]
    owner = {"apiVersion": external["apiVersion"], "kind": "ExternalSecret", "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": template.get("type", "Opaque"),
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": given.get("labels", {}),
            "annotations": given.get("annotations", {}),
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def _storage_config(api: Api, external: Object, data: Mapping[str, str]) -> None:
    name, _ = _target(external)
    entry = {
        "type": "s3",
        "access_key_id": "made-up",
        "secret_access_key": "made-up",
        "endpoint_url": data.get("AWS_S3_ENDPOINT", ""),
        "bucket": data["AWS_S3_BUCKET"],
        "region": data.get("AWS_DEFAULT_REGION", ""),
    }
    meta = {"name": "storage-config", "namespace": external["metadata"]["namespace"]}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
    api.apply({**secret, "stringData": {name: json.dumps(entry)}}, manager=f"connection-{name}")


if __name__ == "__main__":
    main()
