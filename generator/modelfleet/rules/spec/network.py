"""Routes and token authorization."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.resolve.model import Model
from modelfleet.resolve.timeouts import KNATIVE_MAXIMUM, PROXY_SECONDS, seconds
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfModel, OfWorkload, spec_rule


@spec_rule("NET001", "A route without tokens is open to everybody")
def open_route(subject: OfWorkload) -> Iterator[Violation]:
    workload = subject.workload
    distributed = isinstance(workload, Model) and workload.llm is not None  # LLM001 speaks of its gateway
    if workload.route and not workload.guarded and not distributed:
        yield Violation(
            pointer=(*workload.pointer, "route"),
            message="a route without tokens: whoever knows the address can use the model",
            hint="add tokens: [...], or remove the route",
            severity=Severity.WARNING,
        )


@spec_rule("NET004", "401 needs tokens", when=having("return401"))
def unauthorized_without_tokens(subject: OfModel) -> Iterator[Violation]:
    if subject.model.return_401 and not subject.model.guarded:
        yield Violation(
            pointer=(*subject.model.pointer, "return401"),
            message="return401 says what the authorization proxy answers, and without tokens there is none",
            hint="add tokens: [...], or remove return401",
        )


@spec_rule("NET007", "A token never expires", when=having("discouragesTokens"))
def eternal_tokens(subject: OfWorkload) -> Iterator[Violation]:
    workload = subject.workload
    if workload.tokens and subject.environment.can("discouragesTokens"):
        yield Violation(
            pointer=(*workload.pointer, "tokens"),
            key=True,
            message="a token in a Secret never expires: whoever has read it once gets in until the Secret is deleted",
            hint="name who calls in callers: [{serviceAccount: ...}]; tokens of `oc create token` expire",
            severity=Severity.WARNING,
        )


@spec_rule("NET005", "A shorter limit applies behind the route's timeout")
def shorter_limit_behind_the_route(subject: OfModel) -> Iterator[Violation]:
    """A request passes the router, with tokens a proxy, and in advanced mode Knative; the shortest limit ends it."""
    model = subject.model
    route = seconds(model.route_timeout)
    if route is None or model.llm is not None:
        return
    if model.mode == "advanced":
        limit, why = (
            KNATIVE_MAXIMUM,
            f"Knative ends a request after {KNATIVE_MAXIMUM} s, unless the cluster's administrator allows more",
        )
    elif model.tokens and subject.environment.can("routeTimeout") and not subject.environment.can("timeout"):
        limit, why = (
            PROXY_SECONDS,
            f"on this release the token proxy ends a request after {PROXY_SECONDS} s, whatever the route allows",
        )
    elif model.timeout is not None and model.tokens:
        limit, why = model.timeout, f"the token proxy ends a request after the model's own timeout of {model.timeout} s"
    else:
        return
    if limit < route:
        yield Violation(
            pointer=(*model.pointer, "route", "timeout"),
            message=why,
            hint="raise timeout, too"
            if limit == model.timeout
            else "shorten the route's timeout, or stream the answer",
            severity=Severity.WARNING,
        )


@spec_rule("NET006", "The route's timeout ends a request before the model's own")
def shorter_limit_before_the_model(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    route = seconds(model.route_timeout)
    if route is not None and model.timeout is not None and route < model.timeout:
        yield Violation(
            pointer=(*model.pointer, "timeout"),
            message=f"the router ends a request after {route} s, before this timeout of {model.timeout} s is reached",
            hint="raise route.timeout to the same value, or write route: true, and the route takes on this timeout",
            severity=Severity.WARNING,
        )
