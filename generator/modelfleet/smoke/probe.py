"""All that is tried at one endpoint: readiness, metadata, an inference, and what must be refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from modelfleet.records import dataclass
from modelfleet.smoke.exchange import Caller, CallFailure, HttpAnswer, Unanswered
from modelfleet.smoke.failures import told_status, told_unanswered
from modelfleet.smoke.results import SmokeCheck
from modelfleet.smoke.target import SmokeTarget

_PAUSE_S = 2.0

_MAX_BODY = 65536

_LOADING = (502, 503, 504)
"""What routers and servers answer while a model is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeOptions:
    """What the caller wants: their own request, the task of an OpenAI server, how long to wait for a model to be ready."""

    request: Any = None
    task: str | None = None
    wait_s: float = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One endpoint that is being called. `tell` is told what is waited for; once `stop` is set, nothing is waited for."""

    target: SmokeTarget
    caller: Caller
    options: SmokeOptions
    tell: Callable[[str], None]
    stop: threading.Event

    @property
    def token(self) -> str | None:
        """The token, for an address that asks for one and for no other."""
        return self.caller.token if self.target.token else None

    def url(self, path: str) -> str:
        """The address of a path of the protocol."""
        return f"{self.target.base}{path.replace('{model}', self.target.served_as)}"

    def call(self, path: str, body: Any = None, is_text: Callable[[bytes], bool] | None = None) -> HttpAnswer:
        """Calls a path with the token. Raises `Unanswered`."""
        headers = {"detector-id": self.target.served_as} if self.target.protocol == "detector" else None
        return self.caller.call(self.url(path), body, token=self.token, headers=headers, is_text=is_text)

    def unanswered(self, name: str, failed: Unanswered, path: str) -> SmokeCheck:
        """A check that got no answer."""
        failed.detail = self.caller.quoted(failed.detail)
        message, remedy = told_unanswered(failed, self.target, self.url(path))
        return SmokeCheck(name=name, outcome="failed", message=message, remedy=remedy)

    def refused(self, name: str, answer: HttpAnswer) -> SmokeCheck:
        """A check that got another answer than 200."""
        message, remedy = told_status(answer, self.target, self.said_by(answer))
        return SmokeCheck(name=name, outcome="failed", message=message, remedy=remedy, seconds=answer.seconds)

    def said_by(self, answer: HttpAnswer) -> str:
        """What a server says in an answer that is no success, in a few words; a page for a browser says nothing here."""
        if "html" in answer.headers.get("content-type", ""):
            return ""
        data = answer.json()
        error = data.get("error", data.get("detail", data.get("message"))) if isinstance(data, dict) else None
        if isinstance(error, dict):
            error = error.get("message")
        return self.caller.quoted(str(error) if error else answer.body[:_MAX_BODY].decode("utf-8", "replace"))


def readiness(probe: Probe, path: str) -> tuple[SmokeCheck, HttpAnswer | None]:
    """Asks until the model is ready, or the time for it is over; with the last answer."""
    until = time.monotonic() + probe.options.wait_s
    begun = time.monotonic()
    while True:
        check, answer, loading = _asked(probe, path)
        rest = until - time.monotonic()
        if not loading or rest <= 0 or probe.stop.is_set():
            return check, answer
        waited = round(time.monotonic() - begun)
        probe.tell(f"{probe.target.project}/{probe.target.model}: {check.message} ({waited} s)")
        probe.stop.wait(min(_PAUSE_S, rest))


def _asked(probe: Probe, path: str) -> tuple[SmokeCheck, HttpAnswer | None, bool]:
    """The check, the answer, and whether it may be another one in a moment."""
    try:
        answer = probe.call(path)
    except Unanswered as failed:
        return (
            probe.unanswered("readiness", failed, path),
            None,
            failed.failure in (CallFailure.REFUSED, CallFailure.CLOSED),
        )
    if answer.status == 200:
        return SmokeCheck(name="readiness", outcome="passed", message="ready", seconds=answer.seconds), answer, False
    return probe.refused("readiness", answer), answer, answer.status in _LOADING


def blocked_by_token(probe: Probe) -> Iterator[SmokeCheck]:
    """Says so where a token is needed and none was given, or must not be sent."""
    target, secrets = probe.target, probe.target.token_secrets
    if not target.token:
        return
    if probe.caller.token is None:
        where = (
            f"oc get secret {secrets[0]} -n {target.namespace} -o jsonpath='{{.data.token}}' | base64 -d"
            if secrets
            else "oc whoami -t"
        )
        remedy = f"write it to a file and pass --token-file FILE: {where}"
        yield SmokeCheck(name="inference", outcome="blocked", message="the model asks for a token", remedy=remedy)
