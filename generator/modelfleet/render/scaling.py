"""How many replicas an InferenceService has, and what makes them more: KServe's words for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelfleet.resolve.load_scaling import AUTHENTICATION, LoadScaling, engine_query
from modelfleet.resolve.model import Model, Project

_VALUES = ("min_replicas", "max_replicas", "autoscaler_class", "scale_metric", "scale_target", "auto_scaling")


def scaling_values(project: Project, model: Model) -> dict[str, Any]:
    """The values of a template that say so. A group of nodes is not a Deployment that an autoscaler could size."""
    values: dict[str, Any] = dict.fromkeys(_VALUES)
    if model.multi_node:
        values["autoscaler_class"] = project.environment.term("autoscalerMultiNode")
    bounds = model.written.get("replicas")
    if isinstance(bounds, dict):
        values |= {"min_replicas": bounds.get("min"), "max_replicas": bounds.get("max")}
    elif not model.multi_node:
        values |= {"min_replicas": model.minimum, "max_replicas": model.maximum}
    scaling = model.scaling
    if scaling is None or model.multi_node:
        return values
    if model.mode != "standard":
        return values | next(({"scale_metric": name, "scale_target": most} for name, most in scaling.by_requests), {})
    if scaling.by_keda:
        return values | {
            "autoscaler_class": "keda",
            "auto_scaling": {"metrics": list(_metrics(project, model, scaling))},
        }
    return values | {"scale_metric": "cpu", "scale_target": scaling.cpu}


def _metrics(project: Project, model: Model, scaling: LoadScaling) -> Iterator[dict[str, Any]]:
    """What KEDA measures. It divides each result by its threshold, and the highest number of replicas counts."""
    told = model.engine.load_metrics if model.engine else {}
    for measure, threshold in scaling.measured.items():
        if query := engine_query(told, measure, project.namespace, model.name):
            yield _of_prometheus(project, query, threshold)
    if scaling.cpu is not None:
        target = {"type": "Utilization", "averageUtilization": scaling.cpu}
        yield {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    if (own := scaling.query) is not None:
        if own.server is None:
            yield _of_prometheus(project, own.promql, own.threshold, own.authentication or AUTHENTICATION)
        else:
            metric = {"backend": "prometheus", "serverAddress": own.server, "query": own.promql}
            yield _external(metric, own.threshold, own.authentication)
    for hours in scaling.schedule:
        yield _of_prometheus(project, hours.promql, 1)


def _of_prometheus(
    project: Project, query: str, threshold: int | str, authentication: str = AUTHENTICATION
) -> dict[str, Any]:
    metric = {
        "backend": "prometheus",
        "serverAddress": project.environment.autoscaling.prometheus,
        "query": query,
        "namespace": project.namespace,
    }
    return _external({key: text for key, text in metric.items() if text is not None}, threshold, authentication)


def _external(metric: dict[str, str], threshold: int | str, authentication: str | None) -> dict[str, Any]:
    # As text, which KServe's webhook makes of a number: Argo CD would report the difference for ever.
    found: dict[str, Any] = {"metric": metric, "target": {"type": "Value", "value": str(threshold)}}
    if authentication is not None:
        found["authenticationRef"] = {"authModes": "bearer", "authenticationRef": {"name": authentication}}
    return {"type": "External", "external": found}
