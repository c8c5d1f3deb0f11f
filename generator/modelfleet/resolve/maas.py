"""Models-as-a-Service in an environment: its gateway, and whom the platform's policies and subscriptions let in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelfleet.records import dataclass
from modelfleet.resolve.platform import platform_facts

EVERYBODY = "system:authenticated"
"""The group of all who have logged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaasGrant:
    """A policy or a subscription: groups and users, and the models as `<namespace>/<model>`, with limits where it has some."""

    subjects: frozenset[str]
    models: Mapping[str, tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaasFacts:
    """What is known of it. `policies` and `subscriptions` are None where nothing is said of them."""

    gateway: Mapping[str, str]
    host: str | None
    policies: Mapping[str, MaasGrant] | None
    subscriptions: Mapping[str, MaasGrant] | None


def maas_facts(written: Mapping[str, Any], apps_domain: str | None) -> MaasFacts:
    """The facts of an environment; the platform's own gateway and host where nothing else is said."""
    gateway = written.get("gateway") or {}
    return MaasFacts(
        gateway={**platform_facts().maas_gateway, **{key: text for key, text in gateway.items() if text}},
        host=written.get("host") or (f"maas.{apps_domain}" if apps_domain else None),
        policies=_grants(written.get("policies")),
        subscriptions=_grants(written.get("subscriptions")),
    )


def _grants(written: Any) -> Mapping[str, MaasGrant] | None:
    if not isinstance(written, dict):
        return None
    return {name: _grant(entry) for name, entry in written.items() if isinstance(entry, dict)}


def _grant(written: Mapping[str, Any]) -> MaasGrant:
    models = written.get("models") or ()
    limits = (
        {key: tuple(models[key] or ()) for key in models} if isinstance(models, dict) else dict.fromkeys(models, ())
    )
    groups = (f"group {name}" for name in written.get("groups") or ())
    users = (f"user {name}" for name in written.get("users") or ())
    return MaasGrant(subjects=frozenset({*groups, *users}), models=limits)
