"""How many replicas a component has and what makes them more: its counts, metrics, targets, and its logger.

kserve: pkg/apis/serving/v1beta1/component.go (counts, logger) and inference_service_validation.go (metrics). Which
checks a component gets depends on who scales it: the pod autoscaler, KEDA or, where it is not a Deployment, Knative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.names import AUTOSCALER_CLASS, DEPLOYMENT_MODE
from modelfleet.kubernetes.objects import items, mapping, mappings, number, text
from modelfleet.kubernetes.quantity import NotAQuantity, quantity_value
from modelfleet.rules import Violation, having
from modelfleet.rules.admission.request import ANNOTATIONS, SERVICE_KINDS, AdmissionRequest, admission_rule, display
from modelfleet.wording import listed

KNATIVE_CLASS = "autoscaling.knative.dev/class"
KNATIVE_HPA = "hpa.autoscaling.knative.dev"
METRIC = "serving.kserve.io/metrics"
UTILIZATION = "serving.kserve.io/targetUtilizationPercentage"
METRICS: Mapping[str, tuple[str, ...]] = {"hpa": ("cpu", "memory"), "kpa": ("concurrency", "rps")}
LOGGED = ("all", "request", "response")
_SOURCES: Mapping[str, str] = {"Resource": "resource", "External": "external", "PodMetric": "podmetric"}
_MEBIBYTE = 1024 * 1024


def scaler(request: AdmissionRequest) -> str:
    """Who scales: hpa, keda, kpa (Knative), or "" where admission does not look."""
    if not request.raw:
        return "hpa" if request.annotations.get(KNATIVE_CLASS) == KNATIVE_HPA else "kpa"
    if not request.capabilities["hpaChecksNeedClass"]:
        return "hpa"
    written = request.annotations.get(AUTOSCALER_CLASS)
    return text(written) if written in ("hpa", "keda") else ""


@admission_rule(code="ADM070", title="Replica counts are not negative", stage="webhook", kinds=SERVICE_KINDS)
def negative_replicas(request: AdmissionRequest) -> Iterator[Violation]:
    """Zero is fine."""
    for name, component in request.components:
        for field in ("minReplicas", "maxReplicas"):
            count = number(component.get(field))
            if count is not None and count < 0:
                yield Violation(
                    pointer=("spec", name, field), message=f"{field} is {count}", hint="write 0 or more, or remove it"
                )


@admission_rule(code="ADM071", title="minReplicas is at most maxReplicas", stage="webhook", kinds=SERVICE_KINDS)
def service_minimum_over_maximum(request: AdmissionRequest) -> Iterator[Violation]:
    """A minimum that is not written counts as 1, a maximum of 0 as none."""
    for name, component in request.components:
        most = number(component.get("maxReplicas"))
        least = 1 if component.get("minReplicas") is None else number(component["minReplicas"])
        if most is not None and least is not None and most > 0 and least > most:
            yield Violation(
                pointer=("spec", name, "minReplicas"),
                message=f"minReplicas {least} is greater than maxReplicas {most}",
                hint="raise maxReplicas or lower minReplicas",
            )


@admission_rule(code="ADM072", title="containerConcurrency is not negative", stage="webhook", kinds=SERVICE_KINDS)
def negative_concurrency(request: AdmissionRequest) -> Iterator[Violation]:
    """Zero means that there is no limit."""
    for name, component in request.components:
        limit = number(component.get("containerConcurrency"))
        if limit is not None and limit < 0:
            yield Violation(
                pointer=("spec", name, "containerConcurrency"),
                message=f"containerConcurrency is {limit}",
                hint="write 0 for no limit, or remove it",
            )


@admission_rule(code="ADM073", title="A logger says what it logs", stage="webhook", kinds=SERVICE_KINDS)
def logger_mode(request: AdmissionRequest) -> Iterator[Violation]:
    """Requests, responses or both."""
    for name, component in request.components:
        logger = component.get("logger")
        if isinstance(logger, dict) and logger.get("mode") not in LOGGED:
            yield Violation(
                pointer=("spec", name, "logger", "mode"),
                message=f"{display(logger.get('mode'))} is not a mode of a logger",
                hint=f"one of {listed(LOGGED)}",
            )


@admission_rule(
    code="ADM074",
    title="A logger's storage is named in full",
    stage="webhook",
    kinds=SERVICE_KINDS,
    when=having("loggerStorage"),
)
def logger_storage(request: AdmissionRequest) -> Iterator[Violation]:
    """Where logs go to a bucket."""
    for name, component in request.components:
        storage = mapping(component.get("logger")).get("storage")
        if not isinstance(storage, dict):
            continue
        if missing := [field for field in ("path", "parameters", "key") if storage.get(field) is None]:
            yield Violation(
                pointer=("spec", name, "logger", "storage"),
                message=f"the logger's storage lacks {listed(missing)}",
                hint="write path, parameters and key",
            )


@admission_rule(code="ADM075", title="Only a Deployment has a deploymentStrategy", stage="webhook", kinds=SERVICE_KINDS)
def strategy_without_deployment(request: AdmissionRequest) -> Iterator[Violation]:
    """Also where no mode is written and the default is another one."""
    for name, component in request.components:
        if component.get("deploymentStrategy") is not None and scaler(request) == "kpa":
            yield Violation(
                pointer=("spec", name, "deploymentStrategy"),
                key=True,
                message=f"deploymentStrategy is not allowed in {request.in_mode}",
                hint=f"remove it, or write the annotation {DEPLOYMENT_MODE}: {request.terms['modeStandard']}"
                + (
                    ""
                    if request.annotations.get(DEPLOYMENT_MODE) is not None
                    else "; --default-mode names another default of the cluster"
                ),
            )


@admission_rule(
    code="ADM076", title="The scale metric is one that the autoscaler knows", stage="webhook", kinds=SERVICE_KINDS
)
def scale_metric(request: AdmissionRequest) -> Iterator[Violation]:
    """Processor and memory for a Deployment, requests for Knative, none with KEDA."""
    for name, component in request.components:
        metric = component.get("scaleMetric")
        if metric is None:
            continue
        pointer: Pointer = ("spec", name, "scaleMetric")
        who = scaler(request)
        if who == "keda":
            yield Violation(
                pointer=pointer, message="scaleMetric does not go with KEDA", hint="write autoScaling.metrics instead"
            )
        elif who and metric not in METRICS[who]:
            yield Violation(
                pointer=pointer,
                message=f"{display(metric)} is not a metric in {request.in_mode}",
                hint=f"one of {listed(METRICS[who])}",
            )


@admission_rule(code="ADM077", title="The scale target fits its metric", stage="webhook", kinds=SERVICE_KINDS)
def scale_target(request: AdmissionRequest) -> Iterator[Violation]:
    """KServe lets no target of a Deployment be over 100, be it a percentage or not."""
    for name, component in request.components:
        target = number(component.get("scaleTarget"))
        if target is None:
            continue
        who = scaler(request)
        metric = component.get("scaleMetric", METRICS[who][0] if who in METRICS else None)
        complaint = ""
        if who == "hpa" and ((metric == "cpu" and target < 1) or target > 100):
            complaint = f"the target {target} is not a percentage from 1 to 100"
        elif (who == "hpa" and metric == "memory" and target < 1) or (who == "kpa" and metric == "rps" and target < 1):
            complaint = f"the target {target} for {metric} is less than 1"
        if complaint:
            yield Violation(
                pointer=("spec", name, "scaleTarget"), message=complaint, hint="write a number from 1 to 100"
            )


@admission_rule(
    code="ADM078", title="The pod autoscaler takes resource metrics only", stage="webhook", kinds=SERVICE_KINDS
)
def hpa_sources(request: AdmissionRequest) -> Iterator[Violation]:
    """Metrics from elsewhere are KEDA's."""
    for pointer, metric in _metrics(request, "hpa"):
        if metric.get("type") != "Resource":
            yield Violation(
                pointer=(*pointer, "type"),
                message=f"a metric of type {display(metric.get('type'))} does not go with the pod autoscaler",
                hint=f"write type: Resource{_or_keda(request)}",
            )
        elif metric.get("resource") is None:
            yield Violation(
                pointer=pointer, message="the metric has no resource", hint="write resource: {name, target}"
            )


