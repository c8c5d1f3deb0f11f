"""Where each model can be reached: addresses, paths, ports, tokens and a line to try it.

The addresses follow from the rendered objects and cluster facts and are computed: what a status says leaves out the port of
a headless Service. `plan` compares them before and after a change.
Sources: kserve, pkg/controller/v1beta1/inferenceservice/reconcilers/service/service_reconciler.go (ports, and which are
gRPC) and components/predictor.go (order of containers); odh-model-controller, internal/controller/serving/reconcilers (for
the certificate of an advanced model's Service, kserve_isvc_service_cert_reconciler.go); modelmesh-serving,
pkg/mmesh/modelmesh_service.go (8033, 8008 and 8443 are always open); opendatahub-documentation,
modules/ref-inference-endpoints.adoc; Istio calls a Gateway's Service <gateway>-<class>.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from modelfleet.kubernetes.objects import Object, items, mapping, mappings
from modelfleet.records import dataclass
from modelfleet.render.manifests import token_secret
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Model, Project, Server, Workload
from modelfleet.resolve.platform import platform_facts
from modelfleet.resolve.runtime import SERVING_CONTAINER, Engine
from modelfleet.serving.addresses import (
    HTTP_PORT,
    HTTPS_PORT,
    Address,
    address_of,
    declared_ports,
    gateway_of,
    port_number,
    way_of,
)
from modelfleet.wording import listed

CLUSTER_CA = "/var/run/secrets/kubernetes.io/serviceaccount/service-ca.crt"
"""In every pod: what the certificates of Services are signed with."""

_TRY: Mapping[str, tuple[str, Any]] = {
    "openai": ("chat", {"messages": [{"role": "user", "content": "Hello"}]}),
    "v2": ("infer", {"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [0]}]}),
    "v1": ("predict", {"instances": [[0]]}),
    "caikit": ("generate", {"inputs": "Hello"}),
    "caikit-embedding": ("embed", {"inputs": "Hello"}),
    "detector": ("contents", {"contents": ["Hello"], "detector_params": {}}),
}
"""For each protocol its inference path and a small request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One protocol of one model in one environment.

    `served_as` is the model's name in requests. Both addresses end with `path`, where the protocol has one. `port` is that
    of the internal address; routes listen on 443. `token`: callers need one, `token_inside`: also those in the cluster. Each
    of `token_secrets` holds one.
    """

    environment: str
    project: str
    namespace: str
    model: str
    protocol: str
    served_as: str
    path: str
    internal: str
    external: str | None
    port: int
    token: bool
    token_inside: bool
    token_secrets: tuple[str, ...]
    curl: str | None
    note: str = ""


def _is_grpc(port: Mapping[str, Any]) -> bool:
    """KServe tells gRPC by the name of the port."""
    return any(word in str(port.get("name")) for word in ("grpc", "h2c"))


# ---- endpoints, with their protocols ---------------------------------------------------------------------------------


def endpoints(project: Project, objects: Iterable[Object]) -> Iterator[Endpoint]:
    """Every endpoint of a project in its environment; `objects` are what is rendered for it."""
    known = {(item["kind"], item["metadata"]["name"]): item for item in objects}
    for model in project.models:
        item = known["LLMInferenceService" if model.llm is not None else "InferenceService", model.name]
        runtime = known.get(("ServingRuntime", model.serving_runtime))
        for protocol, address in _of_model(model, item, runtime, project.environment):
            yield _endpoint(project, model, (item, runtime), address, protocol)
    shared = catalog.multi_model_endpoints()
    for server in project.servers:
        runtime = known.get(("ServingRuntime", server.name))
        for served in server.models:
            item = known["InferenceService", served.name]
            address = address_of(item, runtime, project.environment)
            for protocol in shared["rest"]["protocols"]:
                yield _endpoint(project, server, (item, runtime), address, protocol)
            yield _endpoint(project, server, (item, runtime), _open_grpc(address, int(shared["grpc"]["port"])), "grpc")


def served_name(item: Object, runtime: Object | None = None, engine: Engine | None = None) -> str:
    """What requests call a model: a field of an LLMInferenceService, or an option of its command, the last of which counts."""
    spec, name = mapping(item.get("spec")), str(item["metadata"]["name"])
    option = engine.facts["servedNameArg"] if engine is not None and item["kind"] == "InferenceService" else None
    if engine is None or option is None:
        return str(mapping(spec.get("model")).get("name") or name)
    containers = (one for _, one in mappings(mapping((runtime or {}).get("spec")).get("containers")))
    serving = next((one for one in containers if one.get("name") == SERVING_CONTAINER), {})
    model = mapping(mapping(spec.get("predictor")).get("model"))
    parts = (serving.get("command"), serving.get("args"), model.get("args"))
    told = engine.passed(str(word) for part in parts for word in items(part)).get(option, "").replace("{{.Name}}", name)
    return name if not told or "$" in told or "{{" in told else told


def _of_model(
    model: Model, item: Object, runtime: Object | None, environment: Environment
) -> Iterator[tuple[str, Address]]:
    """The protocols of a model, each with the address at which it is spoken: by the engine, else as the runtime says."""
    address = address_of(item, runtime, environment)
    facts = model.engine.facts["endpoints"] if model.engine else {"rest": None, "grpc": None}
    spec = mapping((runtime or {}).get("spec"))
    told, ports = spec.get("protocolVersions") or (), declared_ports(spec)
    by_grpc = next((index for index, port in enumerate(ports) if _is_grpc(port)), None)
    if facts["rest"] is not None:
        rest = facts["rest"]["protocols"]
    else:
        rest = [name for name in ("v2", "v1") if name in told] or ["http"] if by_grpc != 0 else []
    for protocol in rest:
        yield protocol, address
    port = port_number(ports[by_grpc]) if by_grpc is not None else facts["grpc"]["port"] if facts["grpc"] else None
    if port is not None and (found := _over_grpc(item, address, environment, (by_grpc, port))) is not None:
        yield "grpc", found


def _over_grpc(
    item: Object, address: Address, environment: Environment, port: tuple[int | None, int]
) -> Address | None:
    """Where a model speaks gRPC, by the index of the port in its container (None: no Service names it) and its number.

    The proxy that asks for tokens stands before the first port alone, and a headless Service leads past it to all of them.
    """
    index, number = port
    if way_of(item, environment.can("defaultMode")) == "advanced":
        outside = _grpc_url(address.external, HTTPS_PORT, "grpcs") if address.external else None
        inside = _grpc_url(address.internal, HTTPS_PORT, "grpcs")
        return replace(address, internal=inside, external=outside) if index == 0 else None
    if not environment.platforms.headless:
        if index is None or (index == 0 and address.guarded):
            return None
        number = number if index else HTTP_PORT
    return _open_grpc(address, number)


def _open_grpc(address: Address, port: int) -> Address:
    return Address(internal=_grpc_url(address.internal, port), port=port, external=None, guarded=False)


def _grpc_url(url: str, port: int, scheme: str = "grpc") -> str:
    return f"{scheme}://{urlsplit(url).hostname}:{port}"


def _endpoint(
    project: Project, workload: Workload, objects: tuple[Object, Object | None], address: Address, protocol: str
) -> Endpoint:
    """`objects` are the model's, and the ServingRuntime that it names where that is rendered."""
    item, runtime = objects
    name = served_name(item, runtime, workload.engine if isinstance(workload, Model) else None)
    secrets = tuple(token_secret(token, workload) for token in workload.tokens) if address.guarded else ()
    path = ""
    if protocol in _TRY:
        path = catalog.protocols()[protocol][_TRY[protocol][0]]["path"].replace("{model}", name)
    internal, external = address.internal + path, address.external + path if address.external else None
    inside = address.guarded and not isinstance(workload, Server)
    needed = inside or (address.guarded and external is not None)
    return Endpoint(
        environment=project.environment.name,
        project=project.name,
        namespace=project.namespace,
        model=str(item["metadata"]["name"]),
        protocol=protocol,
        served_as=name,
        path=path,
        internal=internal,
        external=external,
        port=address.port,
        token=needed,
        token_inside=inside,
        token_secrets=secrets if needed else (),
        curl=_curl(project, external or internal, protocol, name, _bearer(project, workload, secrets if needed else ()))
        if path
        else None,
        note="; ".join(_notes(project.environment, workload, item, address)),
    )


