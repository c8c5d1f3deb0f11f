"""Endpoints as tables with lines to try for people, as text or Markdown, and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelfleet.endpoints.endpoints import Endpoint
from modelfleet.report.table import table
from modelfleet.serving.addresses import HTTPS_PORT
from modelfleet.wording import listed

# ---- for machines ----------------------------------------------------------------------------------------------------


def endpoint_data(found: Sequence[Endpoint]) -> dict[str, Any]:
    """The endpoints as `schemas/endpoints.schema.json` describes them."""
    return {
        "version": 1,
        "endpoints": [
            {
                "environment": one.environment,
                "project": one.project,
                "namespace": one.namespace,
                "model": one.model,
                "protocol": one.protocol,
                "servedAs": one.served_as,
                "internal": one.internal,
                "external": one.external,
                "port": one.port,
                "token": one.token,
                "tokenInside": one.token_inside,
                "tokenSecrets": list(one.token_secrets),
                "curl": one.curl,
                "note": one.note,
            }
            for one in found
        ],
    }


# ---- for people ------------------------------------------------------------------------------------------------------

_SHOWN = {
    "openai": "OpenAI",
    "v1": "REST v1",
    "v2": "REST v2",
    "caikit": "Caikit",
    "caikit-embedding": "Caikit",
    "grpc": "gRPC",
}
"""What protocols are called; the rest by their ids."""


def endpoint_lines(found: Sequence[Endpoint]) -> Iterator[str]:
    """The endpoints as text: for each environment a table with a row an address, then the lines to try them."""
    for index, environment in enumerate(dict.fromkeys(one.environment for one in found)):
        here = [one for one in found if one.environment == environment]
        yield from ([""] if index else [])
        yield environment
        rows = [
            ("PROJECT", "MODEL", "PROTOCOL", "FROM", "PORT", "TOKEN", "ADDRESS"),
            *(row for one in here for row in _rows(one)),
        ]
        yield from (f"  {line}" for line in table(rows))
        yield ""
        notes = dict.fromkeys(one.note for one in here if one.note)
        for note in notes:
            named = list(dict.fromkeys(f"{one.project}/{one.model}" for one in here if one.note == note))
            yield f"  {listed(named, 4)}: {note}"
        yield from ([""] if notes else [])
        for one in here:
            if one.curl:
                yield f"  # {one.project}/{one.model}"
                yield f"  {one.curl}"


def _rows(one: Endpoint) -> Iterator[tuple[str, ...]]:
    model = one.model if one.served_as == one.model else f"{one.model} (sent as {one.served_as})"
    first = (one.project, model, _shown(one.protocol))
    yield (*first, "inside", str(one.port), _token(one) if one.token_inside else "no", one.internal)
    if one.external:
        yield (*first, "outside", str(HTTPS_PORT), _token(one) if one.token else "no", one.external)


def endpoint_markdown(found: Sequence[Endpoint]) -> Iterator[str]:
    """The endpoints as one table for each environment, with the lines to try below it."""
    for index, environment in enumerate(dict.fromkeys(one.environment for one in found)):
        here = [one for one in found if one.environment == environment]
        yield from ([""] if index else [])
        yield f"### {environment}"
        yield ""
        yield "| project | model | protocol | from | port | token | address |"
        yield "|---|---|---|---|---|---|---|"
        for one in here:
            for *about, address in _rows(one):
                yield f"| {' | '.join(about)} | `{address}` |"
        tries = [one for one in here if one.curl]
        if tries:
            yield ""
            yield "```sh"
            for one in tries:
                yield f"# {one.project}/{one.model}" + (f": {one.note}" if one.note else "")
                yield str(one.curl)
            yield "```"


def _shown(protocol: str) -> str:
    return _SHOWN.get(protocol, protocol)


def _token(one: Endpoint) -> str:
    return f"Secret {', '.join(one.token_secrets)}" if one.token_secrets else "yes"
