"""The REST protocols of model servers: what to ask, and what a right answer holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelfleet.records import dataclass
from modelfleet.resolve import catalog
from modelfleet.smoke import sample
from modelfleet.smoke.denial import denied_calls
from modelfleet.smoke.exchange import HttpAnswer, Unanswered
from modelfleet.smoke.openai import openai_checks
from modelfleet.smoke.probe import Probe, blocked_by_token, readiness
from modelfleet.smoke.results import SmokeCheck
from modelfleet.wording import plural


@dataclass(frozen=True, slots=True)
class RestProtocol:
    """The paths of a protocol, the request that is made up for it, and the key that holds what came of it."""

    ready: str
    metadata: str | None
    infer: str
    request: Callable[[Probe, Any], Any]
    holds: str


def _paths(protocol: str) -> Mapping[str, str]:
    return {name: facts["path"] for name, facts in catalog.protocols()[protocol].items()}


def _of_tensors(probe: Probe, metadata: Any) -> Any:
    tensors = sample.tensors_of(metadata)
    fits = tensors and sum(tensor.elements for tensor in tensors) <= sample.MAX_ELEMENTS
    return sample.infer_request(tensors) if fits else None


def rest_protocols() -> Mapping[str, RestProtocol]:
    """The protocols over HTTP but OpenAI's, which is several in one."""
    v1, v2, health = _paths("v1"), _paths("v2"), "/health"
    caikit, embed, detector = _paths("caikit"), _paths("caikit-embedding"), _paths("detector")
    named = lambda probe, _: sample.caikit_request(probe.target.served_as)  # noqa: E731 - two rows of a table share it
    return {
        "v1": RestProtocol(v1["model"], None, v1["predict"], lambda *_: None, "predictions"),
        "v2": RestProtocol(v2["ready"], v2["model"], v2["infer"], _of_tensors, "outputs"),
        "caikit": RestProtocol(health, None, caikit["generate"], named, "generated_text"),
        "caikit-embedding": RestProtocol(health, None, embed["embed"], named, "result"),
        "detector": RestProtocol(
            detector["health"], None, detector["contents"], lambda *_: sample.detector_request(), ""
        ),
    }


def rest_checks(probe: Probe) -> Iterator[SmokeCheck]:
    """All that is tried at an endpoint over HTTP."""
    protocol = probe.target.protocol
    if protocol not in ("openai", *rest_protocols()):
        message = "it is not known which protocol the runtime speaks"
        remedy = "write protocolVersions into the ServingRuntime"
        yield SmokeCheck(name="inference", outcome="skipped", message=message, remedy=remedy)
        return
    missing = list(blocked_by_token(probe))
    yield from missing
    if protocol == "openai":
        path, sent = _paths("openai")["chat"], sample.openai_request("chat", probe.target.served_as)
        if not missing:
            yield from openai_checks(probe, _paths("openai"))
    else:
        known = rest_protocols()[protocol]
        path, sent = known.infer, known.request(probe, None) or {}
        if not missing:
            yield from _checks(probe, known)
    if probe.target.token:
        yield from denied_calls(probe, path, sent)


def _checks(probe: Probe, known: RestProtocol) -> Iterator[SmokeCheck]:
    if probe.target.tells_ready:
        check, _ = readiness(probe, known.ready)
        yield check
        if check.outcome == "failed":
            return
    metadata = None
    if known.metadata is not None:
        check, metadata = _metadata(probe, known.metadata)
        yield check
    sent = probe.options.request if probe.options.request is not None else known.request(probe, metadata)
    if sent is None:
        message = (
            "which input the model takes is not known: its metadata does not say, or it is too large to be generated"
        )
        if known.metadata is None:
            message = "which input the model takes is not known: this protocol does not tell"
        remedy = "give a request: --input FILE"
        yield SmokeCheck(name="inference", outcome="blocked", message=message, remedy=remedy)
        return
    yield _inference(probe, known, sent)


def _metadata(probe: Probe, path: str) -> tuple[SmokeCheck, Any]:
    try:
        answer = probe.call(path)
    except Unanswered as failed:
        return probe.unanswered("metadata", failed, path), None
    if answer.status != 200:
        if not probe.target.tells_ready and answer.status in (404, 405, 501):
            message = "a model server does not tell them over REST"
            return SmokeCheck(name="metadata", outcome="skipped", message=message), None
        return probe.refused("metadata", answer), None
    data = answer.json()
    tensors = sample.tensors_of(data)
    inputs = ", ".join(f"{one.name} {one.datatype}{list(one.shape)}" for one in tensors[:4])
    message = f"{plural(len(tensors), 'input')}: {probe.caller.quoted(inputs)}" if tensors else "it names no inputs"
    return SmokeCheck(name="metadata", outcome="passed", message=message, seconds=answer.seconds), data


def _inference(probe: Probe, known: RestProtocol, sent: Any) -> SmokeCheck:
    try:
        answer = probe.call(known.infer, sent)
    except Unanswered as failed:
        return probe.unanswered("inference", failed, known.infer)
    if answer.status != 200:
        return probe.refused("inference", answer)
    if not _holds(answer, known.holds):
        what = f"{known.holds!r} in it" if known.holds else "a list of results"
        message = f"HTTP 200, but the answer does not follow the protocol: there is no {what}"
        remedy = "another server may listen at this address"
        return SmokeCheck(name="inference", outcome="failed", message=message, remedy=remedy, seconds=answer.seconds)
    return SmokeCheck(name="inference", outcome="passed", message="answered", seconds=answer.seconds)


def _holds(answer: HttpAnswer, key: str) -> bool:
    data = answer.json()
    return isinstance(data, list) if not key else isinstance(data, dict) and bool(data.get(key))
