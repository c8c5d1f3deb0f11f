"""Where each model can be reached: addresses, paths, ports, tokens and a line to try it.

The addresses follow from names and cluster facts and are computed: a headless Service's status leaves out the port.
Sources: kserve, pkg/controller/v1beta1/inferenceservice/reconcilers/service/service_reconciler.go; odh-model-controller,
internal/controller/serving/reconcilers; opendatahub-documentation, modules/ref-inference-endpoints.adoc.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from generator import catalog
from generator.manifest import token_secret
from generator.model import Model, Project, Runtime, Server, Workload

AUTH_PORT = 8443
"""The port of the proxy that asks for a token."""

_TRY: Mapping[str, tuple[str, Any]] = {
    "openai": ("chat", {"messages": [{"role": "user", "content": "Hello"}]}),
    "v2": ("infer", {"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [0]}]}),
    "v1": ("predict", {"instances": [[0]]}),
    "caikit": ("generate", {"inputs": "Hello"}),
    "detector": ("contents", {"contents": ["Hello"], "detector_params": {}}),
}
"""For each protocol its inference path and a small request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One protocol of one model in one environment. `token_secrets` name the Secrets that hold a token, if one is needed."""

    environment: str
    project: str
    namespace: str
    model: str
    protocol: str
    internal: str
    external: str | None
    port: int
    token_secrets: tuple[str, ...]
    curl: str | None
    note: str = ""

    @property
    def token(self) -> bool:
        """Whether a token is needed."""
        return bool(self.token_secrets)

    def data(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self) | {"token": self.token}


def endpoints(project: Project) -> Iterator[Endpoint]:
    """Every endpoint of a project in its environment."""
    for model in project.models:
        yield from _gateway(project, model) if model.llm is not None else _deployment(project, model)
    for server in project.servers:
        for served in server.models:
            yield from _model_mesh(project, server, served.name)


def _host(project: Project, name: str) -> str:
    return f"https://{name}-{project.namespace}.{project.environment.get('cluster', 'appsDomain')}"


def container_port(runtime: Runtime | None) -> int:
    """The port on which the runtime answers; KServe's default where it names none."""
    containers = (runtime.spec.get("containers") or ()) if runtime else ()
    ports = [port["containerPort"] for container in containers for port in container.get("ports") or ()]
    return int(ports[0]) if ports else 8080


def _deployment(project: Project, model: Model) -> Iterator[Endpoint]:
    namespace, guarded = project.namespace, bool(model.tokens)
    if model.mode == "advanced":
        internal, port = f"https://{model.name}.{namespace}.svc.cluster.local", 443
    elif guarded:
        internal, port = f"https://{model.name}-predictor.{namespace}.svc.cluster.local:{AUTH_PORT}", AUTH_PORT
    else:
        headless = project.environment.get("platforms", "rawServiceConfig") != "Headed"
        port = container_port(model.runtime) if headless else 80
        suffix = f":{port}" if headless else ""
        internal = f"http://{model.name}-predictor.{namespace}.svc.cluster.local{suffix}"
    facts = model.engine.facts["endpoints"] if model.engine else {"rest": None, "grpc": None}
    external = _host(project, model.name) if model.route else None
    note = (
        "stopped"
        if model.stopped
        else "scales to zero: the first answer waits for a replica"
        if model.minimum == 0
        else ""
    )
    for protocol in (facts["rest"] or {}).get("protocols") or ("http",):
        yield _endpoint(project, model, model.name, protocol, (internal, external, port, note))
    if facts["grpc"] and facts["grpc"]["exposed"]:
        yield _endpoint(project, model, model.name, "grpc", (internal, None, int(facts["grpc"]["port"]), note))


def _model_mesh(project: Project, server: Server, name: str) -> Iterator[Endpoint]:
    facts, service = catalog.multi_model_endpoints(), f"modelmesh-serving.{project.namespace}"
    guarded = bool(server.tokens)
    port = AUTH_PORT if guarded else int(facts["rest"]["port"])
    internal = f"{'https' if guarded else 'http'}://{service}:{port}"
    external = _host(project, name) if server.route else None
    for protocol in facts["rest"]["protocols"]:
        yield _endpoint(project, server, name, protocol, (internal, external, port, ""))
    grpc = int(facts["grpc"]["port"])
    yield _endpoint(project, server, name, "grpc", (f"grpc://{service}:{grpc}", None, grpc, ""))


def _gateway(project: Project, model: Model) -> Iterator[Endpoint]:
    gateway = model.llm.gateway if model.llm and model.llm.gateway else {}
    name = gateway.get("name", "openshift-ai-inference")
    namespace = gateway.get("namespace", "openshift-ingress")
    host = project.environment.get("gateways", name, "host")
    path = f"/{project.namespace}/{model.name}"
    inside = f"https://{name}.{namespace}.svc.cluster.local{path}"
    note = (
        ""
        if host
        else f"the host of gateway {name} is not known: add gateways: {{{name}: {{host: ...}}}} to the environment"
    )
    outside = f"https://{host}{path}" if host else None
    yield _endpoint(project, model, model.name, "openai", (inside, outside, 443, note))


Place = tuple[str, str | None, int, str]
"""Internal address, external address, port, and what there is to say about them."""


def _endpoint(project: Project, workload: Workload, name: str, protocol: str, place: Place) -> Endpoint:
    internal, external, port, note = place
    path = ""
    if protocol in _TRY:
        path = catalog.protocols()[protocol][_TRY[protocol][0]]["path"].replace("{model}", name)
    secrets = tuple(token_secret(token, workload) for token in workload.tokens)
    return Endpoint(
        environment=project.environment.name,
        project=project.name,
        namespace=project.namespace,
        model=name,
        protocol=protocol,
        internal=internal + path,
        external=external + path if external else None,
        port=port,
        token_secrets=secrets,
        curl=_curl((external or internal) + path, protocol, name, project.namespace, secrets) if path else None,
        note=note,
    )


def _curl(url: str, protocol: str, model: str, namespace: str, secrets: tuple[str, ...]) -> str:
    body = _TRY[protocol][1]
    if protocol == "openai":
        body = {"model": model, **body}
    if protocol == "caikit":
        body = {"model_id": model, **body}
    words = [f"curl -sS {url}"]
    if secrets:
        token = f"oc get secret {secrets[0]} -n {namespace} -o jsonpath='{{.data.token}}' | base64 -d"
        words.append(f'-H "Authorization: Bearer $({token})"')
    words.append("-H 'Content-Type: application/json'")
    words.append(f"-d '{json.dumps(body)}'")
    return " ".join(words)
