"""Configuration of programs that call models. No token stands in it: each names the Secret or the variable that holds one.

Sources: docs.openwebui.com (environment variables of Open WebUI); docs.litellm.ai, proxy/configs and providers/vllm;
llamastack/llama-stack, docs/docs/providers/inference/remote_vllm.mdx; backstage.io, the descriptor format of catalog entities.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from modelfleet.endpoints.contract import readable_url
from modelfleet.endpoints.endpoints import Endpoint
from modelfleet.kubernetes import emit
from modelfleet.packaged import packaged_data

_MAX_ENTITY = 63


def client_configuration(program: str, endpoints: Sequence[Endpoint], inside: bool) -> str:
    """The configuration of a program for these endpoints; `inside` takes the addresses within the cluster."""
    return CLIENTS[program](endpoints, inside)


def _chats(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    return [one for one in endpoints if one.protocol == "openai"]


def token_variable(endpoint: Endpoint) -> str:
    """The environment variable that is to hold the token of a model."""
    return re.sub(r"[^A-Z0-9]", "_", f"{endpoint.project}_{endpoint.model}_token".upper())


def _asks(endpoint: Endpoint, inside: bool) -> bool:
    return endpoint.token_inside if inside or endpoint.external is None else endpoint.token


def _variables(endpoints: Sequence[Endpoint], inside: bool) -> Iterator[str]:
    """A comment for each variable: which Secret it comes from."""
    for one in endpoints:
        if _asks(one, inside):
            secret = one.token_secrets[0] if one.token_secrets else "of an account that may get the model"
            yield f"# {token_variable(one)}: the key token of Secret {secret} in namespace {one.namespace}"


def _commented(lines: Sequence[str], content: Any) -> str:
    return "".join(f"{line}\n" for line in lines) + emit.dump(content)


# ---- the programs ----------------------------------------------------------------------------------------------------


def _open_webui(endpoints: Sequence[Endpoint], inside: bool) -> str:
    chats = _chats(endpoints)
    variables: list[dict[str, Any]] = [{"name": "ENABLE_OPENAI_API", "value": "true"}]
    for one in chats:
        if _asks(one, inside):
            held = {"name": one.token_secrets[0] if one.token_secrets else token_variable(one).lower(), "key": "token"}
            variables.append({"name": token_variable(one), "valueFrom": {"secretKeyRef": held}})
    urls = [f"{readable_url(one, inside)}/v1" for one in chats]
    keys = [f"$({token_variable(one)})" if _asks(one, inside) else "none" for one in chats]
    variables.append({"name": "OPENAI_API_BASE_URLS", "value": ";".join(urls)})
    variables.append({"name": "OPENAI_API_KEYS", "value": ";".join(keys)})
    head = ["# Open WebUI: environment variables of its container. A Secret is read in the namespace of Open WebUI."]
    return _commented([*head, *_variables(chats, inside)], {"env": variables})


def _litellm(endpoints: Sequence[Endpoint], inside: bool) -> str:
    chats = _chats(endpoints)
    models = []
    for one in chats:
        parameters = {"model": f"hosted_vllm/{one.served_as}", "api_base": f"{readable_url(one, inside)}/v1"}
        if _asks(one, inside):
            parameters["api_key"] = f"os.environ/{token_variable(one)}"
        models.append({"model_name": one.served_as, "litellm_params": parameters})
    head = ["# LiteLLM: config.yaml of its proxy, which reads the tokens from environment variables."]
    return _commented([*head, *_variables(chats, inside)], {"model_list": models})


def _llama_stack(endpoints: Sequence[Endpoint], inside: bool) -> str:
    chats = _chats(endpoints)
    providers, models = [], []
    for one in chats:
        name = f"{one.project}-{one.model}"
        token = f"${{env.{token_variable(one)}}}" if _asks(one, inside) else "none"
        settings = {"url": f"{readable_url(one, inside)}/v1", "api_token": token, "tls_verify": True}
        providers.append({"provider_id": name, "provider_type": "remote::vllm", "config": settings})
        models.append(
            {
                "model_id": one.served_as,
                "provider_id": name,
                "provider_model_id": one.served_as,
                "model_type": "llm",
            }
        )
    head = ["# Llama Stack: the parts of run.yaml for these models. tls_verify may name the file of an authority."]
    return _commented([*head, *_variables(chats, inside)], {"providers": {"inference": providers}, "models": models})


def _backstage(endpoints: Sequence[Endpoint], inside: bool) -> str:
    by_model: dict[tuple[str, str], list[Endpoint]] = {}
    for one in endpoints:
        by_model.setdefault((one.project, one.model), []).append(one)
    documents = []
    for here in by_model.values():
        rest = [one for one in here if one.path]
        documents.append(_component(here, rest, inside))
        documents += [_api(one, inside) for one in rest]
    head = "# Backstage: catalog-info.yaml. The owner of a project's models is the group of that name.\n"
    return head + "---\n".join(emit.dump(document) for document in documents)


def _entity(name: str) -> str:
    """A name for the catalog, which takes 63 characters; what is longer ends with a digest instead."""
    if len(name) <= _MAX_ENTITY:
        return name
    return f"{name[: _MAX_ENTITY - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _named(endpoint: Endpoint, protocol: str = "") -> dict[str, Any]:
    """The name of an entity: environments are namespaces of the catalog, since they hold models of the same names."""
    name = ".".join(filter(None, (endpoint.project, endpoint.model, protocol)))
    return {"name": _entity(name), "namespace": endpoint.environment}


def _component(here: Sequence[Endpoint], rest: Sequence[Endpoint], inside: bool) -> dict[str, Any]:
    first = here[0]
    links = [{"url": readable_url(one, inside), "title": f"{one.protocol} address"} for one in rest]
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {
            **_named(first),
            "title": f"{first.model} on {first.environment}",
            "annotations": {"backstage.io/kubernetes-namespace": first.namespace},
            "tags": ["model-serving", *dict.fromkeys(one.protocol for one in here)],
            "links": links,
        },
        "spec": {
            "type": "model-server",
            "lifecycle": "production",
            "owner": f"group:default/{first.project}",
            "providesApis": [f"{one.environment}/{_named(one, one.protocol)['name']}" for one in rest],
        },
    }


def _api(one: Endpoint, inside: bool) -> dict[str, Any]:
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "API",
        "metadata": {**_named(one, one.protocol), "title": f"{one.model} ({one.protocol}) on {one.environment}"},
        "spec": {
            "type": "openapi",
            "lifecycle": "production",
            "owner": f"group:default/{one.project}",
            "definition": emit.dump(_openapi(one, inside)),
        },
    }


def _openapi(one: Endpoint, inside: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": f"Ask {one.served_as} for an inference",
        "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {"200": {"description": "What the model answers"}},
    }
    document: dict[str, Any] = {
        "openapi": packaged_data("clients")["openapi"],
        "info": {"title": f"{one.served_as} ({one.protocol})", "version": "1"},
        "servers": [{"url": readable_url(one, inside)}],
        "paths": {one.path: {"post": operation}},
    }
    if _asks(one, inside):
        operation["security"] = [{"token": []}]
        document["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    return document


CLIENTS: Mapping[str, Callable[[Sequence[Endpoint], bool], str]] = {
    "open-webui": _open_webui,
    "litellm": _litellm,
    "llama-stack": _llama_stack,
    "backstage": _backstage,
}
"""The programs for which configuration is written, by the name of their format."""
