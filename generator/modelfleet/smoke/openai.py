"""OpenAI's protocol: which models a server offers, a chat, a completion or an embedding, and how soon text streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelfleet.smoke import sample
from modelfleet.smoke.exchange import HttpAnswer, Unanswered
from modelfleet.smoke.probe import Probe, readiness
from modelfleet.smoke.results import SmokeCheck
from modelfleet.wording import listed

OPENAI_TASKS = ("chat", "completions", "embeddings")
"""In the order in which they are tried."""

_NOT_OFFERED = (400, 404, 405, 501)
"""What servers answer to a task that the model cannot do: a base model has no chat, an embedder does not complete."""


def openai_checks(probe: Probe, paths: Mapping[str, str]) -> Iterator[SmokeCheck]:
    """Readiness and metadata are the list of models; then the first task that the model can do."""
    ready, answer = readiness(probe, paths["models"])
    yield ready
    if ready.outcome == "failed" or answer is None:
        return
    offered = _offered(answer)
    name = probe.target.served_as
    if name not in offered:
        serves = f"it serves {probe.caller.quoted(listed(list(offered), 4))}" if offered else "it names no model"
        message = f"there is no model {name!r} here: {serves}"
        remedy = "check servedName and --served-model-name, and whether --url leads to this model"
        yield SmokeCheck(name="metadata", outcome="failed", message=message, remedy=remedy, seconds=answer.seconds)
        return
    length = offered[name]
    message = f"serves {name}" + (f", context of {length} tokens" if length else "")
    yield SmokeCheck(name="metadata", outcome="passed", message=message, seconds=answer.seconds)
    yield from _tasks(probe, paths)


def _offered(answer: HttpAnswer) -> dict[str, int | None]:
    """The names of the models, with the length of their context where the server tells it."""
    data = answer.json()
    models = data.get("data") if isinstance(data, dict) else None
    found = {}
    for model in models if isinstance(models, list) else ():
        if isinstance(model, dict) and isinstance(model.get("id"), str):
            length = model.get("max_model_len")
            found[model["id"]] = length if isinstance(length, int) else None
    return found


def _tasks(probe: Probe, paths: Mapping[str, str]) -> Iterator[SmokeCheck]:
    task, tasks = probe.options.task, tuple[str, ...](OPENAI_TASKS)
    if task is not None:
        tasks = (task,)
    elif probe.options.request is not None:
        tasks = (_task_of(probe.options.request),)
    refused: list[SmokeCheck] = []
    for one in tasks:
        sent = probe.options.request
        if sent is None:
            sent = sample.openai_request(one, probe.target.served_as)
        check, answer = _inference(probe, paths[one], one, sent)
        if check.outcome == "failed" and answer is not None and answer.status in _NOT_OFFERED and len(tasks) > 1:
            refused.append(check)
            continue
        yield check
        if check.outcome == "passed" and one != "embeddings":
            yield _streaming(probe, paths[one], {**sent, "stream": True})
        return
    yield refused[0]


def _task_of(request: Any) -> str:
    if isinstance(request, dict) and "prompt" in request:
        return "completions"
    return "embeddings" if isinstance(request, dict) and "input" in request else "chat"


_HOLDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "chat": ("choices", lambda item: isinstance(item.get("message"), dict)),
    "completions": ("choices", lambda item: isinstance(item.get("text"), str)),
    "embeddings": ("data", lambda item: bool(item.get("embedding"))),
}


def _inference(probe: Probe, path: str, task: str, sent: Any) -> tuple[SmokeCheck, HttpAnswer | None]:
    try:
        answer = probe.call(path, sent)
    except Unanswered as failed:
        return probe.unanswered("inference", failed, path), None
    if answer.status != 200:
        return probe.refused("inference", answer), answer
    key, fits = _HOLDS[task]
    data = answer.json()
    items = data.get(key) if isinstance(data, dict) else None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) and fits(item) for item in items):
        message = f"HTTP 200, but the answer does not follow the protocol: there is no usable {key!r} in it"
        remedy = "another server may listen at this address"
        return SmokeCheck(
            name="inference", outcome="failed", message=message, remedy=remedy, seconds=answer.seconds
        ), answer
    usage = data.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    message = f"answered as {task}" + (f", {tokens} tokens" if isinstance(tokens, int) else "")
    return SmokeCheck(name="inference", outcome="passed", message=message, seconds=answer.seconds), answer


def _streaming(probe: Probe, path: str, sent: Any) -> SmokeCheck:
    try:
        answer = probe.call(path, sent, is_text=_is_text)
    except Unanswered as failed:
        return probe.unanswered("streaming", failed, path)
    if answer.status != 200:
        return probe.refused("streaming", answer)
    if answer.first_text is None:
        message = "HTTP 200, but no text arrived in events"
        remedy = "something in front of the model may buffer the answer; streaming needs a proxy that does not buffer"
        return SmokeCheck(name="streaming", outcome="failed", message=message, remedy=remedy, seconds=answer.seconds)
    return SmokeCheck(
        name="streaming",
        outcome="passed",
        message="streamed",
        seconds=answer.seconds,
        first_text=answer.first_text,
    )


def _is_text(line: bytes) -> bool:
    """Whether a line of an event stream brings text; the first event of a chat names the role alone."""
    if not line.startswith(b"data:") or line.strip() == b"data: [DONE]":
        return False
    try:
        choices = json.loads(line[5:]).get("choices")
    except (ValueError, AttributeError, RecursionError):
        return False
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        words = (delta or choice) if isinstance(choice, dict) else {}
        if isinstance(words, dict) and (words.get("content") or words.get("text") or words.get("reasoning_content")):
            return True
    return False
