"""Canaries, and models that share the requests to one name."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.resolve.model import Model
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfModel, spec_rule
from modelfleet.wording import choices, listed

_LONGEST = 63


@spec_rule("CAN001", "No requests reach the canary", when=having("canary"))
def canary_without_route(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.canary is not None and model.canary.percent and not model.route and model.llm is None:
        yield Violation(
            pointer=(*model.pointer, "canary", "percent"),
            message="the model has no route to split its requests: inside the cluster each Service leads to one version",
            hint="add route: true, or write percent: 0",
            severity=Severity.WARNING,
        )


@spec_rule("CAN002", "The canary has more replicas than the model", when=having("canary"))
def canary_larger_than_stable(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.canary is not None and model.canary.replicas > model.minimum:
        yield Violation(
            pointer=(*model.pointer, "canary", "replicas"),
            message=f"{model.canary.replicas} replicas of the canary are more than the minimum of the model, {model.minimum}, "
            "which KServe refuses",
            hint="write fewer, or raise the replicas of the model",
        )


@spec_rule("CAN003", "The canary is read in another way than the model", when=having("canary"))
def canary_read_otherwise(subject: OfModel) -> Iterator[Violation]:
    model, canary = subject.model, subject.model.canary
    if canary is None or not canary.moved:
        return
    ways = [{*one.location.carried("fields")} & {"storage_key", "storage_uri"} for one in (model, canary.model)]
    if ways[0] != ways[1]:
        yield Violation(
            pointer=(*model.pointer, "canary", "location"),
            message="KServe merges the canary over the model, so the model's own location would remain beside that of the canary",
            hint="let both have a connection with a path, or both an address or a PVC",
        )


@spec_rule("CAN004", "The canary's runtime is not one of the project", when=having("canary"))
def canary_with_foreign_runtime(subject: OfModel) -> Iterator[Violation]:
    model, canary = subject.model, subject.model.canary
    if canary is None or not canary.model.runtime_name or canary.model.runtime_name == model.runtime_name:
        return
    if canary.model.shared is None:
        shared = list(subject.project.runtimes)
        yield Violation(
            pointer=(*model.pointer, "canary", "runtime"),
            message=f"the project has no runtime {canary.model.runtime_name!r}",
            hint=choices(shared) if shared else "add it to runtimes: of the project",
        )


@spec_rule("CAN005", "The name of the canary makes another one too long", when=having("canary"))
def canary_with_long_name(subject: OfModel) -> Iterator[Violation]:
    canary = subject.model.canary
    name = f"{subject.model.name}-{canary.name}-predictor" if canary else ""
    if len(name) > _LONGEST:
        yield Violation(
            pointer=(*subject.model.pointer, "canary", "name"),
            message=f"its Deployment would be called {name}, which is {len(name)} characters long; {_LONGEST} are allowed",
            hint="give the canary a shorter name",
        )


@spec_rule("CAN006", "Models that share requests answer under one name", when=having("llmTraffic"))
def sharing_under_two_names(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    others = [one for one in subject.project.models if _group(one) and _group(one) == _group(model)]
    unlike = [one.name for one in others if _answers(one) != _answers(model)]
    if unlike:
        yield Violation(
            pointer=(*model.pointer, "llmd", "traffic", "group"),
            message=f"it answers as {_answers(model)!r}, and {listed(unlike)} in the same group under another name: only models "
            "with the same name share requests",
            hint="give them one servedName",
        )


def _group(model: Model) -> str | None:
    return model.llm.traffic["group"] if model.llm is not None and model.llm.traffic else None


def _answers(model: Model) -> str:
    return model.served_name or model.name