@admission_rule(
    code="ADM081",
    title="Only KEDA scales on external metrics",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    when=lambda capabilities: capabilities["hpaOtherMetrics"] == "panic",
)
def metrics_that_panic(request: AdmissionRequest) -> Iterator[Violation]:
    """The controller makes a pod autoscaler for every class but keda, also for those that do without one."""
    if request.annotations.get(AUTOSCALER_CLASS) in ("hpa", "keda"):
        return  # of both the webhook asks what they need
    for pointer, metric in _other_metrics(request):
        yield Violation(
            pointer=pointer,
            message=f"the controller crashes on a metric of type {display(metric.get('type'))}, so no pod ever starts",
            hint=f"write a metric of type Resource{_or_keda(request)}",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM082",
    title="The default autoscaler ignores external metrics",
    stage="run",
    kinds=SERVICE_KINDS,
    when=lambda capabilities: capabilities["hpaOtherMetrics"] == "skip",
)
def metrics_that_are_skipped(request: AdmissionRequest) -> Iterator[Violation]:
    """The pod autoscaler that is left without a metric scales by the processor."""
    if request.annotations.get(AUTOSCALER_CLASS) is not None:
        return
    for pointer, metric in _other_metrics(request):
        yield Violation(
            pointer=pointer,
            message=f"a metric of type {display(metric.get('type'))} is ignored: the model is scaled by CPU usage",
            hint=f"write a metric of type Resource{_or_keda(request)}",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM083",
    title="A live model keeps its autoscaler",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    when=lambda capabilities: "keda" in capabilities["autoscalerClasses"],
    update=True,
)
def other_autoscaler(request: AdmissionRequest) -> Iterator[Violation]:
    """KServe makes the new one and deletes none."""
    before = mapping(mapping(mapping(request.old_object).get("metadata")).get("annotations"))
    old, new = before.get(AUTOSCALER_CLASS, "hpa"), request.annotations.get(AUTOSCALER_CLASS, "hpa")
    was_raw = request.spelt(before.get(DEPLOYMENT_MODE, request.mode)) == request.mode
    if not (request.raw and was_raw and {text(old), text(new)} == {"hpa", "keda"}):
        return
    at = (*ANNOTATIONS, AUTOSCALER_CLASS) if AUTOSCALER_CLASS in request.annotations else ANNOTATIONS
    if new == "keda":
        message = "the HorizontalPodAutoscaler of the live model stays, and KEDA refuses a ScaledObject beside it"
    else:
        message = "the ScaledObject of the live model stays, and two autoscalers act on one Deployment"
    yield Violation(
        pointer=at, message=message, hint=f"delete the {_MADE[old]} {request.name}-predictor after the change"
    )