def _bearer(project: Project, workload: Workload, secrets: tuple[str, ...]) -> str | None:
    """What a shell makes of it is the token of a caller; None where nobody is asked for one, or the spec knows none."""
    if isinstance(workload, Model) and workload.published:
        return "$API_KEY"
    if not secrets:
        return None
    return f"$(oc get secret {secrets[0]} -n {project.namespace} -o jsonpath='{{.data.token}}' | base64 -d)"


def _notes(environment: Environment, workload: Workload, item: Object, address: Address) -> Iterator[str]:
    needed = address.guarded and (not isinstance(workload, Server) or address.external is not None)
    if isinstance(workload, Server):
        if needed:
            yield "the route asks for a token, the address inside the cluster does not"
        return
    if not isinstance(workload, Model):
        return
    if workload.shared is not None and workload.shared.existing and not address.guarded:
        yield f"the port is a guess: the runtime {workload.shared.name} is not ours"
    if workload.stopped:
        yield "stopped: nothing answers"
    elif workload.minimum == 0 and workload.llm is None:
        yield "scales to zero: the first answer waits for a replica"
    if workload.llm is not None and address.external is None:
        name = gateway_of(item, environment)["name"]
        yield f"the host of gateway {name} is not known: write gateways: {{{name}: {{host: ...}}}} into the environment"
    if workload.tokens and not address.guarded:
        yield "gRPC bypasses the proxy that asks for a token"
    if workload.published:
        yield from _key_notes(environment, item)
    elif needed:
        yield from _caller_notes(workload, item)


