"""Connections and other Secrets, as the environment's store provides them."""

from __future__ import annotations

from typing import Any

from modelfleet.render.values import Manifest
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Connection, EnvSecret, Project

# ---- Secrets from the store ------------------------------------------------------------------------------------------

CONNECTION_KEYS = {"s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "oci": (".dockerconfigjson",)}
"""What the store holds for a connection; the rest of its Secret stands in the spec."""


def wave_of_secrets(environment: Environment) -> str | None:
    """The sync wave of what has to be there before a model is applied; a model itself never has one: it would be copied to
    its pods."""
    return "-1" if environment.argocd.secrets_first else None


def _store(project: Project) -> dict[str, Any]:
    store = project.environment.secrets
    return {
        "api_version": store.api_version,
        "refresh_interval": store.refresh_interval,
        "store": {"kind": store.kind, "name": store.name} if store.name else None,
        "sync_wave": wave_of_secrets(project.environment),
    }


def connection_secret(project: Project, connection: Connection) -> Manifest:
    """The template call of a connection's Secret."""
    can, given = project.environment.can, connection.settings
    s3 = connection.kind == "s3"
    if s3:
        written = {
            "AWS_S3_ENDPOINT": given.get("endpoint"),
            "AWS_DEFAULT_REGION": given.get("region"),
            "AWS_S3_BUCKET": given.get("bucket"),
        }
    else:
        written = {"OCI_HOST": given.get("host")}
    values = _store(project) | {
        "name": connection.name,
        "s3": s3,
        "type": "Opaque" if s3 else "kubernetes.io/dockerconfigjson",
        "display_name": connection.display_name,
        "description": connection.description if connection.description or can("connectionDescriptionAlways") else None,
        "type_ref": "s3" if s3 else "oci-v1",
        "protocol": connection.kind if can("connectionProtocolAnnotation") else None,
        "settings": {key: value for key, value in written.items() if value is not None},
        "properties": CONNECTION_KEYS[connection.kind],
        "key": connection.key,
    }
    return Manifest(template="externalsecret-connection", pointer=connection.pointer, values=values)


def env_secret(project: Project, secret: EnvSecret) -> Manifest:
    """The template call of a Secret that env values are taken from."""
    values = _store(project) | {"name": secret.name, "properties": secret.keys, "key": secret.key}
    return Manifest(template="externalsecret-env", pointer=secret.pointer, values=values)
