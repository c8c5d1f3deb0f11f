"""By what an InferenceService is scaled, read back: the field `replicas` with `when` and `schedule`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelfleet.importer.hardware import replicas_field
from modelfleet.importer.source import FieldSource
from modelfleet.kubernetes.names import AUTOSCALER_CLASS
from modelfleet.kubernetes.objects import items, mapping, number
from modelfleet.resolve.catalog import engines
from modelfleet.resolve.load_scaling import AUTHENTICATION, DAYS, REQUEST_METRICS, Hours, clock, engine_queries


def replicas_of_service(source: FieldSource) -> Any:
    """How many replicas an InferenceService has, and what makes them more where the fields can say it."""
    bounds = {name: source.named("replicas", f"{name}Replicas") for name in ("min", "max")}
    found = _said(source, {name: bound for name, bound in bounds.items() if bound is not None})
    predictor = mapping(mapping(source.item.get("spec")).get("predictor"))
    chosen = source.annotation(AUTOSCALER_CLASS)
    load: dict[str, Any] | None = None
    if chosen == "keda" and source.workload == "standard":
        load = _by_keda(source, items(mapping(predictor.get("autoScaling")).get("metrics")))
    elif source.workload == "advanced":
        load = _by_requests(predictor)
    elif chosen in (None, "hpa") and predictor.get("scaleMetric") == "cpu" and source.workload == "standard":
        target = number(predictor.get("scaleTarget"))
        load = {"when": {"cpu": target}} if target else None
    if load and (found is None or isinstance(found, dict)):
        return {**(found or (bounds if _both(bounds) else {})), **load}
    return found


def _both(bounds: Mapping[str, Any]) -> bool:
    return None not in bounds.values()


def _said(source: FieldSource, bounds: Mapping[str, Any]) -> Any:
    """The bounds in the shortest form that writes just these."""
    if source.workload == "multi-node":
        return dict(bounds) or None
    return replicas_field(bounds["min"], bounds["max"]) if len(bounds) > 1 else dict(bounds) or None


def _by_requests(predictor: Mapping[str, Any]) -> dict[str, Any] | None:
    """What Knative counts."""
    words = {metric: name for name, metric in REQUEST_METRICS.items()}
    name, target = words.get(str(predictor.get("scaleMetric"))), number(predictor.get("scaleTarget"))
    return {"when": {name: target}} if name and target else None


def _by_keda(source: FieldSource, metrics: Sequence[Any]) -> dict[str, Any] | None:
    """What KEDA measures, in the fields' words; None where one of the metrics has none."""
    when: dict[str, Any] = {}
    schedule: list[dict[str, Any]] = []
    for metric in map(mapping, metrics):
        part = _processor(metric) or _asked(source, mapping(metric.get("external")))
        if part is None or part.keys() & when.keys():
            return None
        if "schedule" in part:
            schedule.append(part["schedule"])
        else:
            when |= part
    return {**({"when": when} if when else {}), **({"schedule": schedule} if schedule else {})}


def _processor(metric: Mapping[str, Any]) -> dict[str, Any] | None:
    resource = mapping(metric.get("resource"))
    target = mapping(resource.get("target"))
    if (
        resource.get("name") == "cpu"
        and target.get("type") == "Utilization"
        and number(target.get("averageUtilization"))
    ):
        return {"cpu": target["averageUtilization"]}
    return None


def _asked(source: FieldSource, external: Mapping[str, Any]) -> dict[str, Any] | None:
    """A query of Prometheus: a measure, hours, or a query of one's own."""
    metric, access = mapping(external.get("metric")), mapping(external.get("authenticationRef"))
    query, threshold = metric.get("query"), _threshold(mapping(external.get("target")).get("value"))
    name = mapping(access.get("authenticationRef")).get("name")
    if metric.get("backend") != "prometheus" or not isinstance(query, str) or threshold is None:
        return None
    namespace, server = metric.get("namespace"), metric.get("serverAddress")
    if server == source.environment.autoscaling.prometheus and isinstance(namespace, str):
        if name == AUTHENTICATION:
            if (known := _measure(query, namespace, source.given.name)) is not None and threshold == int(threshold):
                return {known: int(threshold)}
            if threshold == 1 and (hours := _hours(query)) is not None:
                return {"schedule": hours}
        own = {} if name == AUTHENTICATION else {"authentication": name}
    elif namespace is None and isinstance(server, str):
        own = {"server": server, **({"authentication": name} if name else {})}
    else:
        return None
    return {"query": {"promql": query, "threshold": threshold, **own}}


def _threshold(written: Any) -> float | None:
    try:
        found = float(str(written))
    except ValueError:
        return None
    if not 0 < found < _MOST:
        return None
    return int(found) if found.is_integer() else found


_MOST = 1e12


def _measure(query: str, namespace: str, name: str) -> str | None:
    for facts in engines().values():
        for measure, told in engine_queries(facts["loadMetrics"], namespace, name):
            if told == query:
                return measure
    return None


def _hours(query: str) -> dict[str, Any] | None:
    """Hours, where the query is one that asks for them and for nothing else."""
    numbers = [int(each) for each in re.findall(r"(?:^|bool )(\d+)", query)]
    if len(numbers) < _LEAST:
        return None
    replicas, begin, end, *days = numbers
    hours = Hours(days=tuple(days), begin=begin, end=end, replicas=replicas)
    if hours.promql != query or not all(day < len(DAYS) for day in days):
        return None
    named = {"days": [DAYS[day] for day in days]} if days else {}
    return {**named, "from": clock(begin), "to": clock(end), "replicas": replicas}


_LEAST = 3
"""Numbers in a query for hours: the replicas, and the two ends."""
