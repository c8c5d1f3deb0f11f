"""One model over several nodes (vLLM multi-node)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from modelfleet.finding import Finding, Pointer, Severity
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.hardware import Hardware
from modelfleet.resolve.model import Project
from modelfleet.resolve.runtime import Engine
from modelfleet.rules import Violation, having, lacking
from modelfleet.rules.claims import Claim, claim_at
from modelfleet.rules.spec.subjects import OfModel, spec_rule
from modelfleet.wording import listed


@spec_rule("MN001", "The runtime is for one node, or for several")
def runtime_for_nodes(subject: OfModel) -> Iterator[Violation]:
    model, runtime = subject.model, subject.model.runtime
    if runtime is None or model.llm is not None:
        return
    if model.multi_node and not runtime.multi_node:
        yield Violation(
            pointer=(*model.pointer, "runtime"),
            message=f"{runtime.name!r} serves on one node, and multiNode wants several",
            hint="use a multi-node runtime, such as vllm-multinode-runtime",
        )
    elif runtime.multi_node and not model.multi_node:
        yield Violation(
            pointer=(*model.pointer, "runtime"),
            message=f"{runtime.name!r} is a multi-node runtime",
            hint="add multiNode: {pipelineParallelSize: ..., tensorParallelSize: ...}",
        )


@spec_rule("MN002", "Only the standard mode has workers")
def standard_only(subject: OfModel) -> Iterator[Violation]:
    if subject.model.multi_node and subject.model.mode == "advanced":
        yield Violation(
            pointer=(*subject.model.pointer, "mode"),
            message="advanced mode silently drops the workers of a multi-node model",
            hint="use mode: standard",
        )


@spec_rule("MN003", "The sizes do not fit")
def parallel_sizes(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.pipeline is None or model.tensor is None:
        return
    nodes = (*model.pointer, "multiNode")
    least = subject.environment.can("multiNodeMinPipeline")
    if least is not None and model.pipeline < least:
        release = subject.environment.release
        yield Violation(
            pointer=(*nodes, "pipelineParallelSize"),
            message=(
                f"pipelineParallelSize {model.pipeline}; {release.title if release else 'the release'} requires "
                f"at least {least}"
            ),
            hint="it is the number of nodes, the head included",
        )
    accelerator = model.hardware.accelerator
    if accelerator is None:
        if model.runtime is not None and model.runtime.accelerator == "required":
            return  # said of the runtime
        yield Violation(
            pointer=nodes,
            key=True,
            message="a multi-node model needs an accelerator",
            hint="add accelerator: {name, count}",
        )
    elif accelerator.count != model.tensor:
        yield Violation(
            pointer=(*nodes, "tensorParallelSize"),
            message=f"tensorParallelSize {model.tensor}, but each node gives {accelerator.count} {accelerator.name}",
            hint=f"both are the GPUs of one node: write {accelerator.count} here, or count: {model.tensor} there",
        )


@spec_rule("MN004", "A multi-node model has one replica")
def one_group(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.multi_node and (model.minimum, model.maximum) != (1, 1):
        yield Violation(
            pointer=(*model.pointer, "replicas"),
            message="a multi-node model is one group of nodes: another head would be outside it",
            hint="use replicas: 1, and a second model for a second group",
        )


@spec_rule("MN005", "Workers cannot read the model from there")
def shared_storage(subject: OfModel) -> Iterator[Violation]:
    model, allowed = subject.model, subject.environment.can("multiNodeStorage")
    if not model.multi_node or allowed is None or model.llm is not None:
        return
    scheme = model.location.scheme or "s3"
    if scheme not in allowed:
        yield Violation(
            pointer=(*model.pointer, "location"),
            message=f"a multi-node model is read from {listed(allowed)} only, and this is {scheme}",
            hint="put it on a PVC that many nodes can mount (ReadWriteMany)"
            + (", or into an image (oci://)" if "oci" in allowed else ""),
        )


@spec_rule("MN006", "The parallel sizes do not fit the accelerators")
def parallel_arguments(subject: OfModel) -> Iterator[Violation]:
    model, engine = subject.model, subject.model.engine
    tensor = engine.facts["tensorParallelArg"] if engine else None
    if tensor is None or engine is None or tensor in engine.reserved_args or model.llm is not None or model.multi_node:
        return
    given = list(_parallel(engine, model.args))
    product = prod(number for _, number in given)
    if product == 0:
        wrong = next(index for index, number in given if number == 0)
        yield Violation(
            pointer=(*model.pointer, "args", wrong),
            message=f"{model.args[wrong].partition('=')[0]} has no number of accelerators",
            hint=f"write {tensor}={model.hardware.gpus}",
        )
    elif given and product != max(model.hardware.gpus, 1):
        option = model.args[given[0][0]].partition("=")[0]
        yield Violation(
            pointer=(*model.pointer, "args", given[0][0]),
            message=f"{option} asks for {product} accelerators, but the node gives {model.hardware.gpus}",
            hint=f"write {tensor}={model.hardware.gpus}, or accelerator: {{..., count: {product}}}",
        )
    elif not given and model.hardware.gpus > 1:
        yield Violation(
            pointer=(*model.pointer, "accelerator"),
            message=f"{model.hardware.gpus} accelerators, of which {engine.facts['title']} would use one",
            hint=f'add "{tensor}={model.hardware.gpus}" to args',
            severity=Severity.WARNING,
        )


def _parallel(engine: Engine, args: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The options that multiply the accelerators (`--tensor-parallel-size` and its like): where, and by how many.

    What is not a number counts as 0.
    """
    for index, arg in enumerate(args):
        if engine.option(arg).endswith("-parallel-size"):
            _, equals, text = arg.partition("=")
            text = text if equals else (args[index + 1] if index + 1 < len(args) else "")
            yield index, int(text) if text.isdecimal() else 0


