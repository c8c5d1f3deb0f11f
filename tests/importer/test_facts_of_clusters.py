"""The example's clusters, described as a cluster describes itself: every fact comes out but those that no object tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from console import REPOSITORY, modelfleet
from modelfleet.kubernetes import emit
from modelfleet.resolve.catalog import release
from repository import laid_over

NAMES = sorted(path.stem for path in (REPOSITORY / "environments").glob("*.yaml") if path.stem != "base")

UNTOLD = {
    "cluster.name": "Argo CD's own name of the cluster",
    "quota.default": "what a project begins with is the allocation system's to say",
    "secrets.keyPrefix": "where in the store the values are",
    "namespaces": "who makes them",
    "argocd": "where the repository is synced from",
    "accelerators.*.memory": "what the drivers show, which a Node's labels have and a profile has not",
    "accelerators.*.rate": "what it costs",
    "accelerators.*.perNode": "how many a node has, which `nodes` says better",
    "accelerators.*.computeCapability": "what the drivers show",
    "accelerators.*.nodeSelector": "an AcceleratorProfile has none, and NERC's HardwareProfiles have none",
}
"""Facts of the example that no object of a cluster tells, and what they are."""


def facts(name: str) -> Any:
    """What is written of a cluster, but for runtimes that its release does not ship any more."""
    base, own = (yaml.safe_load((REPOSITORY / f"environments/{each}.yaml").read_bytes()) for each in ("base", name))
    found = laid_over(base, own)
    shipped = release(found["release"]).runtimes
    return {**found, "runtimes": {key: value for key, value in found["runtimes"].items() if key in shipped}}


def told(written: Any) -> Any:
    """The facts without those that no object tells."""
    found = yaml.safe_load(emit.dump(written))
    for path in UNTOLD:
        *way, last = path.split(".")
        holders = [found]
        for step in way:
            holders = [child for one in holders for key, child in one.items() if step in ("*", key)]
        for holder in holders:
            holder.pop(last, None)
    return {key: value for key, value in found.items() if value not in ({}, None)}


def item(kind: str, name: str, version: str = "v1", namespace: str | None = None, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def described(facts: Any) -> Iterator[dict[str, Any]]:
    """The objects of a cluster with these facts."""
    number = facts["release"].removeprefix("rhoai-")
    yield item(
        "Subscription",
        "rhods-operator",
        spec={"channel": f"stable-{number}", "startingCSV": f"rhods-operator.{number}.1"},
    )
    state = {True: "Managed", False: "Removed"}
    platforms = facts["platforms"]
    kserve = {
        "managementState": "Managed",
        "serving": {"managementState": state[platforms["serverless"]]},
        "rawDeploymentServiceConfig": platforms["rawServiceConfig"],
    }
    mesh = {"managementState": state[platforms["modelMesh"]]}
    yield item("DataScienceCluster", "default-dsc", spec={"components": {"kserve": kserve, "modelmeshserving": mesh}})
    off = [name for name, runtime in facts["runtimes"].items() if runtime.get("disabled")]
    sizes = {name: size for name, size in facts["sizes"].items() if "hardwareProfile" not in size}
    listed = [{"name": name, "resources": size} for name, size in sizes.items()]
    yield item(
        "OdhDashboardConfig", "odh-dashboard-config", spec={"modelServerSizes": listed, "templateDisablement": off}
    )
    for name, size in facts["sizes"].items():
        if name not in sizes:
            yield profile(size["hardwareProfile"], {key: size["requests"][key] for key in ("cpu", "memory")}, name)
    for name, offer in facts["accelerators"].items():
        if "hardwareProfile" in offer:
            yield profile(offer["hardwareProfile"], {offer["identifier"]: 1}, name, offer["tolerations"])
        else:
            spec = {"enabled": True, "identifier": offer["identifier"], "tolerations": offer["tolerations"]}
            yield item("AcceleratorProfile", name, namespace="redhat-ods-applications", spec=spec)
    for name, runtime in facts["runtimes"].items():
        if "images" in runtime:
            yield template(name, runtime["images"])
    for namespace, hard in facts["quota"]["projects"].items():
        yield item("ResourceQuota", f"{namespace}-project", namespace=namespace, spec={"hard": hard})
    yield item("LimitRange", "limits", namespace="any", spec={"limits": [{"type": "Container", **facts["limitRange"]}]})
    store = facts["secrets"]
    yield item(store["store"]["kind"], store["store"]["name"], store["apiVersion"])
    yield item("Ingress", "cluster", "config.openshift.io/v1", spec={"domain": facts["cluster"]["appsDomain"]})


def profile(named: Any, amounts: dict[str, Any], shown: str, tolerations: Any = None) -> dict[str, Any]:
    identifiers = [{"identifier": name, "defaultCount": amount} for name, amount in amounts.items()]
    node = {"node": {"tolerations": tolerations, "nodeSelector": {}}} if tolerations else {}
    spec = {"identifiers": identifiers, "scheduling": node}
    found = item("HardwareProfile", named["name"], namespace=named["namespace"], spec=spec)
    found["metadata"]["annotations"] = {"opendatahub.io/display-name": shown, "opendatahub.io/disabled": "false"}
    return found


def template(name: str, images: dict[str, str]) -> dict[str, Any]:
    main = [{"name": key, "image": image} for key, image in images.items() if key != "worker-container"]
    workers = [{"name": key, "image": image} for key, image in images.items() if key == "worker-container"]
    spec = {"containers": main, **({"workerSpec": {"containers": workers}} if workers else {})}
    runtime = item("ServingRuntime", name, "serving.kserve.io/v1alpha1", spec=spec)
    return item("Template", f"{name}-template", "template.openshift.io/v1", objects=[runtime])


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_that_a_cluster_tells_comes_out(name: str, tmp_path: Path) -> None:
    written = facts(name)
    root = tmp_path / "repository"
    root.mkdir()
    (tmp_path / "cluster.yaml").write_text("---\n".join(map(emit.dump, described(written))), encoding="utf-8")
    ran = modelfleet(root, "import", "environment", name, str(tmp_path / "cluster.yaml"))
    assert (ran.code, ran.err) == (0, "")
    found = yaml.safe_load((root / f"environments/{name}.yaml").read_bytes())
    assert found == told(written)
