"""The addresses at which models are served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from modelfleet.kubernetes.names import DEPLOYMENT_MODE, ENABLE_AUTH, SERVER_AUTH, SERVER_ROUTE
from modelfleet.kubernetes.objects import Object, mapping, mappings, text
from modelfleet.records import dataclass
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.platform import DeploymentWay, platform_facts

AUTH_PORT = 8443
"""The port of the proxy that asks for a token."""

HTTPS_PORT, HTTP_PORT, DEFAULT_CONTAINER_PORT = 443, 80, 8080

Way = DeploymentWay | Literal["distributed"]
"""How a model is served: as an InferenceService, or by llm-d."""

_SERVING_CONTAINERS = ("transformer-container", "kserve-container")
"""The containers that a Service may stand for, the likeliest first; where a runtime has neither, its first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a model answers, without the path of a protocol. `guarded`: callers need a token.

    `external` is None where it cannot be reached from outside, or its host is not known.
    """

    internal: str
    port: int
    external: str | None
    guarded: bool


# ---- addresses, from the objects -------------------------------------------------------------------------------------


def way_of(item: Mapping[str, Any], default: str | None = None) -> Way:
    """How an InferenceService or LLMInferenceService is served; `default` is the release's mode where none is written."""
    if item["kind"] == "LLMInferenceService":
        return "distributed"
    return platform_facts().modes.get(str(_annotations(item).get(DEPLOYMENT_MODE) or default), "standard")


def address_of(item: Object, runtime: Object | None, environment: Environment) -> Address:
    """Where the model of an InferenceService or LLMInferenceService answers; `runtime` is its ServingRuntime."""
    way = way_of(item, environment.can("defaultMode"))
    if way == "distributed":
        return _through_gateway(item, environment)
    name, namespace = str(item["metadata"]["name"]), str(item["metadata"].get("namespace", ""))
    host = route_of(name, namespace, environment)
    labels, annotations = mapping(item["metadata"].get("labels")), _annotations(item)
    if way == "server":
        return _of_server(namespace, runtime, host)
    guarded = str(annotations.get(ENABLE_AUTH)).lower() == "true"
    if way == "advanced":
        hidden = labels.get("networking.knative.dev/visibility") == "cluster-local"
        internal = f"https://{name}.{namespace}.svc.cluster.local"
        return Address(internal=internal, port=HTTPS_PORT, external=None if hidden else host, guarded=guarded)
    exposed = labels.get("networking.kserve.io/visibility") == "exposed"
    spec = mapping(item.get("spec"))
    front = mapping(spec.get("transformer"))
    service = f"{name}-{'transformer' if front else 'predictor'}.{namespace}.svc.cluster.local"
    port, internal = HTTP_PORT, f"http://{service}"
    if guarded:
        port, internal = AUTH_PORT, f"https://{service}:{AUTH_PORT}"
    elif environment.platforms.headless:
        own = mapping(spec.get("predictor"))
        port = container_port(front or (mapping(runtime.get("spec")) if runtime else own))
        internal = f"http://{service}:{port}"
    return Address(internal=internal, port=port, external=host if exposed else None, guarded=guarded)


def route_of(name: str, namespace: str, environment: Environment) -> str:
    """Where the Route of an InferenceService answers, if it has one."""
    return f"https://{name}-{namespace}.{environment.cluster.apps_domain}"


def _annotations(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(item["metadata"].get("annotations"))


def _of_server(namespace: str, runtime: Object | None, host: str) -> Address:
    """The one Service of all model servers. The route alone asks for tokens: within the cluster its REST port is open."""
    annotations = _annotations(runtime) if runtime else {}
    port = int(catalog.multi_model_endpoints()["rest"]["port"])
    return Address(
        internal=f"http://modelmesh-serving.{namespace}:{port}",
        port=port,
        external=host if annotations.get(SERVER_ROUTE) == "true" else None,
        guarded=annotations.get(SERVER_AUTH) == "true",
    )


def container_port(spec: Mapping[str, Any]) -> int:
    """The port on which a runtime answers; KServe's default where none is named."""
    return next((port_number(port) for port in declared_ports(spec)), DEFAULT_CONTAINER_PORT)


def declared_ports(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The ports of a runtime's container that its Service stands for."""
    containers = [item for _, item in mappings(spec.get("containers"))]
    by_name = {text(item.get("name")): item for item in containers}
    chosen = next((by_name[name] for name in _SERVING_CONTAINERS if name in by_name), next(iter(containers), {}))
    return [port for _, port in mappings(chosen.get("ports"))]


def port_number(port: Mapping[str, Any]) -> int:
    """The number of a declared port."""
    number = port.get("containerPort")
    return number if isinstance(number, int) else DEFAULT_CONTAINER_PORT


def _through_gateway(item: Object, environment: Environment) -> Address:
    gateway = gateway_of(item, environment)
    path = _path_at_gateway(item)
    facts = environment.gateway(gateway["name"])
    return Address(
        internal=f"https://{gateway['name']}-{facts.gateway_class}.{gateway['namespace']}.svc.cluster.local{path}",
        port=HTTPS_PORT,
        external=f"https://{facts.host}{path}" if facts.host else None,
        guarded=str(_annotations(item).get(ENABLE_AUTH)).lower() != "false",
    )


def _path_at_gateway(item: Object) -> str:
    """Of a model that shares requests that of all who do: its own path leads to it alone, whatever its weight."""
    spec, namespace = mapping(item.get("spec")), item["metadata"].get("namespace", "")
    if mapping(mapping(spec.get("router")).get("route")).get("group") is None:
        return f"/{namespace}/{item['metadata']['name']}"
    return f"/publishers/{namespace}/models/{mapping(spec.get('model')).get('name')}"


def gateway_of(item: Object, environment: Environment) -> Mapping[str, str]:
    """The Gateway of an LLMInferenceService, `name` and `namespace`: of several that of Models-as-a-Service."""
    default = platform_facts().gateway
    gateway = mapping(mapping(mapping(item.get("spec")).get("router")).get("gateway"))
    found = [{key: str(ref.get(key, default[key])) for key in default} for _, ref in mappings(gateway.get("refs"))]
    published = dict(environment.maas.gateway)
    return published if published in found else next(iter(found), default)