_MADE = {"hpa": "HorizontalPodAutoscaler", "keda": "ScaledObject"}


def _or_keda(request: AdmissionRequest) -> str:
    known = "keda" in request.capabilities["autoscalerClasses"]
    return f", or the annotation {AUTOSCALER_CLASS}: keda" if known else ""


def _other_metrics(request: AdmissionRequest) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    """Metrics of no resource, where a Deployment is scaled."""
    for name, component in request.components if request.raw else ():
        for index, metric in mappings(items(mapping(component.get("autoScaling")).get("metrics"))):
            if metric.get("resource") is None:
                yield ("spec", name, "autoScaling", "metrics", index), metric


@admission_rule(code="ADM079", title="KEDA's metrics are complete", stage="webhook", kinds=SERVICE_KINDS)
def keda_metrics(request: AdmissionRequest) -> Iterator[Violation]:
    """A resource with a target of a type that it can have, or a query with a threshold."""
    for pointer, metric in _metrics(request, "keda"):
        field = _SOURCES.get(text(metric.get("type")))
        if field is None:
            yield Violation(
                pointer=(*pointer, "type"),
                message=f"{display(metric.get('type'))} is not a type of metric",
                hint=f"one of {listed(list(_SOURCES))}",
            )
        elif not isinstance(metric.get(field), dict):
            yield Violation(
                pointer=pointer,
                message=f"the metric of type {metric['type']} has no {field}",
                hint=f"write {field}: {{..., target: ...}}",
            )
        elif field == "resource":
            yield from _resource_metric((*pointer, field), metric[field])
        else:
            yield from _query_metric((*pointer, field), metric[field])


