"""Facts of an environment, read from what describes a cluster: one reader for each kind of object.

A fact has the place in `environments/<env>.yaml` where it stands, its value, and the object that tells it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelfleet.importer.given import GivenObject
from modelfleet.importer.grants import policy_of, subscription_of
from modelfleet.kubernetes.objects import items, mapping, mappings, text
from modelfleet.layout import FILE_STEM
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.resolve.catalog import release_names
from modelfleet.resolve.platform import platform_facts
from modelfleet.resolve.release import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFact:
    """A fact, where it stands in an environment's file, and where it comes from."""

    pointer: tuple[str, ...]
    value: Any
    source: str


FactReader = Callable[[GivenObject, "Release | None"], Iterator[tuple[tuple[str, ...], Any]]]

_PRODUCT = "rhods-operator"
_VERSION = lazy_pattern(r"(?:rhods-operator\.v?|stable-)([0-9]+\.[0-9]+)(?:\.|$)")


def told_release(one: GivenObject) -> str | None:
    """The release that a Subscription or a ClusterServiceVersion of the operator tells."""
    spec = mapping(one.object.get("spec"))
    if one.kind == "Subscription" and _PRODUCT in (one.name, spec.get("name")):
        words = [text(spec.get("startingCSV")), text(spec.get("channel"))]
    elif one.kind == "ClusterServiceVersion" and one.name.startswith(_PRODUCT):
        words = [one.name]
    else:
        return None
    found = next((match[1] for word in words if (match := _VERSION.search(word))), None)
    return f"rhoai-{found}" if found else None


def cluster_facts(one: GivenObject, release: Release | None) -> list[ClusterFact]:
    """All facts that an object tells."""
    reader = CLUSTER_READERS.get(one.kind)
    found = list(reader(one, release)) if reader is not None else []
    return [ClusterFact(pointer=pointer, value=value, source=one.label) for pointer, value in found]


# ---- the product -----------------------------------------------------------------------------------------------------