@spec_rule("MN008", "A custom runtime that the release would run differently", when=having("multiNodeExecutor"))
def foreign_executor(subject: OfModel) -> Iterator[Violation]:
    runtime, release = subject.model.runtime, subject.environment.release
    pinned = subject.model.shared is not None and subject.model.shared.release is not None
    if runtime is None or not (runtime.document or pinned) or not runtime.multi_node or release is None:
        return
    executor = subject.environment.can("multiNodeExecutor")
    annotations = runtime.spec.get("annotations") or {}
    if annotations.get("multinode/executor-backend", "ray") != executor:
        wants = "vLLM's own executor" if executor == "mp" else "Ray"
        yield Violation(
            pointer=(*subject.model.pointer, "runtime"),
            message=f"{runtime.name!r} is made for another release: the multi-node runtime of {release.title} uses {wants}",
            hint=(
                "export the runtime again from a cluster of this release, and keep one for each release in "
                "runtimes/<environment>/"
            ),
            severity=Severity.WARNING,
        )


@spec_rule("MN010", "Nobody gives the workers tolerations", when=lacking("acceleratorProfiles"))
def workers_without_tolerations(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    pods: list[tuple[Pointer, Hardware]] = [(("multiNode",), model.hardware)] if model.multi_node else []
    if model.llm is not None and model.llm.main.worker is not None:
        pods.append((("llmd", "worker"), model.llm.main.worker.hardware))
    for field, hardware in pods:
        accelerator = hardware.accelerator
        if accelerator is not None and accelerator.known and accelerator.tolerations is None:
            yield Violation(
                pointer=(*model.pointer, *field),
                key=True,
                message=(
                    f"the hardware profile of {accelerator.name!r} gives tolerations to the head only, and the "
                    "environment has none for the workers"
                ),
                hint=f"add accelerators: {{{accelerator.name}: {{tolerations: [...]}}}} to environments/"
                f"{subject.environment.name}.yaml, or [] where the nodes have no taints",
                severity=Severity.WARNING,
            )


MOST_GROUPS = "MN009"
"""The code of what `too_many_groups` finds: no single project shows it."""


def group_claims(project: Project) -> Iterator[Claim]:
    """The groups of nodes of a project, where a cluster of the release bears only so many."""
    most = project.environment.can("multiNodeMost")
    for model in project.models:
        if most is not None and model.multi_node:
            cluster = project.environment.cluster_key
            yield claim_at(project, (*model.pointer, "multiNode"), key=True, cluster=cluster, most=most)


def too_many_groups(claims: Sequence[Claim], environments: Mapping[str, Environment]) -> Iterator[Finding]:
    """Groups of nodes beyond the number that a cluster of the release bears, over all of its namespaces."""
    seen: dict[str, int] = {}
    for claim in claims:
        cluster, most = claim.facts["cluster"], claim.facts["most"]
        seen[cluster] = seen.get(cluster, 0) + 1
        if seen[cluster] > most:
            violation = Violation(
                pointer=claim.pointer,
                message=f"this is multi-node model number {seen[cluster]} of the cluster: from {most + 1} on, "
                "the controller deletes the Services of older ones",
                hint="serve fewer models on several nodes there",
                severity=Severity.WARNING,
            )
            yield violation.finding(MOST_GROUPS, claim.at, claim.environment)
