"""Facts about a cluster that contradict its release, its catalogue or themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.quantity import value
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.release import Capability, Release
from modelfleet.rules import Problem, lacking
from modelfleet.rules.spec.hardware import below, few_bytes
from modelfleet.rules.spec.platform import lifecycle
from modelfleet.rules.spec.subjects import OfEnvironment, rule
from modelfleet.wording import choices, listed, meant, nearest


@rule("ENV002", "The cluster's release does not have the platform")
def platform_contradiction(subject: OfEnvironment) -> Iterator[Problem]:
    environment = subject.environment
    switches = environment.platforms
    claimed: tuple[tuple[Capability, bool | None, str], ...] = (
        ("serverless", switches.serverless, "Knative Serverless"),
        ("modelMesh", switches.model_mesh, "ModelMesh"),
    )
    for key, on, what in claimed:
        if environment.release and on and not environment.can(key):
            yield Problem(
                pointer=("platforms", key),
                message=f"{environment.release.title} has no {what}",
                hint="write false",
            )


@rule("ENV003", "There is no such runtime")
def unknown_runtime(subject: OfEnvironment) -> Iterator[Problem]:
    environment = subject.environment
    if environment.release is None:
        return
    names = subject.shelf.names(environment.name, environment.release.name)
    own = environment.facts.find(()).document  # base.yaml is for environments of other releases too
    for name in environment.runtimes:
        if name not in names and environment.facts.find(("runtimes", name)).document is own:
            yield Problem(
                pointer=("runtimes", name),
                key=True,
                message=f"{environment.release.title} ships no runtime {name!r}, and runtimes/ holds none",
                hint=_instead(environment.release, name, names),
            )


def _instead(release: Release, name: str, names: tuple[str, ...]) -> str:
    if lifecycle(release, f"runtime:{name}", "removed"):
        return "take the entry away"
    return meant(name, names, choices(names))


@rule("ENV004", "The runtime has no such container")
def unknown_container(subject: OfEnvironment) -> Iterator[Problem]:
    environment = subject.environment
    for name, entry in environment.runtimes.items():
        release = environment.release
        runtime = subject.shelf.find(name, environment.name, release.name if release else None)
        if runtime is None:
            continue
        containers = [str(container["name"]) for container in runtime.containers]
        for container in entry.images:
            if container not in containers:
                yield Problem(
                    pointer=("runtimes", name, "images", container),
                    key=True,
                    message=f"{name!r} has no container {container!r}",
                    hint=meant(container, containers, f"it has {listed(containers)}"),
                )


@rule("ENV005", "A size's limits are below its requests")
def size_limits(subject: OfEnvironment) -> Iterator[Problem]:
    for name, size in subject.environment.sizes.items():
        for resource, low, high in below(size.requests, size.limits):
            yield Problem(
                pointer=("sizes", name, "limits", resource),
                message=f"size {name}: the limit of {resource}, {high}, is below the request, {low}",
                hint="a limit is at least the request",
            )


@rule("ENV012", "A size's memory is a few bytes")
def hardly_any_memory(subject: OfEnvironment) -> Iterator[Problem]:
    for name, size in subject.environment.sizes.items():
        for pointer, message, hint in few_bytes(size.requests, size.limits):
            yield Problem(pointer=("sizes", name, *pointer), message=f"size {name}: {message}", hint=hint)


@rule("ENV007", "A quota counts whole accelerators")
def quota_counts(subject: OfEnvironment) -> Iterator[Problem]:
    for pointer, written in _quotas(subject.environment):
        if "/" in str(pointer[-1]) and value(written).denominator != 1:
            yield Problem(
                pointer=pointer,
                message=f"{pointer[-1]} is {written!r}, no whole number",
                hint="write how many the project may use",
            )


def _quotas(environment: Environment) -> Iterator[tuple[Pointer, str]]:
    """Every amount of every quota, and where it is written."""
    blocks: list[tuple[Pointer, Mapping[str, str]]] = [(("quota", "default"), environment.quota.default)]
    blocks += [(("quota", "projects", name), block) for name, block in environment.quota.projects.items()]
    for pointer, block in blocks:
        for key, written in block.items():
            yield (*pointer, key), written


@rule("ENV011", "A quota is for a project, or for an accelerator, that is not there")
def idle_quota(subject: OfEnvironment) -> Iterator[Problem]:
    environment = subject.environment
    for name in environment.quota.projects:
        if name not in subject.projects:
            yield Problem(
                pointer=("quota", "projects", name),
                key=True,
                message=f"there is no projects/{name}.yaml",
                hint=meant(name, subject.projects, "take the entry away"),
                severity=Severity.WARNING,
            )
    offered = {str(offer.identifier) for one in subject.environments for offer in one.accelerators.values()}
    for pointer, _ in _quotas(environment):
        start, _, identifier = str(pointer[-1]).partition("requests.")
        if not start and "/" in identifier and identifier not in offered:
            near = nearest(identifier, offered)
            yield Problem(
                pointer=pointer,
                key=True,
                message=f"no environment offers an accelerator {identifier!r}",
                hint=f"did you mean {near!r}, which is offered?"
                if near
                else "write the identifier of one, or take the line away",
                severity=Severity.WARNING,
            )


@rule("ENV009", "The accelerator has no hardware profile", when=lacking("acceleratorProfiles"))
def no_hardware_profile(subject: OfEnvironment) -> Iterator[Problem]:
    environment = subject.environment
    for name, offer in environment.accelerators.items():
        if offer.hardware_profile is None:
            title = environment.release.title if environment.release else "the release"
            yield Problem(
                pointer=("accelerators", name),
                key=True,
                message=f"{title} knows hardware profiles only: its dashboard would not show which accelerator a model has",
                hint="add hardwareProfile: {name: ..., namespace: ...}",
                severity=Severity.WARNING,
            )
