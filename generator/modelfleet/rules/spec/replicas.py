"""Rules on replicas."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.json_patch import pointer_steps
from modelfleet.kubernetes.names import AUTOSCALER_CLASS
from modelfleet.resolve.model import Model
from modelfleet.rules import Violation
from modelfleet.rules.spec.platform import can_scale_to_zero
from modelfleet.rules.spec.scaling import has_keda
from modelfleet.rules.spec.subjects import OfModel, OfWorkload, spec_rule


@spec_rule("CAP014", "A standard deployment cannot scale to zero")
def zero_in_standard_mode(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.mode != "standard" or model.minimum > 0 or model.llm is not None:
        return
    if model.scaling is not None and model.scaling.by_keda:
        if not model.scaling.wakes:
            yield Violation(
                pointer=_replicas(subject, "min"),
                message="its metrics disappear with its last pod, so nothing would ever start it again",
                hint="write 1 or more, or add a schedule or a query that measures elsewhere",
            )
        return
    ways = ["write 1 or more", "use mode: advanced to scale to zero" if can_scale_to_zero(subject.environment) else ""]
    ways.append("write stopped: true to hold it" if subject.environment.can("stop") else "")
    yield Violation(
        pointer=_replicas(subject, "min"),
        message="0 replicas in standard mode: its autoscaler turns that into 1",
        hint=", or ".join(filter(None, ways)),
    )


def _replicas(subject: OfModel, key: str) -> Pointer:
    pointer = (*subject.model.pointer, "replicas")
    written = subject.written.get("replicas")
    return (*pointer, key) if isinstance(written, dict) and key in written else pointer


@spec_rule("CAP015", "The minimum number of replicas exceeds the maximum")
def minimum_over_maximum(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.minimum > model.maximum:
        yield Violation(
            pointer=_replicas(subject, "min"),
            message=f"min {model.minimum} is more than max {model.maximum}",
            hint="raise max or lower min",
        )


@spec_rule("CAP016", "A GPU model would be scaled by CPU usage")
def scaled_by_cpu(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.mode != "standard" or model.multi_node or model.llm is not None or model.hardware.gpus == 0:
        return
    if model.maximum > model.minimum > 0 and not _scaled_otherwise(model):
        use = (model.scaling.cpu if model.scaling else None) or 80
        ways = ["give a fixed number of replicas"]
        told = model.engine.load_metrics if model.engine and has_keda(subject.environment) else {}
        ways += ["add when: {waitingRequests: 5}"] if told else []
        ways += ["use mode: advanced, which scales by requests"] if can_scale_to_zero(subject.environment) else []
        yield Violation(
            pointer=(*model.pointer, "replicas"),
            message=f"a range of {model.minimum} to {model.maximum} is scaled by CPU usage ({use} %), "
            "which says little about a model on GPUs",
            hint=", or ".join(ways),
            severity=Severity.WARNING,
        )


def _scaled_otherwise(model: Model) -> bool:
    """Whether the spec or a patch chooses another autoscaler than the one by CPU, or another measure."""
    if model.scaling is not None and model.scaling.by_keda:
        return True
    chosen = {AUTOSCALER_CLASS: "hpa", "scaleMetric": "cpu"}
    for step in model.patches.get("InferenceService", ()):
        last, value = pointer_steps(str(step["path"]))[-1:], step.get("value")
        given = value if isinstance(value, dict) else dict.fromkeys(last, value)
        if any(given.get(key, usual) != usual for key, usual in chosen.items()):
            return True
    return False


@spec_rule("CAP024", "More replicas than the dashboard's form accepts")
def form_limits(subject: OfWorkload) -> Iterator[Violation]:
    release, workload = subject.environment.release, subject.workload
    if release is None:
        return
    most = release.forms["replicasMax"]
    if workload.maximum > most:
        yield Violation(
            pointer=(*workload.pointer, "replicas"),
            message=f"{workload.maximum} replicas are more than the {most} that the dashboard's forms accept",
            hint="the cluster accepts them, so change them only here",
            severity=Severity.WARNING,
        )