def _caller_notes(workload: Model, item: Object) -> Iterator[str]:
    """How callers that have no token Secret get a token."""
    for caller in workload.callers or ():
        if "serviceAccount" in caller:
            namespace = caller.get("namespace") or item["metadata"]["namespace"]
            yield f"a token of {caller['serviceAccount']}: oc create token {caller['serviceAccount']} -n {namespace}"
        else:
            yield f"a token of anyone in the group {caller['group']}: oc whoami -t"
    if not (workload.tokens or workload.callers):
        yield "a token of anyone who may get the model in this namespace"


def _key_notes(environment: Environment, item: Object) -> Iterator[str]:
    """How a caller of Models-as-a-Service gets a key, and the subscriptions that have the model."""
    facts = environment.maas
    if facts.host is not None:
        make = f"curl -sS -X POST https://{facts.host}{platform_facts().maas_keys}"
        bearer = "Authorization: Bearer $(oc whoami -t)"
        yield f"""an API key: {make} -H "{bearer}" -H 'Content-Type: application/json' -d '{{"name": "my-key"}}'"""
    name = f"{item['metadata'].get('namespace')}/{item['metadata']['name']}"
    for subscription, grant in (facts.subscriptions or {}).items():
        for limit in grant.models.get(name, ()):
            whom = listed(sorted(grant.subjects))
            yield f"subscription {subscription}: {limit['tokens']} tokens in {limit['window']} for {whom}"


def _curl(project: Project, url: str, protocol: str, model: str, bearer: str | None) -> str:
    body = _TRY[protocol][1]
    if protocol == "openai":
        body = {"model": model, **body}
    if protocol in ("caikit", "caikit-embedding"):
        body = {"model_id": model, **body}
    words = ["curl -sS", url]
    if url.startswith("https:") and f".{project.namespace}.svc.cluster.local" in url:
        words.append(f"--cacert {CLUSTER_CA}")
    if bearer is not None:
        words.append(f'-H "Authorization: Bearer {bearer}"')
    if protocol == "detector":
        words.append(f"-H {shlex.quote(f'detector-id: {model}')}")
    words.append("-H 'Content-Type: application/json'")
    words.append(f"-d {shlex.quote(json.dumps(body))}")
    return " ".join(words)
