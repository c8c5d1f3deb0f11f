"""How many replicas a component has and what makes them more: its counts, metrics, targets, and its logger.

kserve: pkg/apis/serving/v1beta1/component.go (counts, logger) and inference_service_validation.go (metrics). Which
checks a component gets depends on who scales it: the pod autoscaler, KEDA or, where it is no Deployment, Knative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.objects import items, mapping, mappings, number, text
from modelfleet.kubernetes.quantity import NotAQuantity, value
from modelfleet.rules import Problem, having
from modelfleet.rules.admission.manifest import ANNOTATIONS, AUTOSCALER, MODE, SERVICE, Manifest, rule, shown
from modelfleet.wording import listed

KNATIVE_CLASS = "autoscaling.knative.dev/class"


KNATIVE_HPA = "hpa.autoscaling.knative.dev"


METRIC = "serving.kserve.io/metrics"


UTILIZATION = "serving.kserve.io/targetUtilizationPercentage"


METRICS: Mapping[str, tuple[str, ...]] = {"hpa": ("cpu", "memory"), "kpa": ("concurrency", "rps")}


LOGGED = ("all", "request", "response")


_SOURCES: Mapping[str, str] = {"Resource": "resource", "External": "external", "PodMetric": "podmetric"}


_MEBIBYTE = 1024 * 1024


def scaler(manifest: Manifest) -> str:
    """Who scales: hpa, keda, kpa (Knative), or "" where admission does not look."""
    if not manifest.raw:
        return "hpa" if manifest.annotations.get(KNATIVE_CLASS) == KNATIVE_HPA else "kpa"
    if not manifest.capabilities["hpaChecksNeedClass"]:
        return "hpa"
    written = manifest.annotations.get(AUTOSCALER)
    return text(written) if written in ("hpa", "keda") else ""


@rule(code="ADM070", title="Replica counts are not negative", stage="webhook", kinds=SERVICE)
def negative_replicas(manifest: Manifest) -> Iterator[Problem]:
    """Zero is fine."""
    for name, component in manifest.components:
        for field in ("minReplicas", "maxReplicas"):
            count = number(component.get(field))
            if count is not None and count < 0:
                yield Problem(
                    pointer=("spec", name, field), message=f"{field} is {count}", hint="write 0 or more, or remove it"
                )


@rule(code="ADM071", title="minReplicas is at most maxReplicas", stage="webhook", kinds=SERVICE)
def minimum_over_maximum(manifest: Manifest) -> Iterator[Problem]:
    """A minimum that is not written counts as 1, a maximum of 0 as none."""
    for name, component in manifest.components:
        most = number(component.get("maxReplicas"))
        least = 1 if component.get("minReplicas") is None else number(component["minReplicas"])
        if most is not None and least is not None and most > 0 and least > most:
            yield Problem(
                pointer=("spec", name, "minReplicas"),
                message=f"minReplicas {least} is greater than maxReplicas {most}",
                hint="raise maxReplicas or lower minReplicas",
            )


@rule(code="ADM072", title="containerConcurrency is not negative", stage="webhook", kinds=SERVICE)
def negative_concurrency(manifest: Manifest) -> Iterator[Problem]:
    """Zero means that there is no limit."""
    for name, component in manifest.components:
        limit = number(component.get("containerConcurrency"))
        if limit is not None and limit < 0:
            yield Problem(
                pointer=("spec", name, "containerConcurrency"),
                message=f"containerConcurrency is {limit}",
                hint="write 0 for no limit, or remove it",
            )


@rule(code="ADM073", title="A logger says what it logs", stage="webhook", kinds=SERVICE)
def logger_mode(manifest: Manifest) -> Iterator[Problem]:
    """Requests, responses or both."""
    for name, component in manifest.components:
        logger = component.get("logger")
        if isinstance(logger, dict) and logger.get("mode") not in LOGGED:
            yield Problem(
                pointer=("spec", name, "logger", "mode"),
                message=f"{shown(logger.get('mode'))} is no mode of a logger",
                hint=f"one of {listed(LOGGED)}",
            )


@rule(
    code="ADM074",
    title="A logger's storage is named in full",
    stage="webhook",
    kinds=SERVICE,
    when=having("loggerStorage"),
)
def logger_storage(manifest: Manifest) -> Iterator[Problem]:
    """Where logs go to a bucket."""
    for name, component in manifest.components:
        storage = mapping(component.get("logger")).get("storage")
        if not isinstance(storage, dict):
            continue
        if missing := [field for field in ("path", "parameters", "key") if storage.get(field) is None]:
            yield Problem(
                pointer=("spec", name, "logger", "storage"),
                message=f"the logger's storage lacks {listed(missing)}",
                hint="write path, parameters and key",
            )


@rule(code="ADM075", title="Only a Deployment has a deploymentStrategy", stage="webhook", kinds=SERVICE)
def strategy_without_deployment(manifest: Manifest) -> Iterator[Problem]:
    """Also where no mode is written and the default is another one."""
    for name, component in manifest.components:
        if component.get("deploymentStrategy") is not None and scaler(manifest) == "kpa":
            yield Problem(
                pointer=("spec", name, "deploymentStrategy"),
                key=True,
                message=f"deploymentStrategy is not allowed in {manifest.in_mode}",
                hint=f"remove it, or write the annotation {MODE}: {manifest.terms['modeStandard']}"
                + (
                    ""
                    if manifest.annotations.get(MODE) is not None
                    else "; --default-mode names another default of the cluster"
                ),
            )


@rule(code="ADM076", title="The scale metric is one that the autoscaler knows", stage="webhook", kinds=SERVICE)
def scale_metric(manifest: Manifest) -> Iterator[Problem]:
    """Processor and memory for a Deployment, requests for Knative, none with KEDA."""
    for name, component in manifest.components:
        metric = component.get("scaleMetric")
        if metric is None:
            continue
        pointer: Pointer = ("spec", name, "scaleMetric")
        who = scaler(manifest)
        if who == "keda":
            yield Problem(
                pointer=pointer, message="scaleMetric does not go with KEDA", hint="write autoScaling.metrics instead"
            )
        elif who and metric not in METRICS[who]:
            yield Problem(
                pointer=pointer,
                message=f"{shown(metric)} is no metric in {manifest.in_mode}",
                hint=f"one of {listed(METRICS[who])}",
            )


@rule(code="ADM077", title="The scale target fits its metric", stage="webhook", kinds=SERVICE)
def scale_target(manifest: Manifest) -> Iterator[Problem]:
    """KServe lets no target of a Deployment be over 100, be it a percentage or not."""
    for name, component in manifest.components:
        target = number(component.get("scaleTarget"))
        if target is None:
            continue
        who = scaler(manifest)
        metric = component.get("scaleMetric", METRICS[who][0] if who in METRICS else None)
        complaint = ""
        if who == "hpa" and ((metric == "cpu" and target < 1) or target > 100):
            complaint = f"the target {target} is no percentage from 1 to 100"
        elif (who == "hpa" and metric == "memory" and target < 1) or (who == "kpa" and metric == "rps" and target < 1):
            complaint = f"the target {target} for {metric} is less than 1"
        if complaint:
            yield Problem(pointer=("spec", name, "scaleTarget"), message=complaint, hint="write a number from 1 to 100")


@rule(code="ADM078", title="The pod autoscaler takes resource metrics only", stage="webhook", kinds=SERVICE)
def hpa_sources(manifest: Manifest) -> Iterator[Problem]:
    """Metrics from elsewhere are KEDA's."""
    for pointer, metric in _metrics(manifest, "hpa"):
        if metric.get("type") != "Resource":
            yield Problem(
                pointer=(*pointer, "type"),
                message=f"a metric of type {shown(metric.get('type'))} does not go with the pod autoscaler",
                hint=f"write type: Resource{_or_keda(manifest)}",
            )
        elif metric.get("resource") is None:
            yield Problem(pointer=pointer, message="the metric has no resource", hint="write resource: {name, target}")


