"""By what a model is scaled: the resolved form of `replicas.when` and `replicas.schedule`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.records import dataclass

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
"""The days of the week, as Prometheus counts them from 0."""

AUTHENTICATION = "inference-prometheus-auth"
"""The TriggerAuthentication that OpenShift AI makes in the namespace of a model whose metrics KEDA reads."""


REQUEST_METRICS: Mapping[str, str] = {"concurrency": "concurrency", "requestsPerSecond": "rps"}
"""What Knative counts, by the names of the fields in KServe's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadQuery:
    """A query of one's own. `server` None: that of the environment."""

    promql: str
    threshold: int | str
    server: str | None
    authentication: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Minutes of the day, by UTC, in which there are at least so many replicas; `days` are empty for every day."""

    days: tuple[int, ...]
    begin: int
    end: int
    replicas: int

    @property
    def promql(self) -> str:
        """What asks Prometheus for the replicas: their number within the hours, and 0 otherwise."""
        minute = "hour() * 60 + minute()"
        parts = [f"{self.replicas}", f"({minute} >= bool {self.begin})", f"({minute} < bool {self.end})"]
        if self.days:
            parts.append("(" + " + ".join(f"(day_of_week() == bool {day})" for day in self.days) + ")")
        return " * ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadScaling:
    """What one replica is to bear, by measure, and the hours at which some run in any case."""

    waiting_requests: int | None
    kv_cache: int | None
    cpu: int | None
    query: LoadQuery | None
    schedule: tuple[Hours, ...]
    concurrency: int | None
    requests_per_second: int | None

    @property
    def by_requests(self) -> tuple[tuple[str, int], ...]:
        """What Knative counts, in KServe's words, and how many of them one replica is to bear."""
        both = {"concurrency": self.concurrency, "requestsPerSecond": self.requests_per_second}
        return tuple((REQUEST_METRICS[name], most) for name, most in both.items() if most is not None)

    @property
    def measured(self) -> Mapping[str, int]:
        """The measures that an engine's own metrics give, by the names of their fields."""
        both = {"waitingRequests": self.waiting_requests, "kvCache": self.kv_cache}
        return {name: threshold for name, threshold in both.items() if threshold is not None}

    @property
    def by_keda(self) -> bool:
        """Whether it takes more than the processor to tell."""
        return bool(self.measured or self.query or self.schedule)

    @property
    def wakes(self) -> bool:
        """Whether a model without pods is started again: its own metrics are gone with its pods."""
        return bool(self.query or self.schedule)


def load_scaling(replicas: Any) -> LoadScaling | None:
    """What `replicas` says of it; None where nothing is said."""
    written = replicas if isinstance(replicas, dict) else {}
    when, schedule = written.get("when") or {}, written.get("schedule") or ()
    if not when and not schedule:
        return None
    query = when.get("query")
    return LoadScaling(
        waiting_requests=when.get("waitingRequests"),
        kv_cache=when.get("kvCache"),
        cpu=when.get("cpu"),
        query=None
        if query is None
        else LoadQuery(
            promql=query["promql"],
            threshold=threshold_of(query["threshold"]),
            server=query.get("server"),
            authentication=query.get("authentication"),
        ),
        schedule=tuple(map(_hours, schedule)),
        concurrency=when.get("concurrency"),
        requests_per_second=when.get("requestsPerSecond"),
    )


def group_scaling(replicas: Any, keda: bool | None) -> Mapping[str, Any] | None:
    """What `llmd.scaling` would say, where `replicas` of a distributed deployment say by what it is scaled."""
    if load_scaling(replicas) is None:
        return None
    least = replicas.get("min", 1)
    return {"min": least, "max": replicas.get("max", max(least, 1)), "by": "hpa" if keda is False else "keda"}


def threshold_of(number: float) -> int | str:
    """A threshold as KEDA reads it: a whole number as such, another without an exponent."""
    return int(number) if number == int(number) else f"{number:f}".rstrip("0")


def _hours(written: Mapping[str, Any]) -> Hours:
    return Hours(
        days=tuple(sorted(DAYS.index(day) for day in written.get("days") or ())),
        begin=minutes(written["from"]),
        end=minutes(written["to"]),
        replicas=written["replicas"],
    )


def minutes(time: str) -> int:
    """A time of the day in minutes since it began."""
    hour, _, minute = time.partition(":")
    return int(hour) * 60 + int(minute)


def clock(minute: int) -> str:
    """A minute of the day as a time."""
    return f"{minute // 60:02}:{minute % 60:02}"


def pods_of(namespace: str, name: str) -> str:
    """What selects the metrics of a deployment's own pods, whoever collects them; their names are cut after 58 letters."""
    return f'namespace="{namespace}",pod=~"{f"{name}-predictor-"[:58]}.*"'


def engine_query(metrics: Mapping[str, str], measure: str, namespace: str, name: str) -> str | None:
    """The query for a measure of a deployment; None where its engine does not tell it."""
    template = metrics.get(measure)
    return template.replace("{pods}", pods_of(namespace, name)) if template else None


def engine_queries(metrics: Mapping[str, str], namespace: str, name: str) -> Iterator[tuple[str, str]]:
    """Every measure that an engine tells, with its query."""
    for measure in metrics:
        if query := engine_query(metrics, measure, namespace, name):
            yield measure, query
