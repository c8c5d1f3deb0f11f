"""What the callers of a project's models are promised: a file beside the overlay, and what of it a change would break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelfleet.capacity.engine import engine_options
from modelfleet.endpoints.endpoints import Endpoint, endpoints
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.kubernetes.yaml import UnreadableYaml, yaml_documents
from modelfleet.layout import CONTRACT_FILE
from modelfleet.records import dataclass
from modelfleet.resolve.model import Project
from modelfleet.serving.workloads import LLM, SERVICE, project_state
from modelfleet.tree.seal import sealed

_SERVICE_CA, _ROUTER_CA = "service-ca", "router"
"""Who signs the certificates: the cluster's authority for Services; whoever signed that of its router or gateway."""


def contract_path(project: Project) -> str:
    """Where the contract of a project in its environment stands."""
    return f"{project.folder}/{CONTRACT_FILE}"


def contract_of(project: Project, objects: Iterable[Object]) -> dict[str, Any]:
    """The contract of a project in its environment: for each model and protocol what a caller has to know."""
    objects = list(objects)
    state = project_state(project.environment, project.namespace, objects)
    keys = [(LLM if model.llm else SERVICE, model.name) for model in project.models]
    lengths = {key[1]: engine_options(state, key).max_model_len for key in keys}
    promised: dict[str, Any] = {}
    for one in endpoints(project, objects):
        known = promised.setdefault(one.model, {})
        if one.protocol in known:
            continue
        facts: dict[str, Any] = {"servedAs": one.served_as}
        if lengths.get(one.model) is not None:
            facts["contextLength"] = lengths[one.model]
        facts["inside"] = _place(one.internal, one.token_inside, _SERVICE_CA)
        if one.external is not None:
            facts["outside"] = _place(one.external, one.token, _ROUTER_CA)
        known[one.protocol] = facts
    return {"version": 1, "models": promised}


def _place(address: str, token: bool, authority: str) -> dict[str, Any]:
    encrypted = address.startswith(("https:", "grpcs:"))
    return {"address": address, "token": token, **({"certificateAuthority": authority} if encrypted else {})}


def contract_text(project: Project, objects: Iterable[Object]) -> str:
    """The contract as its file holds it."""
    sources = f"{project.file} and environments/{project.environment.name}.yaml"
    return sealed(sources, emit.dump(contract_of(project, objects)))


def contract_in(content: bytes) -> Mapping[str, Any] | None:
    """The contract that a file holds; None where it holds none that can be read."""
    try:
        documents = yaml_documents(content)
    except UnreadableYaml:
        return None
    found = documents[0] if len(documents) == 1 else None
    return found if isinstance(found, dict) and found.get("version") == 1 else None


# ---- what breaks -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Breach:
    """What a caller of a model has to change: the model, the protocol, and in words what is no longer as promised."""

    model: str
    protocol: str
    text: str


def breaches(promised: Mapping[str, Any], kept: Mapping[str, Any]) -> Iterator[Breach]:
    """What callers were promised and no longer get. What is new, or asks less of them, breaks nothing."""
    now = mapping(kept.get("models"))
    for model, protocols in mapping(promised.get("models")).items():
        for protocol, facts in mapping(protocols).items():
            after = mapping(now.get(model)).get(protocol)
            if after is None:
                gone = "the model is gone" if model not in now else "the protocol is no longer served"
                yield Breach(str(model), str(protocol), gone)
                continue
            for text in _broken(mapping(facts), mapping(after)):
                yield Breach(str(model), str(protocol), text)


def _broken(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before.get("servedAs") != after.get("servedAs"):
        yield f"requests call it `{after.get('servedAs')}` instead of `{before.get('servedAs')}`"
    old, new = before.get("contextLength"), after.get("contextLength")
    if isinstance(old, int) and isinstance(new, int) and new < old:
        yield f"context of {old} → {new} tokens"
    for side in ("inside", "outside"):
        promised, kept = mapping(before.get(side)), mapping(after.get(side))
        if promised and not kept:
            yield f"no longer reachable from {side}: `{promised.get('address')}`"
        elif promised:
            yield from _moved(side, promised, kept)


def _moved(side: str, promised: Mapping[str, Any], kept: Mapping[str, Any]) -> Iterator[str]:
    where = "inside the cluster" if side == "inside" else "from outside"
    if promised.get("address") != kept.get("address"):
        yield f"{where} `{promised.get('address')}` → `{kept.get('address')}`"
    if kept.get("token") and not promised.get("token"):
        yield f"{where} a token is now required"
    old, new = promised.get("certificateAuthority"), kept.get("certificateAuthority")
    if new and old != new:
        signs = (
            "another authority signs the certificate:"
            if old
            else "it is called with TLS now, and the certificate is of"
        )
        yield f"{where} {signs} {new}"


def readable_url(endpoint: Endpoint, inside: bool) -> str:
    """The address without the path of its protocol, from outside where there is one."""
    url = endpoint.internal if inside or endpoint.external is None else endpoint.external
    return url.removesuffix(endpoint.path)