@rule(
    code="ADM081",
    title="Only KEDA scales on metrics from elsewhere",
    stage="reconcile",
    kinds=SERVICE,
    when=lambda capabilities: capabilities["hpaOtherMetrics"] == "panic",
)
def metrics_that_panic(manifest: Manifest) -> Iterator[Problem]:
    """The controller makes a pod autoscaler for every class but keda, also for those that do without one."""
    if manifest.annotations.get(AUTOSCALER) in ("hpa", "keda"):
        return  # of both the webhook asks what they need
    for pointer, metric in _other_metrics(manifest):
        yield Problem(
            pointer=pointer,
            message=f"the controller crashes on a metric of type {shown(metric.get('type'))}, so no pod ever starts",
            hint=f"write a metric of type Resource{_or_keda(manifest)}",
            severity=Severity.WARNING,
        )


@rule(
    code="ADM082",
    title="The default autoscaler passes over metrics from elsewhere",
    stage="run",
    kinds=SERVICE,
    when=lambda capabilities: capabilities["hpaOtherMetrics"] == "skip",
)
def metrics_that_are_skipped(manifest: Manifest) -> Iterator[Problem]:
    """The pod autoscaler that is left without a metric scales by the processor."""
    if manifest.annotations.get(AUTOSCALER) is not None:
        return
    for pointer, metric in _other_metrics(manifest):
        yield Problem(
            pointer=pointer,
            message=f"a metric of type {shown(metric.get('type'))} is passed over: the model is scaled by its processor",
            hint=f"write a metric of type Resource{_or_keda(manifest)}",
            severity=Severity.WARNING,
        )


