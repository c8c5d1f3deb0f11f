"""The kinds of connection that a project can have, as `data/connections.yaml` describes them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from modelfleet.packaged import packaged_data
from modelfleet.records import dataclass
from modelfleet.resolve.release import Capability

Carrier = Literal["fields", "annotations", "distributed"]
"""How a model names its connection: in fields of its own, by annotations, or as llm-d does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionAnnotation:
    """An annotation of a connection's Secret; `needs` is the capability of the releases that write it, None for all."""

    key: str
    value: str
    needs: Capability | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSecret:
    """The Secret of a connection. `stored` are the keys that the environment's store holds, `settings` those of the spec.

    `account_made_with` is the capability of the releases whose webhook makes a ServiceAccount for it.
    """

    type: str
    stored: tuple[str, ...]
    settings: Mapping[str, str]
    labels: Mapping[str, str]
    annotations: tuple[ConnectionAnnotation, ...]
    account_made_with: Capability | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationField:
    """Whether a location with such a connection has a field, and what is said where that is not so.

    `repeats`: the setting of the connection whose value it may have all the same.
    """

    wanted: bool
    repeats: str | None
    otherwise: str
    hint: str
    other_scheme: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionKind:
    """A kind of connection. `scheme` is that of all its addresses; None where each has its own.

    `endpoint` is the setting that holds an address which pods speak to, `registry` the one that holds a registry's host.
    """

    name: str
    scheme: str | None
    secret: ConnectionSecret | None
    location: Mapping[str, LocationField]
    address: str
    endpoint: str | None
    registry: str | None
    carried: Mapping[Carrier, Mapping[str, str]]


@lru_cache(maxsize=1)
def connection_kinds() -> Mapping[str, ConnectionKind]:
    """All kinds by the key under which a connection's settings stand."""
    return {name: _kind(name, data) for name, data in packaged_data("connections").items()}


def _kind(name: str, data: Mapping[str, Any]) -> ConnectionKind:
    return ConnectionKind(
        name=name,
        scheme=data.get("scheme"),
        secret=_secret(data["secret"]) if "secret" in data else None,
        location={
            field: LocationField(
                wanted=entry["wanted"],
                repeats=entry.get("repeats"),
                otherwise=entry["otherwise"],
                hint=entry["hint"],
                other_scheme=entry.get("otherScheme"),
            )
            for field, entry in data["location"].items()
        },
        address=data["address"],
        endpoint=data.get("endpoint"),
        registry=data.get("registry"),
        carried=data["carried"],
    )


def _secret(data: Mapping[str, Any]) -> ConnectionSecret:
    return ConnectionSecret(
        type=data["type"],
        stored=tuple(data["stored"]),
        settings=data["settings"],
        labels=data["labels"],
        annotations=tuple(
            ConnectionAnnotation(key=entry["key"], value=entry["value"], needs=entry.get("needs"))
            for entry in data["annotations"]
        ),
        account_made_with=data.get("accountMadeWith"),
    )
