"""Connections and Secrets of the spec, from Secrets and ExternalSecrets: `data/connections.yaml` backwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.names import ACCOUNT_OF_TOKEN, CONNECTION_PATH, CONNECTIONS, DISPLAY_NAME
from modelfleet.kubernetes.objects import Object, items, mapping, text
from modelfleet.resolve.connections import ConnectionKind, connection_kinds
from modelfleet.resolve.environment import Environment

TOKEN_TYPE = "kubernetes.io/service-account-token"
"""The type of a Secret that the cluster fills with a token."""

_KIND_OF_CONNECTION = ("connection-type-ref", "connection-type-protocol", "connection-type")


def token_account(one: GivenObject) -> str | None:
    """The ServiceAccount whose token a Secret holds; None where it is another Secret."""
    if one.kind != "Secret" or one.object.get("type") != TOKEN_TYPE:
        return None
    found = mapping(one.object["metadata"].get("annotations")).get(ACCOUNT_OF_TOKEN)
    return None if found is None else str(found)


def connection_entries(
    given: Iterable[GivenObject], named: frozenset[str], environment: Environment, namespace: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The connections among Secrets and ExternalSecrets. `named` are those that models name."""
    for one in given:
        if one.kind == "Secret" and token_account(one) is None:
            settings, metadata, made = dict(one.settings), one.object["metadata"], {"existing": True}
        elif one.kind == "ExternalSecret":
            template = mapping(mapping(mapping(one.object.get("spec")).get("target")).get("template"))
            settings = {key: str(text) for key, text in mapping(template.get("data")).items()}
            metadata, made = mapping(template.get("metadata")), _credentials(one.object, environment, namespace)
        else:
            continue
        kind = _kind_of(metadata, settings, one.keys, one.name in named)
        if kind is not None and (written := _settings(kind, settings)) is not None:
            yield one.name, {**_words(one.name, metadata), kind.name: written, **made}


def absent_connections(models: Iterable[Object], known: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those from which models are read, and whose Secrets were not given."""
    for item in models:
        spec = mapping(item.get("spec"))
        model = mapping(mapping(spec.get("predictor")).get("model"))
        key, told = mapping(model.get("storage")).get("key"), mapping(item["metadata"].get("annotations"))
        address = text(model.get("storageUri")) or text(mapping(spec.get("model")).get("uri"))
        scheme, _, rest = address.partition("://")
        pulled = [mapping(one).get("name") for one in items(mapping(spec.get("predictor")).get("imagePullSecrets"))]
        name = told.get(CONNECTIONS) or key or (pulled[0] if scheme == "oci" and len(pulled) == 1 else None)
        if not isinstance(name, str) or "," in name or name in known:
            continue
        if key == name or CONNECTION_PATH in told or scheme == "s3":
            yield name, {"s3": {"bucket": rest.partition("/")[0]} if scheme == "s3" else {}, "existing": True}
        elif scheme == "oci":
            yield name, {"oci": {"host": rest.partition("/")[0]}, "existing": True}


def _kind_of(
    metadata: Mapping[str, Any], settings: Mapping[str, str], keys: Iterable[str], named: bool
) -> ConnectionKind | None:
    """By what the dashboard wrote; else by its keys, where a model names it as one."""
    annotations = mapping(metadata.get("annotations"))
    told = {str(annotations.get(f"opendatahub.io/{key}")) for key in _KIND_OF_CONNECTION}
    for name, kind in connection_kinds().items():
        known = {name} if kind.secret is None else {one.value for one in kind.secret.annotations} | {name}
        known |= {f"{each}-v1" for each in known}
        if told & known:
            return kind
    present = {*settings, *keys}
    for kind in connection_kinds().values():
        if named and kind.secret is not None and present >= {*kind.secret.stored}:
            return kind
    return connection_kinds()["uri"] if named and "URI" in settings else None


def _settings(kind: ConnectionKind, settings: Mapping[str, str]) -> Any:
    """What the spec says under the kind; None where that is not to be seen."""
    if kind.secret is None:
        return settings.get("URI")
    found = {name: settings[key] for name, key in kind.secret.settings.items() if settings.get(key)}
    missing = {name for name in kind.secret.settings if name not in found and name != "region"}
    return None if missing else found


def _words(name: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    annotations = mapping(metadata.get("annotations"))
    shown, description = annotations.get(DISPLAY_NAME), annotations.get("openshift.io/description")
    found = {"displayName": shown} if isinstance(shown, str) and shown.strip() not in ("", name) else {}
    return found | ({"description": description} if isinstance(description, str) and description.strip() else {})


def _credentials(external: Object, environment: Environment, namespace: str) -> dict[str, Any]:
    """Where the store keeps it, where that is not where it would be looked for."""
    keys = {mapping(mapping(one).get("remoteRef")).get("key") for one in items(mapping(external["spec"]).get("data"))}
    usual = f"{environment.secrets.key_prefix}/{namespace}/{external['metadata']['name']}"
    return {"credentials": {"key": str(keys.pop())}} if len(keys) == 1 and keys != {usual} else {}


def secret_entries(
    given: Iterable[GivenObject], used: Mapping[str, list[str]], environment: Environment, namespace: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The Secrets that variables of models are taken from."""
    external = {one.name: one.object for one in given if one.kind == "ExternalSecret"}
    for name, keys in used.items():
        if name in external:
            data = items(mapping(external[name]["spec"]).get("data"))
            stored = [str(mapping(one).get("secretKey")) for one in data]
            yield name, {"keys": stored or keys, **_credentials(external[name], environment, namespace)}
        else:
            yield name, {"keys": keys, "existing": True}


def named_connections(models: Iterable[Object]) -> frozenset[str]:
    """The connections that models name: by annotation, storage key or pull secret."""
    found: set[str] = set()
    for item in models:
        found |= {
            name.strip() for name in str(mapping(item["metadata"].get("annotations")).get(CONNECTIONS, "")).split(",")
        }
        predictor = mapping(mapping(item.get("spec")).get("predictor"))
        found.add(str(mapping(mapping(predictor.get("model")).get("storage")).get("key", "")))
        found |= {str(mapping(one).get("name")) for one in items(predictor.get("imagePullSecrets"))}
    return frozenset(found - {""})