@rule(
    code="ADM083",
    title="A live model keeps its autoscaler",
    stage="reconcile",
    kinds=SERVICE,
    when=lambda capabilities: "keda" in capabilities["autoscalerClasses"],
    update=True,
)
def other_autoscaler(manifest: Manifest) -> Iterator[Problem]:
    """KServe makes the new one and deletes none."""
    before = mapping(mapping(mapping(manifest.live).get("metadata")).get("annotations"))
    old, new = before.get(AUTOSCALER, "hpa"), manifest.annotations.get(AUTOSCALER, "hpa")
    was_raw = manifest.spelt(before.get(MODE, manifest.mode)) == manifest.mode
    if not (manifest.raw and was_raw and {text(old), text(new)} == {"hpa", "keda"}):
        return
    at = (*ANNOTATIONS, AUTOSCALER) if AUTOSCALER in manifest.annotations else ANNOTATIONS
    if new == "keda":
        message = "the HorizontalPodAutoscaler of the live model stays, and KEDA refuses a ScaledObject beside it"
    else:
        message = "the ScaledObject of the live model stays, and two autoscalers act on one Deployment"
    yield Problem(
        pointer=at, message=message, hint=f"delete the {_MADE[old]} {manifest.name}-predictor after the change"
    )


_MADE = {"hpa": "HorizontalPodAutoscaler", "keda": "ScaledObject"}


def _or_keda(manifest: Manifest) -> str:
    known = "keda" in manifest.capabilities["autoscalerClasses"]
    return f", or the annotation {AUTOSCALER}: keda" if known else ""


def _other_metrics(manifest: Manifest) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    """Metrics of no resource, where a Deployment is scaled."""
    for name, component in manifest.components if manifest.raw else ():
        for index, metric in mappings(items(mapping(component.get("autoScaling")).get("metrics"))):
            if metric.get("resource") is None:
                yield ("spec", name, "autoScaling", "metrics", index), metric


@rule(code="ADM079", title="KEDA's metrics are complete", stage="webhook", kinds=SERVICE)
def keda_metrics(manifest: Manifest) -> Iterator[Problem]:
    """A resource with a target of a type that it can have, or a query with a threshold."""
    for pointer, metric in _metrics(manifest, "keda"):
        field = _SOURCES.get(text(metric.get("type")))
        if field is None:
            yield Problem(
                pointer=(*pointer, "type"),
                message=f"{shown(metric.get('type'))} is no type of metric",
                hint=f"one of {listed(list(_SOURCES))}",
            )
        elif not isinstance(metric.get(field), dict):
            yield Problem(
                pointer=pointer,
                message=f"the metric of type {metric['type']} has no {field}",
                hint=f"write {field}: {{..., target: ...}}",
            )
        elif field == "resource":
            yield from _resource_metric((*pointer, field), metric[field])
        else:
            yield from _query_metric((*pointer, field), metric[field])