def _release(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    name = told_release(one)
    if name in release_names():
        yield ("release",), name


def _components(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Which platforms there are: a release that has one no longer takes no notice of what the object still says."""
    components = mapping(mapping(one.object.get("spec")).get("components"))
    kserve = mapping(components.get("kserve"))
    on = {
        "serverless": (mapping(kserve.get("serving")).get("managementState"), kserve.get("managementState")),
        "modelMesh": (mapping(components.get("modelmeshserving")).get("managementState"),),
    }
    able = {} if release is None else {str(key): value for key, value in release.capabilities.items()}
    for name, states in on.items():
        if any(state is not None for state in states):
            managed = all(state in ("Managed", "Unmanaged") for state in states)
            yield ("platforms", name), managed and bool(able.get(name, True))
    if kserve.get("rawDeploymentServiceConfig") in ("Headless", "Headed"):
        yield ("platforms", "rawServiceConfig"), kserve["rawDeploymentServiceConfig"]


def _dashboard(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    spec = mapping(one.object.get("spec"))
    for _, size in mappings(spec.get("modelServerSizes")):
        resources = mapping(size.get("resources"))
        parts = {part: _cpu_and_memory(resources.get(part)) for part in ("requests", "limits")}
        if all(parts.values()):
            yield ("sizes", str(size.get("name"))), parts
    shipped = release.runtimes if release is not None else {}
    for name in map(str, items(spec.get("templateDisablement"))):
        runtime = name if name in shipped else name.removesuffix("-template")
        if runtime in shipped:
            yield ("runtimes", runtime, "disabled"), True


def _cpu_and_memory(amounts: Any) -> dict[str, str] | None:
    found = {key: str(mapping(amounts)[key]) for key in ("cpu", "memory") if key in mapping(amounts)}
    return found if len(found) == 2 else None


# ---- hardware --------------------------------------------------------------------------------------------------------


def _accelerator(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    spec = mapping(one.object.get("spec"))
    if spec.get("enabled") is False:
        return
    yield ("accelerators", one.name, "identifier"), spec.get("identifier")
    if tolerations := items(spec.get("tolerations")):
        yield ("accelerators", one.name, "tolerations"), list(tolerations)


def _profile(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A profile that asks for a device is an accelerator's, any other stands for a size."""
    annotations = mapping(one.object["metadata"].get("annotations"))
    spec = mapping(one.object.get("spec"))
    if (
        annotations.get("opendatahub.io/disabled") == "true"
        or spec.get("enabled") is False
        or _is_for_others(annotations)
    ):
        return
    named = {str(entry.get("identifier")): entry for _, entry in mappings(spec.get("identifiers"))}
    profile: dict[str, Any] = {"name": one.name, "namespace": one.namespace or "redhat-ods-applications"}
    for key, bound in (("minimum", "minCount"), ("maximum", "maxCount")):
        amounts = {name: entry[bound] for name, entry in named.items() if entry.get(bound) is not None}
        if amounts:
            profile[key] = {name: str(amount) for name, amount in amounts.items()}
    devices = [name for name in named if "/" in name]
    if devices:
        yield ("accelerators", one.name, "identifier"), devices[0]
        yield ("accelerators", one.name, "hardwareProfile"), profile
        node = mapping(mapping(spec.get("scheduling")).get("node"))
        if tolerations := items(node.get("tolerations")):
            yield ("accelerators", one.name, "tolerations"), list(tolerations)
        if selector := mapping(node.get("nodeSelector")):
            yield ("accelerators", one.name, "nodeSelector"), dict(selector)
        return
    usual = _cpu_and_memory({name: entry.get("defaultCount") for name, entry in named.items()})
    if usual is not None:
        shown = text(annotations.get("opendatahub.io/display-name")).strip() or one.name
        yield ("sizes", shown), {"hardwareProfile": profile, "requests": usual, "limits": dict(usual)}


def _is_for_others(annotations: Mapping[str, Any]) -> bool:
    """Whether a profile is shown for other things than models alone."""
    try:
        places = json.loads(text(annotations.get("opendatahub.io/dashboard-feature-visibility")) or "[]")
    except ValueError:
        return False
    return isinstance(places, list) and bool(places) and "model-serving" not in places


# ---- what a namespace may have ---------------------------------------------------------------------------------------


def _quota(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    hard = mapping(mapping(one.object.get("spec")).get("hard"))
    if one.namespace is not None and not platform_facts().is_system(one.namespace):
        for key, amount in hard.items():
            yield ("quota", "projects", one.namespace, str(key)), amount


_BOUNDS = {"default": "default", "defaultRequest": "defaultRequest", "min": "min", "max": "max"}


def _limits(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    for _, limit in mappings(mapping(one.object.get("spec")).get("limits")):
        if limit.get("type") == "Container":
            for key, name in _BOUNDS.items():
                if mapping(limit.get(key)):
                    yield ("limitRange", name), dict(limit[key])


# ---- the cluster -----------------------------------------------------------------------------------------------------


def _ingress(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    domain = mapping(one.object.get("spec")).get("domain")
    if isinstance(domain, str) and str(one.object["apiVersion"]).startswith("config.openshift.io/"):
        yield ("cluster", "appsDomain"), domain


def _store(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    if str(one.object["apiVersion"]).startswith("external-secrets.io/"):
        yield ("secrets", "provider"), "external-secrets"
        yield ("secrets", "apiVersion"), one.object["apiVersion"]
        yield ("secrets", "store"), {"kind": one.kind, "name": one.name}


def _template(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The images of runtimes that the release ships; others are files of their own."""
    shipped = release.runtimes if release is not None else {}
    for _, item in mappings(one.object.get("objects")):
        name = str(mapping(item.get("metadata")).get("name"))
        if item.get("kind") == "ServingRuntime" and name in shipped:
            spec = mapping(item.get("spec"))
            containers = [*items(spec.get("containers")), *items(mapping(spec.get("workerSpec")).get("containers"))]
            for _, container in mappings(containers):
                if isinstance(container.get("image"), str) and "$" not in container["image"]:
                    yield ("runtimes", name, "images", str(container.get("name"))), container["image"]


# ---- what scales, routes and lets in ---------------------------------------------------------------------------------

_KEDA = "openshift-custom-metrics-autoscaler-operator"
_KEDA_CSV = ("custom-metrics-autoscaler.", "keda.")
_SCALED = "scaledobjects.keda.sh"
_THANOS = ("thanos-querier", "openshift-monitoring")


def _operator(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What a Subscription or a ClusterServiceVersion tells: the release, or that KEDA is there."""
    yield from _release(one, release)
    spec = mapping(one.object.get("spec"))
    subscribed = one.kind == "Subscription" and _KEDA in (one.name, spec.get("name"))
    if subscribed or (one.kind == "ClusterServiceVersion" and one.name.startswith(_KEDA_CSV)):
        yield ("autoscaling", "keda"), True


def _keda(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    if one.kind == "KedaController" or one.name == _SCALED:
        yield ("autoscaling", "keda"), True


def _prometheus(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The port of Thanos at which a namespace sees its own metrics."""
    ports = mappings(mapping(one.object.get("spec")).get("ports"))
    port = next((port.get("port") for _, port in ports if port.get("name") == "tenancy"), None)
    if (one.name, one.namespace) == _THANOS and port is not None:
        yield ("autoscaling", "prometheus"), f"https://{one.name}.{one.namespace}.svc:{port}"


def _gateway(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A Gateway with its host; the one of Models-as-a-Service stands with it."""
    if not str(one.object["apiVersion"]).startswith("gateway.networking.k8s.io/"):
        return
    spec = mapping(one.object.get("spec"))
    hosts = [text(listener.get("hostname")) for _, listener in mappings(spec.get("listeners"))]
    host = next((name for name in hosts if name and "*" not in name), None)
    if platform_facts().maas_gateway == {"name": one.name, "namespace": one.namespace}:
        if host is not None:
            yield ("maas", "host"), host
        return
    known = {"namespace": one.namespace, "host": host, "class": text(spec.get("gatewayClassName")) or None}
    for key, value in known.items():
        if value is not None:
            yield ("gateways", one.name, key), value


def _policy(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield ("maas", "policies", one.name), policy_of(one)


def _subscription(one: GivenObject, release: Release | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield ("maas", "subscriptions", one.name), subscription_of(one)


CLUSTER_READERS: Mapping[str, FactReader] = {
    "Subscription": _operator,
    "ClusterServiceVersion": _operator,
    "KedaController": _keda,
    "CustomResourceDefinition": _keda,
    "Service": _prometheus,
    "Gateway": _gateway,
    "MaaSAuthPolicy": _policy,
    "MaaSSubscription": _subscription,
    "DataScienceCluster": _components,
    "OdhDashboardConfig": _dashboard,
    "AcceleratorProfile": _accelerator,
    "HardwareProfile": _profile,
    "ResourceQuota": _quota,
    "LimitRange": _limits,
    "Ingress": _ingress,
    "SecretStore": _store,
    "ClusterSecretStore": _store,
    "Template": _template,
}
"""What is read of each kind."""


def is_own_template(one: GivenObject, release: Release | None) -> bool:
    """Whether a Template holds one runtime that no release of this line ships."""
    found = [mapping(item) for item in items(one.object.get("objects"))]
    if one.kind != "Template" or len(found) != 1 or found[0].get("kind") != "ServingRuntime":
        return False
    name = mapping(found[0].get("metadata")).get("name")
    named = isinstance(name, str) and FILE_STEM.fullmatch(name) is not None
    return named and name not in (release.runtimes if release is not None else {})
