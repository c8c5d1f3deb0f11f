"""What there is to call: the endpoints of the fleet as they are seen from inside or from outside of the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

from modelfleet.endpoints.endpoints import Endpoint, endpoints
from modelfleet.records import dataclass
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.serving.addresses import route_of

Vantage = Literal["outside", "inside"]
"""Where the calls are made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTarget:
    """One protocol of one model, seen from somewhere.

    `base` is its address without the path of the protocol; None where it cannot be reached from there. `closed` must not
    answer: where the model would be found if it had a route. `tells_ready`: it can be asked whether it
    is ready, which the models of a ModelMesh server cannot.
    """

    environment: str
    project: str
    namespace: str
    model: str
    protocol: str
    served_as: str
    base: str | None
    closed: str | None
    token: bool
    token_secrets: tuple[str, ...]
    tells_ready: bool
    stopped: bool

    @property
    def address(self) -> str:
        """What is called, or what must not answer."""
        return self.base or self.closed or ""


def smoke_targets(deployed: DeployedProject, vantage: Vantage) -> Iterator[SmokeTarget]:
    """The endpoints of a project in its environment."""
    project = deployed.project
    stopped = {model.name for model in project.models if model.stopped}
    on_servers = {served.name for server in project.servers for served in server.models}
    llms = {model.name for model in project.models if model.llm is not None}
    for one in endpoints(project, deployed.objects):
        base = base_of(one, vantage)
        closed = base is None and vantage == "outside" and one.model not in llms
        yield SmokeTarget(
            environment=one.environment,
            project=one.project,
            namespace=one.namespace,
            model=one.model,
            protocol=one.protocol,
            served_as=one.served_as,
            base=base,
            closed=route_of(one.model, one.namespace, project.environment) if closed else None,
            token=one.token if vantage == "outside" else one.token_inside,
            token_secrets=one.token_secrets,
            tells_ready=one.model not in on_servers,
            stopped=one.model in stopped,
        )


def base_of(endpoint: Endpoint, vantage: Vantage) -> str | None:
    """The address of an endpoint without the path of its protocol."""
    url = endpoint.external if vantage == "outside" else endpoint.internal
    return url.removesuffix(endpoint.path) if url is not None else None


def reachable(targets: Sequence[SmokeTarget]) -> Iterator[SmokeTarget]:
    """The targets that can be reached, and of a model of which none can the first, whose route must not be there."""
    seen = {_identity(one) for one in targets if one.base is not None}
    for one in targets:
        if one.base is not None or _identity(one) not in seen:
            seen.add(_identity(one))
            yield one


def _identity(target: SmokeTarget) -> tuple[str, str, str]:
    return target.environment, target.project, target.model


def with_base(targets: Sequence[SmokeTarget], url: str) -> Iterator[SmokeTarget]:
    """The targets at another address, such as that of a port-forward: those whose protocol it can speak."""
    grpc = urlsplit(url).scheme in ("grpc", "grpcs")
    for one in targets:
        if (one.protocol == "grpc") == grpc:
            yield replace(one, base=url.rstrip("/"), closed=None)
