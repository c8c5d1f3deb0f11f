"""Connections and other Secrets, as the environment's store provides them."""

from __future__ import annotations

from typing import Any

from modelfleet.render.values import TemplateCall
from modelfleet.resolve.connections import ConnectionSecret
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Connection, EnvSecret, Project

# ---- Secrets from the store ------------------------------------------------------------------------------------------


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


def connection_secret(project: Project, connection: Connection, secret: ConnectionSecret) -> TemplateCall:
    """The template call of a connection's Secret."""
    can, given = project.environment.can, connection.settings
    values = _store(project) | {
        "name": connection.name,
        "type": secret.type,
        "labels": list(secret.labels.items()),
        "display_name": connection.display_name,
        "description": connection.description if connection.description or can("connectionDescriptionAlways") else None,
        "annotations": [(one.key, one.value) for one in secret.annotations if one.needs is None or can(one.needs)],
        "settings": {key: given[name] for name, key in secret.settings.items() if given.get(name) is not None},
        "properties": secret.stored,
        "key": connection.key,
    }
    return TemplateCall(template="externalsecret-connection", pointer=connection.pointer, values=values)


def env_secret(project: Project, secret: EnvSecret) -> TemplateCall:
    """The template call of a Secret that env values are taken from."""
    values = _store(project) | {"name": secret.name, "properties": secret.keys, "key": secret.key}
    return TemplateCall(template="externalsecret-env", pointer=secret.pointer, values=values)
