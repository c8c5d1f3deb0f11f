"""The v2 inference protocol over gRPC, with the optional package `grpcio`.

gRPC is HTTP/2 with trailers, which the standard library does not speak; the package is 7 MB of compiled code that no other
command needs. So it is an extra, and without it the endpoint is reported as not tried, with what to install.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelfleet.smoke import sample, wire
from modelfleet.smoke.denial import FORGED_TOKEN
from modelfleet.smoke.probe import Probe, blocked_by_token
from modelfleet.smoke.results import SmokeCheck
from modelfleet.wording import plural, printable

if TYPE_CHECKING:
    import grpc

_SERVICE = "/inference.GRPCInferenceService/"

_PAUSE_S = 2.0

_REMEDIES = {
    "UNAVAILABLE": "check the port, and whether its pods run; an address with TLS begins with grpcs://",
    "UNAUTHENTICATED": "pass a token that the model accepts: --token-file FILE",
    "PERMISSION_DENIED": "its account may not call this model",
    "UNIMPLEMENTED": "the runtime speaks another protocol over gRPC than Open Inference (v2), or names its service differently",
    "NOT_FOUND": "the model is served under another name, or still loading",
    "DEADLINE_EXCEEDED": "raise --timeout if the model is slow; oc logs -n {namespace} says what it is doing",
}


def grpc_checks(probe: Probe) -> Iterator[SmokeCheck]:
    """Readiness, metadata and an inference."""
    try:
        import grpc
    except ImportError:
        message = "gRPC cannot be called: the package grpcio is not installed"
        yield SmokeCheck(name="inference", outcome="blocked", message=message, remedy="pip install 'modelfleet[grpc]'")
        return
    missing = list(blocked_by_token(probe))
    yield from missing
    with _channel(grpc, probe) as channel:
        calls = _Conversation(probe, channel, grpc.RpcError)
        if not missing:
            yield from _checks(calls)
        if probe.target.token:
            yield from _denied(calls)


def _denied(calls: _Conversation) -> Iterator[SmokeCheck]:
    """The question whether the model is ready, without a token and with one that nobody has made."""
    for name, token in (("without a token", None), ("with a forged token", FORGED_TOKEN)):
        calls.token = token
        message = wire.model_request(calls.probe.target.served_as)
        failed, _, seconds = calls.check(name, "ModelReady", message, wire.is_ready)
        if failed is None:
            said = "answered: everybody who reaches the address can use the model"
            remedy = (
                "something in front of the model lets it pass; check that the proxy or AuthPolicy of the model is there"
            )
            yield SmokeCheck(name=name, outcome="failed", message=said, remedy=remedy, seconds=seconds)
        elif calls.status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            yield SmokeCheck(name=name, outcome="passed", message=f"refused with gRPC {calls.status}")
        else:
            yield failed
            return


def _channel(grpc: Any, probe: Probe) -> grpc.Channel:
    address = urlsplit(str(probe.target.base))
    host, port = probe.caller.connect_to or (str(address.hostname), address.port or 443)
    if address.scheme == "grpc":
        return grpc.insecure_channel(f"{host}:{port}")
    roots = "".join(_pem(cert) for cert in probe.caller.trust.get_ca_certs(binary_form=True)).encode() or None
    options = [("grpc.ssl_target_name_override", address.hostname), ("grpc.default_authority", address.hostname)]
    return grpc.secure_channel(f"{host}:{port}", grpc.ssl_channel_credentials(roots), options)


def _pem(certificate: bytes) -> str:
    import ssl

    return ssl.DER_cert_to_PEM_cert(certificate)


class _Conversation:
    """The calls of one endpoint, each of which becomes a check."""

    def __init__(self, probe: Probe, channel: grpc.Channel, error: type[Exception]) -> None:
        self.probe, self.channel, self.error = probe, channel, error
        self.token, self.status = probe.token, ""

    def check(
        self, name: str, method: str, message: bytes, read: Callable[[bytes], Any]
    ) -> tuple[SmokeCheck | None, Any, float]:
        """Calls a method: a failed check, or what was read and how long it took."""
        call = self.channel.unary_unary(f"{_SERVICE}{method}", None, None)
        metadata = [("authorization", f"Bearer {self.token}")] if self.token else []
        begun = time.monotonic()
        try:
            answer = call(message, timeout=self.probe.caller.limit_s, metadata=metadata)
            return None, read(answer), time.monotonic() - begun
        except self.error as failed:
            self.status = str(failed.code().name)  # type: ignore[attr-defined] # every error of a call has it
            detail = self.probe.caller.quoted(str(failed.details() or ""))  # type: ignore[attr-defined]
            said = f"gRPC {self.status}" + (f": {detail}" if detail else "")
            remedy = _REMEDIES.get(self.status, "oc logs -n {namespace} says why")
            remedy = remedy.format(namespace=self.probe.target.namespace)
            return SmokeCheck(name=name, outcome="failed", message=said, remedy=remedy), None, 0.0
        except ValueError:
            said, remedy = "the answer does not follow the protocol", _REMEDIES["UNIMPLEMENTED"]
            return SmokeCheck(name=name, outcome="failed", message=said, remedy=remedy), None, 0.0


def _checks(calls: _Conversation) -> Iterator[SmokeCheck]:
    name = calls.probe.target.served_as
    ready = _ready(calls, name) if calls.probe.target.tells_ready else None
    if ready is not None:
        yield ready
        if ready.outcome == "failed":
            return
    failed, tensors, seconds = calls.check("metadata", "ModelMetadata", wire.model_request(name), wire.metadata_inputs)
    if failed is not None:
        yield failed
        return
    message = f"{plural(len(tensors), 'input')}: " + ", ".join(
        printable(f"{one.name} {one.datatype}{list(one.shape)}") for one in tensors[:4]
    )
    yield SmokeCheck(
        name="metadata", outcome="passed", message=message if tensors else "it names no inputs", seconds=seconds
    )
    yield _inference(calls, name, tensors)


def _inference(calls: _Conversation, name: str, tensors: list[sample.TensorFacts]) -> SmokeCheck:
    request = calls.probe.options.request
    if request is not None:
        message = "a request from a file is JSON, which only the REST endpoint accepts"
        return SmokeCheck(name="inference", outcome="skipped", message=message)
    fits = tensors and sum(one.elements for one in tensors) <= sample.MAX_ELEMENTS
    sent = wire.infer_message(name, tensors) if fits else None
    if sent is None:
        message = "which input the model takes is not known, or it cannot be generated"
        return SmokeCheck(name="inference", outcome="blocked", message=message, remedy="try REST with --input FILE")
    failed, outputs, seconds = calls.check("inference", "ModelInfer", sent, wire.count_outputs)
    if failed is not None:
        return failed
    if not outputs:
        remedy = "oc logs says whether the model failed"
        return SmokeCheck(name="inference", outcome="failed", message="the answer holds no output", remedy=remedy)
    return SmokeCheck(
        name="inference", outcome="passed", message=f"answered with {plural(outputs, 'output')}", seconds=seconds
    )


def _ready(calls: _Conversation, name: str) -> SmokeCheck:
    probe = calls.probe
    begun = time.monotonic()
    while True:
        failed, ready, seconds = calls.check("readiness", "ModelReady", wire.model_request(name), wire.is_ready)
        waited = time.monotonic() - begun
        if failed is None and ready:
            return SmokeCheck(name="readiness", outcome="passed", message="ready", seconds=seconds)
        again = failed is None or calls.status == "UNAVAILABLE"
        if not again or waited >= probe.options.wait_s or probe.stop.is_set():
            remedy = "it may still be loading: --wait 10m waits for it"
            return failed or SmokeCheck(name="readiness", outcome="failed", message="not ready", remedy=remedy)
        probe.tell(f"{probe.target.project}/{probe.target.model}: not ready over gRPC ({round(waited)} s)")
        probe.stop.wait(min(_PAUSE_S, probe.options.wait_s - waited))
