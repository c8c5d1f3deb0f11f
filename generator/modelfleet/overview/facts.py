"""What there is to know of a fleet at a glance, read from the rendered objects and the facts of each environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from modelfleet.endpoints.endpoints import Endpoint, endpoints
from modelfleet.finding import Finding
from modelfleet.records import dataclass
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.fleet import DeployedProject, Fleet
from modelfleet.rules.spec.platform import lifecycle
from modelfleet.serving.accelerators import quota_of
from modelfleet.serving.workloads import (
    LLM,
    RUNTIME,
    SERVICE,
    RunningWorkload,
    project_state,
    running_workloads,
    used_by,
    used_by_name,
)

_FEATURES = {"server": "modelMesh", "advanced": "serverless"}
"""What a way of serving is called where the data of a release say how long it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedEntry:
    """A model in an environment. One on a model server has no replicas or accelerators of its own: `server` names it."""

    project: str
    namespace: str
    model: str
    mode: str
    runtime: str | None
    server: str | None
    least: int
    most: int
    stopped: bool
    accelerators: Mapping[str, int]
    endpoints: tuple[Endpoint, ...]
    deprecated: bool

    @property
    def public(self) -> bool:
        """Whether it can be reached from outside the cluster."""
        return any(one.external is not None for one in self.endpoints)

    @property
    def guarded(self) -> bool:
        """Whether whoever calls it from the farthest place that it can be reached from needs a token."""
        outside = [one for one in self.endpoints if one.external is not None]
        return bool(self.endpoints) and all(
            one.token if outside else one.token_inside for one in outside or self.endpoints
        )

    @property
    def token_secrets(self) -> tuple[str, ...]:
        """The Secrets that hold its tokens."""
        return tuple(dict.fromkeys(secret for one in self.endpoints for secret in one.token_secrets))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaBar:
    """Accelerators of a project at its busiest time, and how many it may have where that is limited."""

    project: str
    identifier: str
    used: int
    limit: int | None

    @property
    def share(self) -> int:
        """How many hundredths of its quota it uses, at most all; what is used of a quota of none is all of it."""
        return min(100 * self.used // self.limit, 100) if self.limit else 100


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentOverview:
    """An environment: its release with the end of its support where that is known, its models, and what they take."""

    name: str
    cluster: str
    release: str | None
    supported_until: str | None
    models: tuple[ServedEntry, ...]
    accelerators: Mapping[str, int]
    quotas: tuple[QuotaBar, ...]
    warnings: tuple[Finding, ...]

    @property
    def projects(self) -> tuple[str, ...]:
        """The projects that run there."""
        return tuple(dict.fromkeys(one.project for one in self.models))


def fleet_overview(fleet: Fleet, only: Iterable[str] = ()) -> list[EnvironmentOverview]:
    """Every environment, or those of these names."""
    chosen = set(only) or set(fleet.environments)
    return [_overview(fleet, environment) for name, environment in fleet.environments.items() if name in chosen]


def _overview(fleet: Fleet, environment: Environment) -> EnvironmentOverview:
    here = sorted(
        (one for one in fleet.deployed if one.project.environment.name == environment.name),
        key=lambda one: one.project.name,
    )
    workloads = {one.project.name: _workloads(one) for one in here}
    release = environment.release
    ends = release.support.get("ends") if release else None
    return EnvironmentOverview(
        name=environment.name,
        cluster=environment.cluster.name or environment.cluster.server or environment.name,
        release=release.title if release else None,
        supported_until=str(ends) if ends else None,
        models=tuple(entry for one in here for entry in _entries(one, workloads[one.project.name])),
        accelerators=used_by_name(each for found in workloads.values() for each in found.values()),
        quotas=tuple(use for one in here for use in _quotas(one, workloads[one.project.name].values())),
        warnings=tuple(each for each in fleet.open_warnings if environment.name in each.environments),
    )


def _workloads(one: DeployedProject) -> Mapping[tuple[str, str], RunningWorkload]:
    return running_workloads(project_state(one.project.environment, one.project.namespace, one.objects))


def _entries(one: DeployedProject, workloads: Mapping[tuple[str, str], RunningWorkload]) -> Iterator[ServedEntry]:
    answers: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints(one.project, one.objects):
        answers.setdefault(endpoint.model, []).append(endpoint)
    for (kind, name), workload in workloads.items():
        if kind not in (SERVICE, LLM):
            continue
        server = workloads.get((RUNTIME, workload.server or ""))
        yield ServedEntry(
            project=one.project.name,
            namespace=one.project.namespace,
            model=name,
            mode=workload.mode,
            runtime=server.runtime if server else workload.runtime,
            server=workload.server,
            least=server.least if server else workload.least,
            most=server.most if server else workload.most,
            stopped=workload.stopped,
            accelerators=used_by_name([workload]),
            endpoints=tuple(answers.get(name, ())),
            deprecated=_ends(one.project.environment, workload.mode, server.runtime if server else workload.runtime),
        )


def _ends(environment: Environment, mode: str, runtime: str | None) -> bool:
    """Whether what serves a model is deprecated in the release of its environment, or not there in the next one."""
    release = environment.release
    following = catalog.release(release.successor) if release and release.successor else None
    features = [feature for feature in (_FEATURES.get(mode), f"runtime:{runtime}") if feature is not None]
    return any(
        lifecycle(release, feature, "deprecated") or lifecycle(following, feature, "removed") for feature in features
    )


def _quotas(one: DeployedProject, workloads: Iterable[RunningWorkload]) -> Iterator[QuotaBar]:
    used = used_by(workloads)
    for identifier, count in used.items():
        limit = quota_of(one.project.environment, one.project.name, identifier)
        yield QuotaBar(project=one.project.name, identifier=identifier, used=count, limit=limit)
