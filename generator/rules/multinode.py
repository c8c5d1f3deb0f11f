"""One model over several nodes (vLLM multi-node)."""

from __future__ import annotations

from collections.abc import Iterator

from generator.finding import listed
from generator.rules import Problem
from generator.rules.subjects import OfModel, rule


@rule("MN001", "The runtime is for one node, or for several")
def runtime_for_nodes(subject: OfModel) -> Iterator[Problem]:
    model, runtime = subject.model, subject.model.runtime
    if runtime is None:
        return
    if model.multi_node and not runtime.multi_node:
        yield Problem(
            pointer=(*model.pointer, "runtime"),
            message=f"{runtime.name!r} serves on one node, and multiNode wants several",
            hint="use a multi-node runtime, such as vllm-multinode-runtime",
        )
    elif runtime.multi_node and not model.multi_node:
        yield Problem(
            pointer=(*model.pointer, "runtime"),
            message=f"{runtime.name!r} is a multi-node runtime",
            hint="add multiNode: {pipelineParallelSize: ..., tensorParallelSize: ...}",
        )


@rule("MN002", "Only the standard mode has workers")
def standard_only(subject: OfModel) -> Iterator[Problem]:
    if subject.model.multi_node and subject.model.mode == "advanced":
        yield Problem(
            pointer=(*subject.model.pointer, "mode"),
            message="advanced mode drops the workers of a multi-node model without a word",
            hint="use mode: standard",
        )


@rule("MN003", "The sizes do not fit")
def parallel_sizes(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.pipeline is None or model.tensor is None:
        return
    nodes = (*model.pointer, "multiNode")
    least = subject.environment.can("multiNodeMinPipeline")
    if least is not None and model.pipeline < least:
        release = subject.environment.release
        yield Problem(
            pointer=(*nodes, "pipelineParallelSize"),
            message=f"pipelineParallelSize {model.pipeline}; {release.title if release else ''} wants {least} at least",
            hint="it is the number of nodes, the head included",
        )
    accelerator = model.hardware.accelerator
    if accelerator is None:
        yield Problem(
            pointer=nodes, key=True, message="a multi-node model needs an accelerator", hint="add accelerator: {name, count}"
        )
    elif accelerator.count != model.tensor:
        yield Problem(
            pointer=(*nodes, "tensorParallelSize"),
            message=f"tensorParallelSize {model.tensor}, but each node gives {accelerator.count} {accelerator.name}",
            hint=f"both are the GPUs of one node: write {accelerator.count} here, or count: {model.tensor} there",
        )


@rule("MN004", "A multi-node model has one replica")
def one_group(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.multi_node and (model.minimum, model.maximum) != (1, 1):
        yield Problem(
            pointer=(*model.pointer, "replicas"),
            message="a multi-node model is one group of nodes: another head would stand outside of it",
            hint="use replicas: 1, and a second model for a second group",
        )


@rule("MN005", "Workers cannot read the model from there")
def shared_storage(subject: OfModel) -> Iterator[Problem]:
    model, allowed = subject.model, subject.environment.can("multiNodeStorage")
    if not model.multi_node or allowed is None:
        return
    uri = model.location.storage_uri
    scheme = uri.partition("://")[0] if uri is not None else "s3"
    by_connection = model.location.connection is not None and model.location.connection.kind == "s3"
    if by_connection or scheme not in allowed:
        yield Problem(
            pointer=(*model.pointer, "location"),
            message=f"a multi-node model is read from {listed(allowed)} only, and this is {'s3' if by_connection else scheme}",
            hint="put it on a PVC that many nodes can mount (ReadWriteMany)",
        )


@rule("MN006", "The tensor parallel size does not fit the accelerators")
def tensor_argument(subject: OfModel) -> Iterator[Problem]:
    model, engine = subject.model, subject.model.engine
    option = engine.facts["tensorParallelArg"] if engine else None
    if option is None or engine is None or option in engine.reserved_args or model.llm is not None:
        return
    for index, arg in enumerate(model.args):
        name, equals, text = arg.partition("=")
        number = text if equals else (model.args[index + 1] if index + 1 < len(model.args) else "")
        if engine.option(arg) == option and number != str(model.hardware.gpus):
            yield Problem(
                pointer=(*model.pointer, "args", index),
                message=f"{name} {number or '(nothing)'}, but the node gives {model.hardware.gpus} accelerators",
                hint=f"write {option}={model.hardware.gpus}, or accelerator: {{..., count: {number or '...'}}}",
            )


@rule("MN007", "A group of nodes has no strategy of its own")
def strategy_of_group(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.multi_node and model.strategy is not None:
        yield Problem(
            pointer=(*model.pointer, "strategy"),
            message="the strategy holds for the head alone: the workers roll by themselves",
            hint="take strategy away",
        )
