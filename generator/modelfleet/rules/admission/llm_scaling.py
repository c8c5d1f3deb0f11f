"""Rules for the autoscaling of an LLMInferenceService, most of which its CRD holds as CEL.

kserve: config/crd/full/llmisvc/serving.kserve.io_llminferenceservices.yaml (x-kubernetes-validations); the webhook
(pkg/apis/serving/v1alpha2/llm_inference_service_validation.go) says the same again and a little more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.objects import mapping, number, text
from modelfleet.patterns import lazy_pattern
from modelfleet.rules import Violation, having
from modelfleet.rules.admission.llm import workloads
from modelfleet.rules.admission.request import LLM_KIND, AdmissionRequest, admission_rule, display

_COST = lazy_pattern(r"[0-9]+(\.[0-9]+)?")
_MODIFIERS = ("formula", "target", "activationTarget", "metricType")


def _scalings(request: AdmissionRequest) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for pointer, workload in workloads(request.spec):
        scaling = workload.get("scaling")
        if isinstance(scaling, dict):
            yield (*pointer, "scaling"), scaling


def _autoscalers(request: AdmissionRequest) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for pointer, scaling in _scalings(request):
        if isinstance(scaling.get("wva"), dict):
            yield (*pointer, "wva"), scaling["wva"]


@admission_rule(
    code="ADM130",
    title="A workload has replicas or is scaled",
    stage="cel",
    kinds=LLM_KIND,
    when=having("llmScaling"),
)
def replicas_and_scaling(request: AdmissionRequest) -> Iterator[Violation]:
    """A fixed number, or bounds for one."""
    for pointer, workload in workloads(request.spec):
        if workload.get("replicas") is not None and workload.get("scaling") is not None:
            yield Violation(
                pointer=(*pointer, "scaling"),
                key=True,
                message="the workload has both replicas and scaling",
                hint="keep replicas for a fixed number, scaling for one that varies",
            )


@admission_rule(
    code="ADM131", title="Scaling names its autoscaler", stage="cel", kinds=LLM_KIND, when=having("llmScaling")
)
def autoscaler_missing(request: AdmissionRequest) -> Iterator[Violation]:
    """There is one so far, the workload variant autoscaler."""
    for pointer, scaling in _scalings(request):
        if scaling.get("wva") is None:
            yield Violation(pointer=(*pointer, "wva"), message="scaling has no wva", hint="write wva: {hpa: {}}")


@admission_rule(
    code="ADM132",
    title="The minimum number of replicas does not exceed the maximum",
    stage="cel",
    kinds=LLM_KIND,
    when=having("llmScaling"),
)
def llm_minimum_over_maximum(request: AdmissionRequest) -> Iterator[Violation]:
    """The greatest must be written, which the schema sees to."""
    for pointer, scaling in _scalings(request):
        least, most = number(scaling.get("minReplicas")), number(scaling.get("maxReplicas"))
        if least is not None and most is not None and least > most:
            yield Violation(
                pointer=(*pointer, "minReplicas"),
                message=f"minReplicas {least} is greater than maxReplicas {most}",
                hint="raise maxReplicas or lower minReplicas",
            )


@admission_rule(
    code="ADM133",
    title="An idle workload has fewer replicas than a busy one",
    stage="cel",
    kinds=LLM_KIND,
    when=having("llmScaling"),
)
def idle_replicas(request: AdmissionRequest) -> Iterator[Violation]:
    """KEDA's count for the time in which nothing triggers."""
    for pointer, scaling in _scalings(request):
        idle = number(mapping(mapping(scaling.get("wva")).get("keda")).get("idleReplicaCount"))
        if idle is None:
            continue
        least = number(scaling.get("minReplicas"))
        if least is None:
            yield Violation(
                pointer=(*pointer, "minReplicas"),
                message="idleReplicaCount needs minReplicas",
                hint=f"write minReplicas: {idle + 1} or more",
            )
        elif idle >= least:
            yield Violation(
                pointer=(*pointer, "wva", "keda", "idleReplicaCount"),
                message=f"idleReplicaCount {idle} is not less than minReplicas {least}",
                hint="lower it or raise minReplicas",
            )


@admission_rule(
    code="ADM134",
    title="An autoscaler acts through HPA or KEDA",
    stage="cel",
    kinds=LLM_KIND,
    when=having("llmScaling"),
)
def one_actuator(request: AdmissionRequest) -> Iterator[Violation]:
    """Exactly one of them."""
    for pointer, autoscaler in _autoscalers(request):
        given = [name for name in ("hpa", "keda") if autoscaler.get(name) is not None]
        if len(given) != 1:
            yield Violation(
                pointer=pointer,
                key=True,
                message="wva has both hpa and keda" if given else "wva has neither hpa nor keda",
                hint="write hpa: {} or keda: {}",
            )


@admission_rule(
    code="ADM135",
    title="What the controller sets in KEDA cannot be set",
    stage="cel",
    kinds=LLM_KIND,
    when=having("llmScaling"),
)
def keda_advanced(request: AdmissionRequest) -> Iterator[Violation]:
    """The formula of the metric, and the name of the autoscaler that KEDA makes."""
    for pointer, autoscaler in _autoscalers(request):
        advanced = mapping(mapping(autoscaler.get("keda")).get("advanced"))
        modifiers = mapping(advanced.get("scalingModifiers"))
        where: Pointer = (*pointer, "keda", "advanced")
        if any(modifiers.get(field) for field in _MODIFIERS):
            yield Violation(
                pointer=(*where, "scalingModifiers"),
                key=True,
                message="scalingModifiers is not allowed",
                hint="remove it, the controller sets the metric",
            )
        if mapping(advanced.get("horizontalPodAutoscalerConfig")).get("name"):
            yield Violation(
                pointer=(*where, "horizontalPodAutoscalerConfig", "name"),
                key=True,
                message="horizontalPodAutoscalerConfig.name is not allowed",
                hint="remove it, the controller names the autoscaler",
            )


@admission_rule(
    code="ADM136",
    title="Both phases are scaled in the same way",
    stage="webhook",
    kinds=LLM_KIND,
    when=having("llmScaling"),
)
def different_actuators(request: AdmissionRequest) -> Iterator[Violation]:
    """HPA and KEDA read their metrics from different places."""
    found = {pointer: "hpa" if scaler.get("hpa") is not None else "keda" for pointer, scaler in _autoscalers(request)}
    if len(set(found.values())) > 1:
        pointer = max(found, key=len)
        yield Violation(
            pointer=pointer,
            key=True,
            message=f"prefill is scaled with {found[pointer]}, decode with {found[min(found, key=len)]}",
            hint="use hpa or keda for both",
        )


@admission_rule(
    code="ADM137",
    title="The cost of a variant is a number",
    stage="webhook",
    kinds=LLM_KIND,
    when=having("llmScaling"),
)
def variant_cost(request: AdmissionRequest) -> Iterator[Violation]:
    """Written as a string."""
    for pointer, autoscaler in _autoscalers(request):
        cost = autoscaler.get("variantCost")
        if cost and not _COST.fullmatch(text(cost)):
            yield Violation(
                pointer=(*pointer, "variantCost"),
                message=f"{display(cost)} is not a cost",
                hint="write a number of zero or more in quotes, such as '10.0'",
            )
