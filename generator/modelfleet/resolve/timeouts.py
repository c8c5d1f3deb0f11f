"""How long one request may take: a chain of limits, of which the shortest ends it.

A request passes the router, with tokens an authorization proxy before the model, and in advanced mode Knative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelfleet.resolve.model import Model, Project

PROXY_SECONDS = 30
"""Of the authorization proxy, where spec.predictor.timeout says nothing or is not passed on to it."""

KNATIVE_SECONDS, KNATIVE_MAXIMUM = 300, 600
"""revision-timeout-seconds and max-revision-timeout-seconds of Knative's config-defaults, as they are shipped."""

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str | None) -> int | None:
    """A duration such as 30s or 10m in seconds."""
    return None if duration is None else int(duration[:-1]) * _SECONDS[duration[-1]]


def request_timeout(project: Project, model: Model) -> int | None:
    """The seconds of one request: as written, else those of the route where a shorter limit stands behind it.

    Both the proxy and Knative follow spec.predictor.timeout. Source: opendatahub-io/kserve@v0.15:
    pkg/controller/v1beta1/inferenceservice/reconcilers/deployment/deployment_reconciler.go.
    """
    if model.timeout is not None or model.route_timeout is None:
        return model.timeout
    wanted = seconds(model.route_timeout) or 0
    if model.mode == "advanced":
        return wanted if wanted > KNATIVE_SECONDS else None
    return wanted if model.tokens and project.environment.can("timeout") else None
