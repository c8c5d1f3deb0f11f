"""Facts about a cluster that contradict its release, its catalogue or themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.quantity import quantity_value
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.release import Capability, Release
from modelfleet.rules import Violation, lacking
from modelfleet.rules.spec.hardware import below, few_bytes
from modelfleet.rules.spec.platform import lifecycle
from modelfleet.rules.spec.subjects import OfEnvironment, spec_rule
from modelfleet.wording import choices, closest, did_you_mean, listed


@spec_rule("ENV002", "The cluster's release does not have the platform")
def platform_contradiction(subject: OfEnvironment) -> Iterator[Violation]:
    environment = subject.environment
    switches = environment.platforms
    claimed: tuple[tuple[Capability, bool | None, str], ...] = (
        ("serverless", switches.serverless, "Knative Serverless"),
        ("modelMesh", switches.model_mesh, "ModelMesh"),
    )
    for key, on, what in claimed:
        if environment.release and on and not environment.can(key):
            yield Violation(
                pointer=("platforms", key),
                message=f"{environment.release.title} has no {what}",
                hint="write false",
            )


@spec_rule("ENV013", "The nodes contradict the accelerators")
def nodes_contradiction(subject: OfEnvironment) -> Iterator[Violation]:
    environment = subject.environment
    offered = environment.accelerators
    for kind, facts in environment.nodes.items():
        for name in facts.accelerators:
            if name not in offered:
                yield Violation(
                    pointer=("nodes", kind, "accelerators", name),
                    key=True,
                    message=f"accelerators has no {name!r}",
                    hint=did_you_mean(name, offered, choices(list(offered)) if offered else "add it to accelerators"),
                )
    for name, offer in offered.items():
        pointer = ("accelerators", name, "perNode")
        written = environment.facts.data["accelerators"][name].get("perNode")
        if written is not None and written != offer.per_node:
            yield Violation(
                pointer=pointer,
                message=f"it is {written}, and nodes says that a node has {offer.per_node}",
                hint="remove perNode: nodes decides",
                see=environment.facts.at(("nodes",)),
            )


@spec_rule("ENV003", "There is no such runtime")
def facts_of_unknown_runtime(subject: OfEnvironment) -> Iterator[Violation]:
    environment = subject.environment
    if environment.release is None:
        return
    names = subject.runtime_catalog.names(environment.name, environment.release.name)
    own = environment.facts.find(()).document  # base.yaml is for environments of other releases too
    for name in environment.runtimes:
        if name not in names and environment.facts.find(("runtimes", name)).document is own:
            yield Violation(
                pointer=("runtimes", name),
                key=True,
                message=f"{environment.release.title} ships no runtime {name!r}, and runtimes/ holds none",
                hint=_instead(environment.release, name, names),
            )


def _instead(release: Release, name: str, names: tuple[str, ...]) -> str:
    if lifecycle(release, f"runtime:{name}", "removed"):
        return "remove the entry"
    return did_you_mean(name, names, choices(names))


@spec_rule("ENV004", "The runtime has no such container")
def unknown_container(subject: OfEnvironment) -> Iterator[Violation]:
    environment = subject.environment
    for name, entry in environment.runtimes.items():
        release = environment.release
        runtime = subject.runtime_catalog.find(name, environment.name, release.name if release else None)
        if runtime is None:
            continue
        containers = [str(container["name"]) for container in runtime.containers]
        for container in entry.images:
            if container not in containers:
                yield Violation(
                    pointer=("runtimes", name, "images", container),
                    key=True,
                    message=f"{name!r} has no container {container!r}",
                    hint=did_you_mean(container, containers, f"it has {listed(containers)}"),
                )


@spec_rule("ENV005", "A size's limits are below its requests")
def size_limits(subject: OfEnvironment) -> Iterator[Violation]:
    for name, size in subject.environment.sizes.items():
        for resource, low, high in below(size.requests, size.limits):
            yield Violation(
                pointer=("sizes", name, "limits", resource),
                message=f"size {name}: the limit of {resource}, {high}, is below the request, {low}",
                hint="raise the limit, or lower the request",
            )


@spec_rule("ENV012", "A size's memory is a few bytes")
def sizes_with_hardly_any_memory(subject: OfEnvironment) -> Iterator[Violation]:
    for name, size in subject.environment.sizes.items():
        for pointer, message, hint in few_bytes(size.requests, size.limits):
            yield Violation(pointer=("sizes", name, *pointer), message=f"size {name}: {message}", hint=hint)


@spec_rule("ENV007", "A quota counts whole accelerators")
def quota_counts(subject: OfEnvironment) -> Iterator[Violation]:
    for pointer, written in _quotas(subject.environment):
        if "/" in str(pointer[-1]) and quantity_value(written).denominator != 1:
            yield Violation(
                pointer=pointer,
                message=f"{pointer[-1]} is {written!r}, which is not a whole number",
                hint="write how many the project may use",
            )


def _quotas(environment: Environment) -> Iterator[tuple[Pointer, str]]:
    """Every amount of every quota, and where it is written."""
    blocks: list[tuple[Pointer, Mapping[str, str]]] = [(("quota", "default"), environment.quota.default)]
    blocks += [(("quota", "projects", name), block) for name, block in environment.quota.projects.items()]
    for pointer, block in blocks:
        for key, written in block.items():
            yield (*pointer, key), written


@spec_rule("ENV011", "A quota is for a project, or for an accelerator, that is not there")
def idle_quota(subject: OfEnvironment) -> Iterator[Violation]:
    environment = subject.environment
    for name in environment.quota.projects:
        if name not in subject.projects:
            yield Violation(
                pointer=("quota", "projects", name),
                key=True,
                message=f"there is no projects/{name}.yaml",
                hint=did_you_mean(name, subject.projects, "remove the entry"),
                severity=Severity.WARNING,
            )
    offered = {str(offer.identifier) for one in subject.environments for offer in one.accelerators.values()}
    for pointer, _ in _quotas(environment):
        start, _, identifier = str(pointer[-1]).partition("requests.")
        if not start and "/" in identifier and identifier not in offered:
            near = closest(identifier, offered)
            yield Violation(
                pointer=pointer,
                key=True,
                message=f"no environment offers an accelerator {identifier!r}",
                hint=f"did you mean {near!r}, which is offered?"
                if near
                else "write the identifier of one, or remove the line",
                severity=Severity.WARNING,
            )


@spec_rule("ENV009", "The accelerator has no hardware profile", when=lacking("acceleratorProfiles"))
def no_hardware_profile(subject: OfEnvironment) -> Iterator[Violation]:
    environment = subject.environment
    for name, offer in environment.accelerators.items():
        if offer.hardware_profile is None:
            title = environment.release.title if environment.release else "the release"
            yield Violation(
                pointer=("accelerators", name),
                key=True,
                message=f"{title} has hardware profiles only: its dashboard would not show which accelerator a model has",
                hint="add hardwareProfile: {name: ..., namespace: ...}",
                severity=Severity.WARNING,
            )