def _metrics(request: AdmissionRequest, who: str) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for name, component in request.components:
        if (scaling := component.get("autoScaling")) is not None and scaler(request) == who:
            for index, metric in mappings(items(mapping(scaling).get("metrics"))):
                yield ("spec", name, "autoScaling", "metrics", index), metric


def _resource_metric(pointer: Pointer, metric: Mapping[str, Any]) -> Iterator[Violation]:
    types = {"cpu": ("Utilization",), "memory": ("AverageValue", "Utilization")}
    resource, target = text(metric.get("name")), mapping(metric.get("target"))
    if resource not in types:
        yield Violation(
            pointer=(*pointer, "name"),
            message=f"{display(metric.get('name'))} is not a resource that KEDA scales on here",
            hint=f"one of {listed(list(types))}",
        )
    elif target.get("type") not in types[resource]:
        yield Violation(
            pointer=(*pointer, "target", "type"),
            message=f"{display(target.get('type'))} is not a type of target for {resource}",
            hint=f"one of {listed(types[resource])}",
        )
    elif resource == "memory" and target["type"] == "AverageValue" and _below_a_mebibyte(target.get("averageValue")):
        yield Violation(
            pointer=(*pointer, "target", "averageValue"),
            message="the memory target is less than 1Mi",
            hint="write a quantity such as 512Mi",
        )
    else:
        yield from _target((*pointer, "target"), target)


def _below_a_mebibyte(amount: object) -> bool:
    try:
        return quantity_value(str(amount)) < _MEBIBYTE
    except NotAQuantity:
        return False


def _query_metric(pointer: Pointer, metric: Mapping[str, Any]) -> Iterator[Violation]:
    target = mapping(metric.get("target"))
    if not mapping(metric.get("metric")).get("query"):
        yield Violation(
            pointer=(*pointer, "metric", "query"), message="the query is empty", hint="write the query to scale on"
        )
    if target.get("value") is None:
        yield Violation(
            pointer=(*pointer, "target", "value"),
            message="the target has no value",
            hint="write the threshold as a quantity in quotes",
        )
    else:
        yield from _target((*pointer, "target"), target)


def _target(pointer: Pointer, target: Mapping[str, Any]) -> Iterator[Violation]:
    fields = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
    field = fields.get(text(target.get("type")))
    if field is None:
        return
    if target.get(field) is None:
        yield Violation(
            pointer=(*pointer, field),
            message=f"the target of type {target['type']} has no {field}",
            hint=f"write {field}",
        )
    elif field == "averageUtilization" and not 1 <= (number(target[field]) or 0) <= 100:
        yield Violation(
            pointer=(*pointer, field),
            message=f"averageUtilization {display(target[field])} is not a percentage from 1 to 100",
            hint="write a number from 1 to 100",
        )


@admission_rule(
    code="ADM080",
    title="Autoscaling annotations hold what the autoscaler can use",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=ANNOTATIONS,
    when=having("autoscalingAnnotationsChecked"),
)
def autoscaling_annotations(request: AdmissionRequest) -> Iterator[Violation]:
    """Later releases no longer look at them."""
    written = request.annotations.get(UTILIZATION)
    if written is not None and text(written) not in _PERCENTAGES:
        yield Violation(
            pointer=(*ANNOTATIONS, UTILIZATION),
            message=f"{display(written)} is not a percentage from 1 to 100",
            hint="write, for example, '80'",
        )
    metric = request.annotations.get(METRIC)
    if metric is not None and request.annotations.get(AUTOSCALER_CLASS) == "hpa" and metric not in METRICS["hpa"]:
        yield Violation(
            pointer=(*ANNOTATIONS, METRIC),
            message=f"{display(metric)} is not a metric of the pod autoscaler",
            hint=f"one of {listed(METRICS['hpa'])}",
        )


_PERCENTAGES = frozenset(str(share) for share in range(1, 101))