def _metrics(manifest: Manifest, who: str) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for name, component in manifest.components:
        if (scaling := component.get("autoScaling")) is not None and scaler(manifest) == who:
            for index, metric in mappings(items(mapping(scaling).get("metrics"))):
                yield ("spec", name, "autoScaling", "metrics", index), metric


def _resource_metric(pointer: Pointer, metric: Mapping[str, Any]) -> Iterator[Problem]:
    types = {"cpu": ("Utilization",), "memory": ("AverageValue", "Utilization")}
    resource, target = text(metric.get("name")), mapping(metric.get("target"))
    if resource not in types:
        yield Problem(
            pointer=(*pointer, "name"),
            message=f"{shown(metric.get('name'))} is no resource that KEDA scales on here",
            hint=f"one of {listed(list(types))}",
        )
    elif target.get("type") not in types[resource]:
        yield Problem(
            pointer=(*pointer, "target", "type"),
            message=f"{shown(target.get('type'))} is no type of target for {resource}",
            hint=f"one of {listed(types[resource])}",
        )
    elif resource == "memory" and target["type"] == "AverageValue" and _below_a_mebibyte(target.get("averageValue")):
        yield Problem(
            pointer=(*pointer, "target", "averageValue"),
            message="the memory target is less than 1Mi",
            hint="write a quantity such as 512Mi",
        )
    else:
        yield from _target((*pointer, "target"), target)


def _below_a_mebibyte(amount: object) -> bool:
    try:
        return value(str(amount)) < _MEBIBYTE
    except NotAQuantity:
        return False


def _query_metric(pointer: Pointer, metric: Mapping[str, Any]) -> Iterator[Problem]:
    target = mapping(metric.get("target"))
    if not mapping(metric.get("metric")).get("query"):
        yield Problem(
            pointer=(*pointer, "metric", "query"), message="the query is empty", hint="write the query to scale on"
        )
    if target.get("value") is None:
        yield Problem(
            pointer=(*pointer, "target", "value"),
            message="the target has no value",
            hint="write the threshold as a quantity in quotes",
        )
    else:
        yield from _target((*pointer, "target"), target)


def _target(pointer: Pointer, target: Mapping[str, Any]) -> Iterator[Problem]:
    fields = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
    field = fields.get(text(target.get("type")))
    if field is None:
        return
    if target.get(field) is None:
        yield Problem(
            pointer=(*pointer, field),
            message=f"the target of type {target['type']} has no {field}",
            hint=f"write {field}",
        )
    elif field == "averageUtilization" and not 1 <= (number(target[field]) or 0) <= 100:
        yield Problem(
            pointer=(*pointer, field),
            message=f"averageUtilization {shown(target[field])} is no percentage from 1 to 100",
            hint="write a number from 1 to 100",
        )


@rule(
    code="ADM080",
    title="Autoscaling annotations hold what the autoscaler can use",
    stage="webhook",
    kinds=SERVICE,
    where=ANNOTATIONS,
    when=having("autoscalingAnnotationsChecked"),
)
def autoscaling_annotations(manifest: Manifest) -> Iterator[Problem]:
    """Later releases no longer look at them."""
    written = manifest.annotations.get(UTILIZATION)
    if written is not None and text(written) not in _PERCENTAGES:
        yield Problem(
            pointer=(*ANNOTATIONS, UTILIZATION),
            message=f"{shown(written)} is no percentage from 1 to 100",
            hint="write for instance '80'",
        )
    metric = manifest.annotations.get(METRIC)
    if metric is not None and manifest.annotations.get(AUTOSCALER) == "hpa" and metric not in METRICS["hpa"]:
        yield Problem(
            pointer=(*ANNOTATIONS, METRIC),
            message=f"{shown(metric)} is no metric of the pod autoscaler",
            hint=f"one of {listed(METRICS['hpa'])}",
        )


_PERCENTAGES = frozenset(str(share) for share in range(1, 101))
