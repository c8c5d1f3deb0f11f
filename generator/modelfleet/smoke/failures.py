"""What to say and to advise when a model does not answer, or answers with an error."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from modelfleet.smoke.exchange import CallFailure, HttpAnswer, Unanswered
from modelfleet.smoke.target import SmokeTarget
from modelfleet.wording import printable

_PODS = "oc get pods -n {namespace} shows whether its pods run"

_UNANSWERED: Mapping[CallFailure, tuple[str, str]] = {
    CallFailure.UNRESOLVED: (
        "the name {host} cannot be resolved",
        "check cluster.appsDomain of the environment and your VPN; names that end in .svc.cluster.local exist only in the cluster",
    ),
    CallFailure.REFUSED: ("nothing listens at {host}:{port}", _PODS),
    CallFailure.UNREACHABLE: (
        "{host}:{port} cannot be reached{detail}",
        "check your network, or run the command in the cluster",
    ),
    CallFailure.SLOW: (
        "{host}:{port} does not accept a connection in time",
        "a firewall or a NetworkPolicy may drop it; raise --timeout if the network is slow",
    ),
    CallFailure.SILENT: (
        "{host}:{port} accepted the request and did not answer in time",
        "raise --timeout if the model is slow or scales from zero; oc logs -n {namespace} says what it is doing",
    ),
    CallFailure.NO_HANDSHAKE: (
        "{host}:{port} does not complete the TLS handshake in time",
        "it may not speak TLS: an address with http:// may be meant, or the wrong port is called",
    ),
    CallFailure.CLOSED: (
        "{host}:{port} closed the connection without an answer",
        "an http address may belong to a server that speaks TLS; " + _PODS,
    ),
    CallFailure.UNTRUSTED: (
        "the certificate of {host} is not trusted{detail}",
        "pass the certificate authority that signed it: --ca FILE",
    ),
    CallFailure.MISNAMED: (
        "the certificate is not for {host}{detail}",
        "call the model under the name in its certificate; for a port-forward: --connect-to localhost:PORT instead of --url",
    ),
    CallFailure.NO_TLS: (
        "{host}:{port} does not speak TLS{detail}",
        "an address with http:// may be meant, or the wrong port is called",
    ),
    CallFailure.NOT_HTTP: (
        "{host}:{port} answers, but not in HTTP{detail}",
        "check the port: it may be the one for gRPC",
    ),
}

_STATUS: Mapping[int, tuple[str, str]] = {
    401: (
        "the token is not accepted",
        "it may have expired, or belong to another cluster: get it again from {secrets}",
    ),
    403: (
        "the token is known, but its account may not call this model",
        "use one of {secrets}, or let the account get the InferenceService",
    ),
    404: ("nothing is served at this path", "the model may be served under another name, or still be loading"),
    429: ("too many requests are waiting", "try again when there is less to do"),
    500: ("the model fails", "oc logs -n {namespace} says why"),
    502: ("the router gets no valid answer from the model", _PODS),
    503: ("the model is not available: it is loading, or no pod is ready", _PODS + "; --wait 10m waits for it"),
    504: ("the router waited too long for the model", "raise the timeout of its route"),
}


def told_unanswered(failed: Unanswered, target: SmokeTarget, url: str) -> tuple[str, str]:
    """Why no answer came, and what to do about it."""
    address = urlsplit(url)
    facts = {
        **_facts(target),
        "host": printable(str(address.hostname)),
        "port": address.port or (443 if address.scheme == "https" else 80),
        "detail": f": {printable(failed.detail)}" if failed.detail else "",
    }
    message, remedy = _UNANSWERED[failed.failure]
    return message.format(**facts), remedy.format(**facts)


def told_status(answer: HttpAnswer, target: SmokeTarget, quote: str) -> tuple[str, str]:
    """What an answer other than 200 means, with what the server says itself, and what to do about it."""
    status = answer.status
    if status in (301, 302, 303, 307, 308):
        where = urlsplit(answer.headers.get("location", "")).hostname or "another place"
        message = f"HTTP {status}: the request is redirected to {printable(where)}, which is not followed"
        return message, "a login page may be in front of the model, or http:// is meant to be https://"
    known = _STATUS.get(status)
    if known is None and status >= 500:
        known = _STATUS[500]
    message, remedy = known or ("the request is refused", "give a request that fits the model: --input FILE")
    said = f"HTTP {status}: {message}" + (f": {quote}" if quote else "")
    return said, remedy.format(**_facts(target))


def _facts(target: SmokeTarget) -> dict[str, object]:
    secrets = f"Secret {' or '.join(target.token_secrets)}" if target.token_secrets else "a Secret of the namespace"
    return {"namespace": target.namespace, "secrets": secrets}
