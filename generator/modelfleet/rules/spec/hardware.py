"""What a cluster and its release offer: platforms, modes, runtimes, sizes, accelerators, and fields of the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from modelfleet.finding import Pointer, Severity, dotted
from modelfleet.kubernetes.objects import mapping
from modelfleet.kubernetes.quantity import NotAQuantity, quantity_value
from modelfleet.resolve.model import Model, Project, Workload
from modelfleet.resolve.runtime import Runtime
from modelfleet.rules import Violation, having, lacking
from modelfleet.rules.spec.subjects import OfHardware, OfModel, OfProject, OfWorkload, spec_rule
from modelfleet.wording import choices, closest, listed, plural


@spec_rule("CAP003", "The environment does not offer the accelerator")
def unknown_accelerator(subject: OfHardware) -> Iterator[Violation]:
    accelerator = subject.accelerator
    if accelerator is None or accelerator.known:
        return
    offered = subject.environment.accelerators
    what = choices(list(offered)) if offered else "there is none"
    yield Violation(
        pointer=accelerator_name_pointer(subject.project, subject.pointer),
        message=f"accelerator {accelerator.name!r} is not offered",
        hint=what,
        see=subject.environment.facts.key_at(("accelerators",)) if offered else None,
    )


def accelerator_name_pointer(project: Project, around: Pointer, key: str = "name") -> Pointer:
    """The accelerator is written as a name or as a map."""
    pointer = (*around, "accelerator")
    written = project.spec.data
    for step in pointer:
        written = written.get(step) if isinstance(written, dict) else None
    return (*pointer, key) if isinstance(written, dict) and key in written else pointer


@spec_rule("CAP004", "No node has so many accelerators")
def more_than_a_node(subject: OfHardware) -> Iterator[Violation]:
    accelerator = subject.accelerator
    if accelerator is None or accelerator.per_node is None or accelerator.count <= accelerator.per_node:
        return
    yield Violation(
        pointer=accelerator_name_pointer(subject.project, subject.pointer, "count"),
        message=f"{accelerator.count} {accelerator.name} on one node; a node has {accelerator.per_node}",
        hint="ask for fewer, or spread the model over nodes with multiNode",
        see=subject.environment.facts.at(("accelerators", accelerator.name, "perNode")),
    )


@spec_rule("CAP006", "The environment has no such size")
def unknown_size(subject: OfHardware) -> Iterator[Violation]:
    size = subject.size
    sizes = subject.environment.sizes
    if size is None or size in sizes:
        return
    near = closest(size, sizes)
    known = choices(list(sizes)) if sizes else "it has none: write requests and limits"
    yield Violation(
        pointer=(*subject.pointer, "size"),
        message=f"no size {size!r} is offered",
        hint=f"did you mean {near!r}? {known}" if near else known,
    )


@spec_rule("CAP019", "The accelerator cannot compute in the model's number format")
def half_precision(subject: OfModel) -> Iterator[Violation]:
    engine, accelerator = subject.model.engine, subject.model.hardware.accelerator
    if engine is None or accelerator is None or accelerator.compute_capability is None:
        return
    below, option = engine.facts["halfPrecisionBelow"], engine.facts["dtypeArg"]
    if below is None or _number(accelerator.compute_capability) >= _number(below):
        return
    if _option(subject.model.args, str(option)) in ("half", "float16", "float", "float32"):
        return
    yield Violation(
        pointer=accelerator_name_pointer(subject.project, subject.model.pointer),
        message=f"{accelerator.name!r} has compute capability {accelerator.compute_capability}, and bfloat16, "
        f"in which {engine.facts['title']} would load the model, needs {below}",
        hint=f'add "{option}=half" to args',
    )


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(step) for step in text.split("."))


def _option(args: tuple[str, ...], option: str) -> str | None:
    """The value of `--option=value` or `--option value`; of several the last."""
    found = None
    for index, arg in enumerate(args):
        name, equals, text = arg.partition("=")
        if name.replace("_", "-") == option:
            found = text if equals else (args[index + 1] if index + 1 < len(args) else None)
    return found


@spec_rule("CAP020", "The limits are below the requests")
def limits_below_requests(subject: OfHardware) -> Iterator[Violation]:
    hardware = subject.hardware
    if not isinstance(subject.written.get("size"), dict):  # the environment's own sizes are judged there
        return
    for resource, low, high in below(hardware.requests, hardware.limits):
        yield Violation(
            pointer=(*subject.pointer, "size", "limits", resource),
            message=f"the limit of {resource}, {high}, is below the request, {low}",
            hint="raise the limit, or lower the request",
        )


def below(requests: Mapping[str, Any] | None, limits: Mapping[str, Any] | None) -> Iterator[tuple[str, str, str]]:
    """Resources whose limit is below the request."""
    for resource, low in (requests or {}).items():
        high = (limits or {}).get(resource)
        if high is not None and _amount(high) < _amount(low):
            yield resource, str(low), str(high)


def _amount(text: object) -> Fraction:
    try:
        return quantity_value(str(text))
    except NotAQuantity:
        return Fraction(0)


@spec_rule("CAP029", "The memory is a few bytes")
def hardly_any_memory(subject: OfHardware) -> Iterator[Violation]:
    size = subject.written.get("size")
    if not isinstance(size, dict):
        return
    for pointer, message, hint in few_bytes(size.get("requests"), size.get("limits")):
        yield Violation(pointer=(*subject.pointer, "size", *pointer), message=message, hint=hint)


def few_bytes(
    requests: Mapping[str, Any] | None, limits: Mapping[str, Any] | None
) -> Iterator[tuple[Pointer, str, str]]:
    """Amounts of memory in which no program fits, where in a size they stand, and what to write instead."""
    for part, amounts in (("requests", requests), ("limits", limits)):
        written = str((amounts or {}).get("memory", "0"))
        if 0 < _amount(written) < _LEAST_MEMORY:
            number, count = written.rstrip("kKi"), ceil(_amount(written))
            meant = (
                f"write {number}Gi or {number}Mi" if number.replace(".", "").isdecimal() else "write it with Gi or Mi"
            )
            yield (part, "memory"), f"{written} is {plural(count, 'byte')}", meant


_LEAST_MEMORY = 1 << 20


@spec_rule("CAP021", "The hardware profile does not allow the amount", when=having("hardwareProfiles"))
def outside_of_profile(subject: OfHardware) -> Iterator[Violation]:
    hardware = subject.hardware
    profile = hardware.profile
    if profile is None:
        return
    resources = (hardware.resources or {}).get("requests") or {}
    bounds = (("minimum", "less", profile.minimum), ("maximum", "more", profile.maximum))
    for bound, word, amounts in bounds:
        for resource, limit in amounts.items():
            amount = resources.get(resource)
            if amount is None or _amount(amount) == _amount(limit):
                continue
            if (_amount(amount) < _amount(limit)) == (bound == "minimum"):
                yield Violation(
                    pointer=_cause(subject, resource),
                    message=f"{resource} {amount} is {word} than the {bound} {limit} of hardware profile {profile.name!r}",
                    hint="keep within the profile's bounds",
                )


def _cause(subject: OfHardware, resource: str) -> Pointer:
    """Which field an amount comes from."""
    accelerator = subject.hardware.accelerator
    if accelerator is not None and accelerator.identifier == resource:
        return accelerator_name_pointer(subject.project, subject.pointer, "count")
    return (*subject.pointer, "size")


@spec_rule("CAP022", "The release reads no hardware profiles", when=lacking("hardwareProfiles"))
def no_hardware_profiles(subject: OfHardware) -> Iterator[Violation]:
    hardware = subject.hardware
    if hardware.profile is None:
        return
    by_accelerator = hardware.accelerator is not None and hardware.accelerator.profile == hardware.profile
    release = subject.environment.release
    yield Violation(
        pointer=(*subject.pointer, "accelerator" if by_accelerator else "size"),
        message=f"hardware profile {hardware.profile.name!r} would do nothing: "
        f"{release.title if release else 'the release'} reads none for models",
        hint="give the accelerator its tolerations, and the size its amounts, in the environment",
    )


@spec_rule("CAP023", "No size is given")
def no_size(subject: OfWorkload) -> Iterator[Violation]:
    workload = subject.workload
    hardware, runtime = workload.hardware, workload.runtime
    if isinstance(workload, Model) and workload.own_program and _asks_for_amounts(workload.containers[0]):
        return
    own = runtime is not None and (
        (_keeps_resources(subject, workload) and _brings_amounts(runtime))
        or (runtime.multi_node and hardware.profile is None)
    )
    if hardware.sized or hardware.unsaid or own:
        return
    sizes = subject.environment.sizes
    yield Violation(
        pointer=workload.pointer,
        message="no size: the pods request no CPU or memory, and are the first to be evicted",
        hint=f"add size: one of {listed(list(sizes))}" if sizes else "add size: {requests: ..., limits: ...}",
        severity=Severity.WARNING,
    )


def _brings_amounts(runtime: Runtime) -> bool:
    """Whether the container that serves asks for CPU or memory by itself."""
    return _asks_for_amounts(next((one for one in runtime.containers if one.get("name") == "kserve-container"), {}))


def _asks_for_amounts(container: Mapping[str, Any]) -> bool:
    parts = (part for part in mapping(container.get("resources")).values() if isinstance(part, dict))
    return any(name in part for part in parts for name in ("cpu", "memory"))


@spec_rule("CAP026", "Several accelerators of a model need shared memory")
def no_shared_memory(subject: OfModel) -> Iterator[Violation]:
    model, runtime, engine = subject.model, subject.model.runtime, subject.model.engine
    if runtime is None or engine is None or engine.facts["tensorParallelArg"] is None or model.llm is not None:
        return
    shared = model.shared
    if subject.environment.can("runtimeSharedMemory") and not (shared and shared.as_filed):
        return
    patches = shared.patches if shared else model.patches
    if model.hardware.gpus < 2 or _mounts_shared_memory(runtime) or "/dev/shm" in str(patches):
        return
    steps = (
        "{op: add, path: /spec/volumes, value: [{name: shm, emptyDir: {medium: Memory}}]}, "
        "{op: add, path: /spec/containers/0/volumeMounts, value: [{name: shm, mountPath: /dev/shm}]}"
    )
    yield Violation(
        pointer=(*model.pointer, "accelerator"),
        message=(
            f"{model.hardware.gpus} accelerators exchange data through /dev/shm, and {runtime.name!r} leaves the "
            "container the default of 64 MiB"
        ),
        hint=f"add patch: {{ServingRuntime: [{steps}]}}{f' to {dotted(shared.pointer)}' if shared else ''}",
        severity=Severity.WARNING,
    )


def _mounts_shared_memory(runtime: Runtime) -> bool:
    mounts = (mount for container in runtime.containers for mount in container.get("volumeMounts") or ())
    return any(mount.get("mountPath") == "/dev/shm" for mount in mounts)


@spec_rule("CAP041", "The accelerators of the runtime do not reach the pods")
def dropped_accelerators(subject: OfWorkload) -> Iterator[Violation]:
    workload, runtime = subject.workload, subject.workload.runtime
    if runtime is None or runtime.kind != "ServingRuntime" or workload.hardware.accelerator is not None:
        return
    if _keeps_resources(subject, workload):
        return
    asked = sorted(_accelerators(subject, runtime))
    if asked:
        yield Violation(
            pointer=(*workload.pointer, "runtime"),
            message=f"{runtime.name!r} asks for {listed(asked)}, which is dropped here: pods get the accelerator that the "
            "spec gives them, and there is none",
            hint="add accelerator, or remove the resources from the runtime",
            severity=Severity.WARNING,
        )


def _keeps_resources(subject: OfProject, workload: Workload) -> bool:
    """Whether the containers of its runtime keep the amounts that the runtime has."""
    of_release = isinstance(workload, Model) and bool(subject.environment.can("runtimeKeepsResources"))
    return of_release or workload.kept_resources


@spec_rule("CAP042", "One pod would ask for two kinds of accelerator")
def two_kinds(subject: OfModel) -> Iterator[Violation]:
    model, runtime = subject.model, subject.model.runtime
    accelerator = model.hardware.accelerator
    if runtime is None or accelerator is None or accelerator.identifier is None or model.llm is not None:
        return
    if not _keeps_resources(subject, model):
        return
    kinds = sorted({*_accelerators(subject, runtime), accelerator.identifier})
    if len(kinds) > 1:
        yield Violation(
            pointer=accelerator_name_pointer(subject.project, model.pointer),
            message=f"the pods would ask for {listed(kinds)} at once, the accelerator of the model and that of "
            f"{runtime.name!r}: no node has both",
            hint="remove the resources from the runtime, or choose an accelerator of its kind",
        )


def _accelerators(subject: OfProject, runtime: Runtime) -> set[str]:
    """The kinds of accelerator that the containers of a runtime ask for."""
    known = {*(subject.environment.can("gpuResources") or ())}
    known |= {offer.identifier for offer in subject.environment.accelerators.values()}
    parts = [container.get("resources") or {} for container in runtime.containers]
    return known & {str(name) for part in parts for kind in ("limits", "requests") for name in part.get(kind) or ()}
