"""What must fail: a call without a token where one is asked for, and a call from outside where there is no route."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.smoke.exchange import Caller, CallFailure, HttpAnswer, Unanswered
from modelfleet.smoke.probe import Probe
from modelfleet.smoke.results import SmokeCheck
from modelfleet.smoke.target import SmokeTarget

REFUSED = (401, 403)

FORGED_TOKEN = "not-a-token"

_WHY = {CallFailure.UNRESOLVED: "its name does not exist", CallFailure.REFUSED: "nothing listens there"}


def denied_calls(probe: Probe, path: str, sent: object) -> Iterator[SmokeCheck]:
    """The same request without a token, and with one that nobody has made."""
    for name, token in (("without a token", None), ("with a forged token", FORGED_TOKEN)):
        try:
            answer = probe.caller.call(probe.url(path), sent, token=token)
        except Unanswered as failed:
            yield probe.unanswered(name, failed, path)
            return
        yield _refusal(name, answer)


def _refusal(name: str, answer: HttpAnswer) -> SmokeCheck:
    status, seconds = answer.status, answer.seconds
    if status in REFUSED:
        return SmokeCheck(name=name, outcome="passed", message=f"refused with HTTP {status}", seconds=seconds)
    if 300 <= status < 400:
        message = (
            f"redirected with HTTP {status}, as a login page does: refused, but not in the way that a program expects"
        )
        return SmokeCheck(name=name, outcome="passed", message=message, seconds=seconds)
    if status < 300:
        message = f"answered with HTTP {status}: everybody who reaches the address can use the model"
        remedy = (
            "something in front of the model lets it pass; check that the proxy or AuthPolicy of the model is there"
        )
    else:
        message = f"HTTP {status} instead of 401 or 403: the request may have reached the model"
        remedy = (
            "call it again when the model is ready; if this persists, nothing in front of the model asks for a token"
        )
    return SmokeCheck(name=name, outcome="failed", message=message, remedy=remedy, seconds=seconds)


def no_route(caller: Caller, target: SmokeTarget, path: str) -> SmokeCheck:
    """Whether nothing of the model can be seen from outside where its route would be."""
    name = "no route"
    try:
        answer = caller.call(f"{target.closed}{path}")
    except Unanswered as failed:
        if failed.failure in (CallFailure.UNTRUSTED, CallFailure.MISNAMED):
            message = (
                f"something listens at {target.closed} with a certificate that does not fit, so it cannot be tested"
            )
            return SmokeCheck(name=name, outcome="blocked", message=message, remedy="pass its authority: --ca FILE")
        return SmokeCheck(
            name=name, outcome="passed", message=f"not reachable from outside: {_WHY.get(failed.failure, 'no answer')}"
        )
    if answer.status in (404, 503):
        message = f"not reachable from outside: the router answers with HTTP {answer.status}"
        return SmokeCheck(name=name, outcome="passed", message=message, seconds=answer.seconds)
    message = f"{target.closed} answers with HTTP {answer.status}, although the model has no route in its spec"
    remedy = f"oc get route -n {target.namespace} shows who made one; write route: true if it is meant"
    return SmokeCheck(name=name, outcome="failed", message=message, remedy=remedy, seconds=answer.seconds)
