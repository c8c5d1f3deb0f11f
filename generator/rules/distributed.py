"""Distributed inference with llm-d (LLMInferenceService)."""

from __future__ import annotations

from collections.abc import Iterator

from generator.finding import Pointer, Severity
from generator.rules import Problem
from generator.rules.subjects import OfModel, rule

_NOT_HERE = {
    "mode": "an LLMInferenceService has no deployment mode",
    "multiNode": "nodes are spread by llmd: {parallelism, worker}",
    "route": "the gateway makes its route, and always does",
    "strategy": "its pods roll by themselves",
    "timeout": "the gateway has the timeout",
    "return401": "the gateway answers",
}


@rule("LLM001", "A model behind a gateway without tokens is open to everybody")
def open_gateway(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.llm is not None and not model.tokens:
        yield Problem(
            pointer=(*model.pointer, "llmd"),
            message="no tokens: authorization is switched off, and whoever reaches the gateway can use the model",
            hint="add tokens: [...]",
            severity=Severity.WARNING,
        )


@rule("LLM002", "The field does not apply to an LLMInferenceService")
def foreign_field(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.llm is None:
        return
    written = subject.project.spec.data["models"][model.name]
    for field, reason in _NOT_HERE.items():
        if written.get(field) not in (None, False, "standard"):
            yield Problem(pointer=(*model.pointer, field), key=True, message=reason, hint=f"take {field} away")


@rule("LLM003", "No preset spreads a pipeline over nodes")
def pipeline_trap(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.llm is None or model.llm.base_refs:
        return
    group = model.llm.main
    if group.worker is not None and group.parallelism.get("pipeline"):
        yield Problem(
            pointer=(*model.pointer, "llmd", "parallelism", "pipeline"),
            message="pipeline parallelism with workers needs a preset that no release ships: the model would never be ready",
            hint="use runtime: vllm-multinode-runtime with multiNode, data parallelism, or a configuration of your own in baseRefs",
        )


@rule("LLM004", "An argument with a space in it falls apart")
def joined_arguments(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.llm is None:
        return
    for index, arg in enumerate(model.args):
        if any(char.isspace() for char in arg):
            yield Problem(
                pointer=(*model.pointer, "args", index),
                message="the arguments of an LLMInferenceService travel in one variable, joined by spaces",
                hint="write an argument without white space",
            )


@rule("LLM005", "The release's LLMInferenceService does not know the setting")
def unknown_setting(subject: OfModel) -> Iterator[Problem]:
    model, release = subject.model, subject.environment.release
    if model.llm is None or release is None or not subject.environment.can("llm"):
        return
    pointer: Pointer = (*model.pointer, "llmd")
    if model.llm.main.scaling is not None and not subject.environment.can("llmScaling"):
        yield Problem(
            pointer=(*pointer, "scaling"),
            key=True,
            message=f"{release.title} does not scale an LLMInferenceService by load",
            hint="use replicas",
        )
    scheduler = model.llm.scheduler
    if not isinstance(scheduler, bool) and not subject.environment.can("llmScheduler"):
        yield Problem(
            pointer=(*pointer, "scheduler"),
            key=True,
            message=f"{release.title} does not let the scheduler be set up",
            hint="use scheduler: true, or leave it out",
        )


@rule("LLM006", "The least number of replicas is above the most")
def scaling_bounds(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.llm is None or model.llm.main.scaling is None:
        return
    low, high = model.llm.main.scaling["min"], model.llm.main.scaling["max"]
    if low > high:
        yield Problem(
            pointer=(*model.pointer, "llmd", "scaling", "min"),
            message=f"min {low} is more than max {high}",
            hint="raise max or lower min",
        )
