"""By what models are scaled: what the release, the cluster and the engine have for it."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.names import AUTOSCALER_CLASS
from modelfleet.layout import environment_file
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.load_scaling import LoadScaling, clock
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.platform import can_scale_to_zero, lifecycle
from modelfleet.rules.spec.subjects import OfModel, spec_rule
from modelfleet.wording import listed


def has_keda(environment: Environment) -> bool:
    """Whether the release can have an InferenceService scaled by KEDA."""
    return "keda" in (environment.can("autoscalerClasses") or ())


def _scaled(subject: OfModel) -> LoadScaling | None:
    """By what an InferenceService in standard mode is scaled."""
    model = subject.model
    return model.scaling if model.llm is None and model.mode == "standard" and not model.multi_node else None


def _part(scaling: LoadScaling) -> str:
    """The part of replicas that asks for an autoscaler."""
    return "when" if scaling.measured or scaling.query or scaling.cpu else "schedule"


@spec_rule("SCALE001", "The release cannot scale by it")
def without_keda(subject: OfModel) -> Iterator[Violation]:
    scaling, environment = _scaled(subject), subject.environment
    if environment.release is None:
        return
    if subject.model.llm is not None and subject.model.scaling is not None and not environment.can("llmScaling"):
        yield Violation(
            pointer=(*subject.model.pointer, "replicas", _part(subject.model.scaling)),
            key=True,
            message=f"{environment.release.title} has no autoscaler for an LLMInferenceService",
            hint="write a number of replicas for this environment",
        )
    if scaling is None or not scaling.by_keda or has_keda(environment):
        return
    ways = ["give a fixed number of replicas for this environment"]
    ways += ["use mode: advanced, which scales by requests"] if can_scale_to_zero(environment) else []
    yield Violation(
        pointer=(*subject.model.pointer, "replicas", _part(scaling)),
        key=True,
        message=f"{environment.release.title} has no autoscaler but the one by CPU: KServe does not know "
        f"{AUTOSCALER_CLASS}: keda there",
        hint=", or ".join(ways),
    )


@spec_rule("SCALE002", "The environment does not say what KEDA is to ask")
def without_facts(subject: OfModel) -> Iterator[Violation]:
    scaling, facts = _scaled(subject), subject.environment.autoscaling
    if scaling is None or not scaling.by_keda or not has_keda(subject.environment):
        return
    file, pointer = environment_file(subject.environment.name), (*subject.model.pointer, "replicas", _part(scaling))
    elsewhere = scaling.query is not None and scaling.query.server is not None and not scaling.measured
    if facts.keda is False:
        yield Violation(
            pointer=pointer,
            key=True,
            message="this needs KEDA, which the cluster does not have (autoscaling.keda)",
            hint="give a fixed number of replicas, or install the Custom Metrics Autoscaler",
            see=subject.environment.facts.at(("autoscaling", "keda")),
        )
    elif facts.prometheus is None and not (elsewhere and not scaling.schedule):
        yield Violation(
            pointer=pointer,
            key=True,
            message="the environment does not say in autoscaling where Prometheus answers",
            hint='write autoscaling: {keda: true, prometheus: "https://thanos-querier.openshift-monitoring.svc:9092"} '
            f"in {file}",
        )
    elif facts.keda is None:
        yield Violation(
            pointer=pointer,
            key=True,
            message="this needs KEDA, and the environment does not say in autoscaling whether the cluster has it",
            hint=f"write autoscaling: {{keda: true}} in {file}",
            severity=Severity.WARNING,
        )


@spec_rule("SCALE003", "There is nothing to scale between")
def no_range(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    pointer = (*model.pointer, "replicas")
    if model.scaling is None:
        return
    unbounded = model.mode == "advanced" and "max" not in model.written["replicas"]
    if model.minimum == model.maximum and not unbounded:
        yield Violation(
            pointer=(*pointer, "max"),
            message=f"min and max are both {model.maximum}, so nothing is ever scaled",
            hint="raise max, or write a number of replicas",
        )
    for index, hours in enumerate(model.scaling.schedule):
        at: Pointer = (*pointer, "schedule", index)
        if hours.begin >= hours.end:
            yield Violation(
                pointer=(*at, "to"),
                message=f"the hours end at {clock(hours.end)}, before they begin at {clock(hours.begin)}",
                hint='write two entries for a night: up to "24:00", and from "00:00"',
            )
        if hours.replicas > model.maximum:
            yield Violation(
                pointer=(*at, "replicas"),
                message=f"{hours.replicas} replicas are more than the {model.maximum} that there may be",
                hint="raise max, or write fewer",
            )


@spec_rule("SCALE004", "Nothing measures it")
def untold_by_engine(subject: OfModel) -> Iterator[Violation]:
    scaling, engine = _scaled(subject), subject.model.engine
    if scaling is None or engine is None:
        return
    for measure in scaling.measured:
        if measure not in engine.load_metrics:
            yield Violation(
                pointer=(*subject.model.pointer, "replicas", "when", measure),
                key=True,
                message=f"no metric of {engine.facts['title']} is known that tells it",
                hint="write when: {query: {promql: ..., threshold: ...}} with a metric of yours",
            )


@spec_rule("SCALE005", "The autoscaler of distributed models measures by itself", when=having("llmScaling"))
def measured_otherwise(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.llm is None or model.scaling is None:
        return
    pointer = (*model.pointer, "replicas", "when")
    title = subject.environment.release.title if subject.environment.release else "the release"
    others = [name for name, value in (("cpu", model.scaling.cpu), ("query", model.scaling.query)) if value is not None]
    for name in others:
        yield Violation(
            pointer=(*pointer, name),
            key=True,
            message=f"the autoscaler that {title} has for an LLMInferenceService looks at its KV cache and its queue alone",
            hint="write waitingRequests or kvCache, or a number of replicas",
        )
    if model.scaling.measured and not others:
        yield Violation(
            pointer=pointer,
            key=True,
            message=f"{listed([f'{name}: {value}' for name, value in model.scaling.measured.items()])} is not passed on: "
            f"the autoscaler of {title} decides by the saturation of KV cache and queue, with thresholds of its own",
            hint="set them for the cluster, in the configuration of the workload variant autoscaler",
            severity=Severity.WARNING,
        )


@spec_rule("SCALE006", "Distributed models are scaled in a way that ends", when=having("llmScaling"))
def autoscaler_that_ends(subject: OfModel) -> Iterator[Violation]:
    fact = lifecycle(subject.environment.release, "llmScaling", "deprecated")
    model, release = subject.model, subject.environment.release
    if fact is None or model.llm is None or release is None:
        return
    groups = (("llmd", "scaling"), model.llm.main), (("llmd", "prefill", "scaling"), model.llm.prefill)
    for place, group in groups:
        if group is not None and group.scaling is not None:
            yield Violation(
                pointer=(
                    *model.pointer,
                    *(("replicas", "when") if model.scaling and group is model.llm.main else place),
                ),
                key=True,
                message=f"scaling by the workload variant autoscaler ends with {release.title}: the next release has another "
                "one, and its check refuses the upgrade while this one is in use",
                hint=fact["remedy"],
                severity=Severity.WARNING,
            )


@spec_rule("SCALE007", "Nothing bounds the replicas of a model on accelerators", when=having("serverless"))
def unbounded(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.mode != "advanced" or model.hardware.gpus == 0 or model.stopped:
        return
    bounds = model.written.get("replicas")
    unsaid = "replicas" in model.omit or (isinstance(bounds, dict) and "max" not in bounds)
    if unsaid:
        yield Violation(
            pointer=(*model.pointer, "replicas") if bounds is not None else (*model.pointer, "omit"),
            key=True,
            message="Knative starts as many replicas as its requests need, and each takes "
            f"{model.hardware.gpus} {model.hardware.accelerator.name if model.hardware.accelerator else ''}",
            hint="write replicas: {min, max}",
            severity=Severity.WARNING,
        )
