"""What a cluster and its release offer: platforms, modes, runtimes, sizes, accelerators, and fields of the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil

from generator import catalog
from generator.catalog import images
from generator.finding import Pointer, Severity, choices, listed, nearest, plural
from generator.model import Accelerator, Environment, Format, Hardware, Model, Project, Release, Runtime, Workload
from generator.quantity import NotAQuantity, value
from generator.rules import Problem, having, lacking
from generator.rules.subjects import OfHardware, OfModel, OfProject, OfServer, OfWorkload, rule


@rule("CAP001", "The cluster has no multi-model platform")
def no_model_mesh(subject: OfProject) -> Iterator[Problem]:
    environment = subject.environment
    if subject.project.platform != "multi-model":
        return
    way_out = (
        "serve each model as a single-model deployment there: platform: single-model, servers: null, models: {...}"
    )
    if not environment.can("modelMesh"):
        title = environment.release.title if environment.release else "the release"
        yield Problem(
            pointer=("platform",), message=f"multi-model needs ModelMesh, which {title} does not have", hint=way_out
        )
    elif environment.get("platforms", "modelMesh") is False:
        see = environment.facts.at(("platforms", "modelMesh"))
        yield Problem(
            pointer=("platform",),
            message="multi-model needs ModelMesh, which is switched off here",
            hint=way_out,
            see=see,
        )


@rule("CAP002", "The platform is deprecated", when=having("modelMesh"))
def deprecated_platform(subject: OfProject) -> Iterator[Problem]:
    if subject.project.platform != "multi-model":
        return
    if fact := lifecycle(subject.environment.release, "modelMesh", "deprecated"):
        yield Problem(
            pointer=("platform",),
            message=f"the multi-model platform is deprecated since {_title(fact['since'])}",
            hint=fact["remedy"],
            severity=Severity.WARNING,
        )


def lifecycle(release: Release | None, feature: str, state: str) -> Mapping[str, str] | None:
    """What a release's data says of a feature in this state (deprecated, removed, preview)."""
    facts = release.lifecycle if release else ()
    return next((fact for fact in facts if fact["feature"] == feature and fact["state"] == state), None)


def _title(release: str) -> str:
    """A release as people call it; one that is older than all that are known stays as it is."""
    return catalog.release(release).title if release in catalog.release_names() else release


@rule("CAP003", "The environment does not offer the accelerator")
def unknown_accelerator(subject: OfHardware) -> Iterator[Problem]:
    accelerator = subject.accelerator
    if accelerator is None or accelerator.known:
        return
    offered = subject.environment.get("accelerators") or {}
    what = choices(list(offered)) if offered else "there is none"
    yield Problem(
        pointer=_accelerator_name(subject.project, subject.pointer),
        message=f"no {accelerator.name!r} is offered",
        hint=what,
        see=subject.environment.facts.key_at(("accelerators",)) if offered else None,
    )


def _accelerator_name(project: Project, around: Pointer, key: str = "name") -> Pointer:
    """The accelerator is written as a name or as a map."""
    pointer = (*around, "accelerator")
    written = project.spec.data
    for step in pointer:
        written = written.get(step) if isinstance(written, dict) else None
    return (*pointer, key) if isinstance(written, dict) and key in written else pointer


@rule("CAP004", "No node has so many accelerators")
def more_than_a_node(subject: OfHardware) -> Iterator[Problem]:
    accelerator = subject.accelerator
    if accelerator is None or accelerator.per_node is None or accelerator.count <= accelerator.per_node:
        return
    yield Problem(
        pointer=_accelerator_name(subject.project, subject.pointer, "count"),
        message=f"{accelerator.count} {accelerator.name} on one node; a node has {accelerator.per_node}",
        hint="ask for fewer, or spread the model over nodes with multiNode",
        see=subject.environment.facts.at(("accelerators", accelerator.name, "perNode")),
    )


@rule("CAP005", "The project's accelerators exceed its quota")
def over_quota(subject: OfProject) -> Iterator[Problem]:
    project = subject.project
    for identifier, wanted, quota in accelerators_used(project):
        if quota is not None and wanted > quota:
            using = [item for item in project.workloads if _most_used(item, identifier)]
            most = max(using, key=lambda item: _most_used(item, identifier))
            yield Problem(
                pointer=(*most.pointer, "accelerator"),
                message=f"the project needs {wanted} {identifier} at most; its quota is {quota}",
                hint="use fewer replicas or accelerators, or raise quota.projects in the environment",
                see=project.environment.facts.at(_quota_pointer(project, identifier)),
            )


def accelerators_used(project: Project) -> Iterator[tuple[str, int, int | None]]:
    """For each accelerator identifier: how many the project uses at most, and its quota where there is one."""
    used: dict[str, int] = {}
    for workload in project.workloads:
        accelerator = workload.hardware.accelerator
        if accelerator is not None and accelerator.identifier is not None:
            identifier = accelerator.identifier
            used[identifier] = used.get(identifier, 0) + _most_used(workload, identifier)
    for identifier, count in used.items():
        found = project.environment.get(*map(str, _quota_pointer(project, identifier)))
        yield identifier, count, None if found is None else int(value(str(found)))


def _most_used(workload: Workload, identifier: str) -> int:
    """The accelerators of all replicas, and of all nodes of a group; none where it is stopped."""
    accelerator = workload.hardware.accelerator
    if isinstance(workload, Model) and workload.llm is not None:
        here = [group for group in workload.llm.groups if _identifier(group.head.hardware) == identifier]
        return 0 if workload.stopped else sum(group.gpus for group in here)
    if accelerator is None or accelerator.identifier != identifier:
        return 0
    nodes = workload.pipeline or 1 if isinstance(workload, Model) else 1
    held = isinstance(workload, Model) and workload.stopped
    return 0 if held else accelerator.count * nodes * workload.maximum


def _identifier(hardware: Hardware) -> str | None:
    return hardware.accelerator.identifier if hardware.accelerator else None


def _quota_pointer(project: Project, identifier: str) -> Pointer:
    key = f"requests.{identifier}"
    own = project.environment.get("quota", "projects", project.name)
    if isinstance(own, dict) and key in own:
        return ("quota", "projects", project.name, key)
    return ("quota", "default", key)


@rule("CAP006", "The environment has no such size")
def unknown_size(subject: OfHardware) -> Iterator[Problem]:
    size = subject.size
    sizes = subject.environment.get("sizes") or {}
    if size is None or size in sizes:
        return
    near = nearest(size, sizes)
    known = choices(list(sizes)) if sizes else "it has none: write requests and limits"
    yield Problem(
        pointer=(*subject.pointer, "size"),
        message=f"no size {size!r} is offered",
        hint=f"did you mean {near!r}? {known}" if near else known,
    )


@rule("CAP007", "There is no such serving runtime")
def unknown_runtime(subject: OfWorkload) -> Iterator[Problem]:
    name = subject.workload.runtime_name
    if name is None or subject.workload.runtime is not None:
        return
    release = subject.environment.release
    names = subject.shelf.names(subject.environment.name, release.name if release else None)
    pointer = (*subject.workload.pointer, "runtime")
    if fact := lifecycle(release, f"runtime:{name}", "removed"):
        yield Problem(pointer=pointer, message=f"{name!r} is gone since {_title(fact['since'])}", hint=fact["remedy"])
        return
    title = release.title if release else "the release"
    yield Problem(
        pointer=pointer,
        message=f"{title} ships no runtime {name!r}, and runtimes/ holds none",
        hint=_meant_runtime(subject, name, names),
    )


def _meant_runtime(subject: OfWorkload, name: str, names: tuple[str, ...]) -> str:
    """The runtime that a name is near, else those of a family that it names, for the accelerator; else all."""
    offered = _for_platform(subject, names)
    if (near := nearest(name, names)) is not None:
        return f"did you mean {near!r}?"
    family = [other for other in offered if other.startswith(f"{name}-")]
    fitting = [other for other in family if _suits(subject, other)] or family
    return f"did you mean {fitting[0]!r}?" if len(fitting) == 1 else choices(fitting or offered)


def _suits(subject: OfWorkload, name: str) -> bool:
    """Whether a runtime is made for the accelerator that is asked for, and for as many nodes."""
    workload, release = subject.workload, subject.environment.release
    runtime = subject.shelf.find(name, subject.environment.name, release.name if release else None)
    accelerator = workload.hardware.accelerator
    if runtime is None or runtime.multi_node != (isinstance(workload, Model) and workload.multi_node):
        return False
    return runtime.accelerator != "required" if accelerator is None else _fits(accelerator.identifier, runtime)


def _for_platform(subject: OfProject, names: tuple[str, ...]) -> list[str]:
    release = subject.environment.release
    found = (
        (name, subject.shelf.find(name, subject.environment.name, release.name if release else None)) for name in names
    )
    return [name for name, runtime in found if runtime and subject.project.platform in runtime.platforms]


@rule("CAP008", "The serving runtime is disabled")
def disabled_runtime(subject: OfWorkload) -> Iterator[Problem]:
    name = subject.workload.runtime_name
    if name is not None and subject.environment.get("runtimes", name, "disabled") is True:
        yield Problem(
            pointer=(*subject.workload.pointer, "runtime"),
            message=f"{name!r} is disabled",
            hint="choose another runtime, or have the platform team enable it",
            see=subject.environment.facts.at(("runtimes", name, "disabled")),
        )


@rule("CAP009", "The serving runtime is for the other platform")
def runtime_of_other_platform(subject: OfWorkload) -> Iterator[Problem]:
    runtime, project = subject.workload.runtime, subject.project
    if runtime is None or project.platform in runtime.platforms:
        return
    release = subject.environment.release
    names = subject.shelf.names(subject.environment.name, release.name if release else None)
    fitting = _for_platform(subject, names)
    kind = "multi-model (multiModel: true)" if runtime.multi_model else listed(sorted(runtime.platforms))
    yield Problem(
        pointer=(*subject.workload.pointer, "runtime"),
        message=f"{runtime.name!r} is a {kind} runtime; the project is {project.platform}",
        hint=f"for {project.platform} {choices(fitting) if fitting else 'there is none'}",
    )


def _chosen(subject: OfProject, workload: Workload) -> Runtime | None:
    """The runtime of a workload, unless it is for the other platform, which is all there is to say of it."""
    runtime = workload.runtime
    return runtime if runtime is not None and subject.project.platform in runtime.platforms else None


@rule("CAP010", "A container of the runtime has no image")
def no_image(subject: OfWorkload) -> Iterator[Problem]:
    runtime = _chosen(subject, subject.workload)
    if (
        runtime is None
        or runtime.kind != "ServingRuntime"
        or subject.environment.get("runtimes", runtime.name, "disabled")
    ):
        return
    chosen = subject.environment.get("runtimes", runtime.name, "images") or {}
    for container, image in images(runtime, chosen):
        if image is None:
            yield Problem(
                pointer=(*subject.workload.pointer, "runtime"),
                message=f"no image is known for container {container!r} of {runtime.name!r}",
                hint=f"add runtimes: {{{runtime.name}: {{images: {{{container}: ...}}}}}} to environments/"
                f"{subject.environment.name}.yaml",
            )


@rule("CAP011", "The runtime does not serve the framework")
def unknown_framework(subject: OfModel) -> Iterator[Problem]:
    written = subject.written.get("framework")
    runtime = _chosen(subject, subject.model)
    yield from framework_problems(runtime, subject.model.format, written, subject.model.pointer)


@rule("CAP012", "The model server's runtime does not serve the framework", when=having("modelMesh"))
def unknown_served_framework(subject: OfServer) -> Iterator[Problem]:
    for model in subject.server.models:
        written = subject.project.spec.data["servers"][subject.server.name]["models"][model.name].get("framework")
        yield from framework_problems(_chosen(subject, subject.server), model.format, written, model.pointer)


def framework_problems(
    runtime: Runtime | None, chosen: Format | None, written: str | None, pointer: Pointer
) -> Iterator[Problem]:
    """A framework that is not offered, or one that is left open where there are several."""
    if runtime is None or chosen is not None or runtime.kind != "ServingRuntime":
        return
    offered = [str(item) for item in runtime.formats]
    if not offered:
        return
    if written is None:
        yield Problem(
            pointer=pointer,
            message=f"framework is missing, and {runtime.name!r} offers several",
            hint=f"add framework: one of {listed(offered)}",
        )
        return
    several = [text for text, item in zip(offered, runtime.formats, strict=True) if item.name == written]
    yield Problem(
        pointer=(*pointer, "framework"),
        message=f"{runtime.name!r} offers {written!r} in several versions"
        if several
        else f"{runtime.name!r} does not serve {written!r}",
        hint=f"it serves {listed(several or offered)}",
    )


@rule("CAP013", "The cluster has no advanced mode")
def no_serverless(subject: OfModel) -> Iterator[Problem]:
    environment, pointer = subject.environment, (*subject.model.pointer, "mode")
    if subject.model.mode != "advanced" or subject.model.llm is not None:
        return
    way_out = "use mode: standard" + (", which has one replica at least" if subject.model.minimum == 0 else "")
    if not environment.can("serverless"):
        title = environment.release.title if environment.release else "the release"
        yield Problem(
            pointer=pointer,
            message=f"advanced needs Knative Serverless, which {title} does not have",
            hint=way_out,
        )
    elif environment.get("platforms", "serverless") is False:
        yield Problem(
            pointer=pointer,
            message="advanced needs Knative Serverless, which is switched off here",
            hint=way_out,
            see=environment.facts.at(("platforms", "serverless")),
        )


@rule("CAP014", "A standard deployment cannot scale to zero")
def zero_in_standard_mode(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.mode != "standard" or model.minimum > 0 or model.llm is not None:
        return
    ways = ["write 1 or more", "use mode: advanced to scale to zero" if _scales_to_zero(subject.environment) else ""]
    ways.append("write stopped: true to hold it" if subject.environment.can("stop") else "")
    yield Problem(
        pointer=_replicas(subject, "min"),
        message="0 replicas in standard mode: its autoscaler makes 1 of it",
        hint=", or ".join(filter(None, ways)),
    )


def _scales_to_zero(environment: Environment) -> bool:
    return bool(environment.can("serverless")) and environment.get("platforms", "serverless") is not False


def _replicas(subject: OfModel, key: str) -> Pointer:
    pointer = (*subject.model.pointer, "replicas")
    written = subject.written.get("replicas")
    return (*pointer, key) if isinstance(written, dict) and key in written else pointer


@rule("CAP015", "The least number of replicas is above the most")
def minimum_over_maximum(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.minimum > model.maximum:
        yield Problem(
            pointer=_replicas(subject, "min"),
            message=f"min {model.minimum} is more than max {model.maximum}",
            hint="raise max or lower min",
        )


@rule("CAP016", "A GPU model would be scaled by its CPU use")
def scaled_by_cpu(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    if model.mode != "standard" or model.multi_node or model.llm is not None or model.hardware.gpus == 0:
        return
    if model.maximum > model.minimum > 0:
        yield Problem(
            pointer=(*model.pointer, "replicas"),
            message=f"a range of {model.minimum} to {model.maximum} is scaled by CPU use (80 %), "
            "which says little of a model on GPUs",
            hint="give a fixed number of replicas"
            + (", or use mode: advanced, which scales by requests" if _scales_to_zero(subject.environment) else ""),
            severity=Severity.WARNING,
        )


@rule("CAP017", "The release does not know the field")
def unknown_field(subject: OfModel) -> Iterator[Problem]:
    release = subject.environment.release
    for field, what in _FIELDS.items():
        if subject.written.get(field) and not subject.environment.can(_CAPABILITY[field]):
            yield Problem(
                pointer=(*subject.model.pointer, field),
                key=True,
                message=f"{release.title if release else 'the release'} has no {what}",
                hint=f"take {field} away for this environment: {field}: null",
            )
    llm = subject.model.llm
    if llm is not None and llm.config and not subject.environment.can("llm"):
        yield Problem(
            pointer=(*subject.model.pointer, "runtime"),
            message=f"{release.title if release else 'the release'} has no LLMInferenceService, which "
            f"{subject.model.runtime_name!r} configures",
            hint="use a ServingRuntime there",
        )


_FIELDS = {
    "stopped": "way to stop a model",
    "modelType": "model type",
    "genAiAsset": "gen AI assets",
    "strategy": "deployment strategy for models",
    "timeout": "request timeout for models",
    "return401": "choice of the authorization proxy (return401)",
    "llmd": "LLMInferenceService (llmd)",
}
_CAPABILITY = {field: field for field in _FIELDS} | {"stopped": "stop", "llmd": "llm"}


@rule("CAP018", "The accelerator does not fit the runtime")
def accelerator_for_runtime(subject: OfWorkload) -> Iterator[Problem]:
    runtime, accelerator = _chosen(subject, subject.workload), subject.workload.hardware.accelerator
    pointer = subject.workload.pointer
    if runtime is None:
        return
    if accelerator is None:
        if runtime.accelerator == "required":
            yield Problem(
                pointer=(*pointer, "runtime"),
                message=f"{runtime.name!r} needs an accelerator ({listed(runtime.recommended)})",
                hint=_offered(subject.environment, runtime, "choose another runtime"),
            )
        return
    if not accelerator.known or _fits(accelerator.identifier, runtime):
        return
    yield from _misfit(subject, runtime, accelerator)


def _fits(identifier: str | None, runtime: Runtime) -> bool:
    """Whether the runtime is made for it; a slice of a GPU (nvidia.com/mig-1g.5gb) is one of the GPU's kind."""
    vendor, _, what = (identifier or "").partition("/")
    return identifier in runtime.recommended or (what.startswith("mig-") and f"{vendor}/gpu" in runtime.recommended)


def _offered(environment: Environment, runtime: Runtime, otherwise: str) -> str:
    offered = environment.get("accelerators") or {}
    fitting = [
        name for name, facts in offered.items() if isinstance(facts, dict) and _fits(facts.get("identifier"), runtime)
    ]
    return f"add accelerator: one of {listed(fitting)}" if fitting else otherwise


def _misfit(subject: OfWorkload, runtime: Runtime, accelerator: Accelerator) -> Iterator[Problem]:
    pointer = _accelerator_name(subject.project, subject.workload.pointer)
    identifier = subject.environment.facts.at(("accelerators", accelerator.name, "identifier"))
    if runtime.accelerator == "required":
        yield Problem(
            pointer=pointer,
            message=f"{runtime.name!r} runs on {listed(runtime.recommended)}; {accelerator.name!r} is {accelerator.identifier}",
            hint=_offered(subject.environment, runtime, "choose another runtime, or mend the environment's identifier"),
            see=identifier,
        )
    elif runtime.document is not None and not runtime.recommended:
        return  # a runtime of the user's own need not say what it is made for
    elif runtime.accelerator == "none":
        yield Problem(
            pointer=pointer,
            message=f"{runtime.name!r} runs on CPUs: {accelerator.name!r} would be taken and not used",
            hint="take the accelerator away, or choose a runtime for it",
        )
    else:
        made_for = f"is made for {listed(runtime.recommended)}" if runtime.recommended else "is made for no accelerator"
        yield Problem(
            pointer=pointer,
            message=f"{runtime.name!r} {made_for}; {accelerator.name!r} is {accelerator.identifier}",
            hint="check that the runtime's image can use it",
            see=identifier,
            severity=Severity.WARNING,
        )


@rule("CAP019", "The accelerator cannot compute in the model's number format")
def half_precision(subject: OfModel) -> Iterator[Problem]:
    engine, accelerator = subject.model.engine, subject.model.hardware.accelerator
    if engine is None or accelerator is None or accelerator.compute_capability is None:
        return
    below, option = engine.facts["halfPrecisionBelow"], engine.facts["dtypeArg"]
    if below is None or _number(accelerator.compute_capability) >= _number(below):
        return
    if _option(subject.model.args, str(option)) in ("half", "float16", "float", "float32"):
        return
    yield Problem(
        pointer=_accelerator_name(subject.project, subject.model.pointer),
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


@rule("CAP020", "The limits are below the requests")
def limits_below_requests(subject: OfHardware) -> Iterator[Problem]:
    hardware = subject.hardware
    if not isinstance(subject.written.get("size"), dict):  # the environment's own sizes are judged there
        return
    for resource, low, high in below(hardware.requests or {}, hardware.limits or {}):
        yield Problem(
            pointer=(*subject.pointer, "size", "limits", resource),
            message=f"the limit of {resource}, {high}, is below the request, {low}",
            hint="a limit is at least the request",
        )


def below(requests: object, limits: object) -> Iterator[tuple[str, str, str]]:
    """Resources whose limit is below the request."""
    if not isinstance(requests, dict) or not isinstance(limits, dict):
        return
    for resource, low in requests.items():
        high = limits.get(resource)
        if high is not None and _amount(high) < _amount(low):
            yield resource, str(low), str(high)


def _amount(text: object) -> Fraction:
    try:
        return value(str(text))
    except NotAQuantity:
        return Fraction(0)


@rule("CAP029", "The memory is a few bytes")
def hardly_any_memory(subject: OfHardware) -> Iterator[Problem]:
    for pointer, message, hint in few_bytes(subject.written.get("size")):
        yield Problem(pointer=(*subject.pointer, "size", *pointer), message=message, hint=hint)


def few_bytes(size: object) -> Iterator[tuple[Pointer, str, str]]:
    """Amounts of memory in which no program fits, where in a size they stand, and what to write instead."""
    for part in ("requests", "limits"):
        amounts = size.get(part) if isinstance(size, dict) else None
        written = str(amounts["memory"]) if amounts else "0"
        if 0 < _amount(written) < _LEAST_MEMORY:
            number, count = written.rstrip("kKi"), ceil(_amount(written))
            meant = (
                f"write {number}Gi or {number}Mi" if number.replace(".", "").isdecimal() else "write it with Gi or Mi"
            )
            yield (part, "memory"), f"{written} is {plural(count, 'byte')}", meant


_LEAST_MEMORY = 1 << 20


@rule("CAP021", "The hardware profile does not allow the amount", when=having("hardwareProfiles"))
def outside_of_profile(subject: OfHardware) -> Iterator[Problem]:
    hardware = subject.hardware
    profile = hardware.profile
    if profile is None:
        return
    resources = (hardware.resources or {}).get("requests") or {}
    for bound, word in (("minimum", "less"), ("maximum", "more")):
        for resource, limit in (profile.get(bound) or {}).items():
            amount = resources.get(resource)
            if amount is None or _amount(amount) == _amount(limit):
                continue
            if (_amount(amount) < _amount(limit)) == (bound == "minimum"):
                yield Problem(
                    pointer=_cause(subject, resource),
                    message=f"{resource} {amount} is {word} than the {bound} {limit} of hardware profile {profile['name']!r}",
                    hint="keep within the profile's bounds",
                )


def _cause(subject: OfHardware, resource: str) -> Pointer:
    """Which field an amount comes from."""
    accelerator = subject.hardware.accelerator
    if accelerator is not None and accelerator.identifier == resource:
        return _accelerator_name(subject.project, subject.pointer, "count")
    return (*subject.pointer, "size")


@rule("CAP022", "The release reads no hardware profiles", when=lacking("hardwareProfiles"))
def no_hardware_profiles(subject: OfHardware) -> Iterator[Problem]:
    hardware = subject.hardware
    if hardware.profile is None:
        return
    by_accelerator = hardware.accelerator is not None and hardware.accelerator.profile == hardware.profile
    release = subject.environment.release
    yield Problem(
        pointer=(*subject.pointer, "accelerator" if by_accelerator else "size"),
        message=f"hardware profile {hardware.profile['name']!r} would do nothing: "
        f"{release.title if release else 'the release'} reads none for models",
        hint="give the accelerator its tolerations, and the size its amounts, in the environment",
    )


@rule("CAP023", "No size is given")
def no_size(subject: OfWorkload) -> Iterator[Problem]:
    workload = subject.workload
    hardware, runtime = workload.hardware, workload.runtime
    own = (
        runtime is not None and runtime.multi_node and hardware.profile is None
    )  # a profile's webhook fills in its own
    if hardware.requests or hardware.size is not None or own:
        return
    sizes = subject.environment.get("sizes") or {}
    yield Problem(
        pointer=workload.pointer,
        message="no size: the pods ask for no CPU and no memory, and are the first to be evicted",
        hint=f"add size: one of {listed(list(sizes))}" if sizes else "add size: {requests: ..., limits: ...}",
        severity=Severity.WARNING,
    )


@rule("CAP024", "More replicas than the dashboard's form takes")
def form_limits(subject: OfWorkload) -> Iterator[Problem]:
    release, workload = subject.environment.release, subject.workload
    if release is None:
        return
    most = release.forms["replicasMax"]
    if workload.maximum > most:
        yield Problem(
            pointer=(*workload.pointer, "replicas"),
            message=f"{workload.maximum} replicas are more than the {most} that the dashboard's forms take",
            hint="the cluster takes them, so change them here only",
            severity=Severity.WARNING,
        )


@rule("CAP025", "The next release no longer has what the model uses")
def gone_in_next_release(subject: OfModel) -> Iterator[Problem]:
    release, runtime = subject.environment.release, subject.model.runtime
    if release is None or release.successor is None:
        return
    following = catalog.release(release.successor)
    used = {}
    if subject.model.mode == "advanced":
        used["mode"] = ("serverless", "mode advanced")
    if runtime is not None and runtime.document is None and subject.project.platform in runtime.platforms:
        used["runtime"] = (f"runtime:{runtime.name}", repr(runtime.name))
    for field, (feature, what) in used.items():
        fact = lifecycle(following, feature, "removed")
        if fact is not None and fact["since"] == following.name:
            yield Problem(
                pointer=(*subject.model.pointer, field),
                message=f"{following.title} no longer has {what}",
                hint=f"before the upgrade: {fact['remedy']}",
                severity=Severity.WARNING,
            )


@rule("CAP026", "Several accelerators of a model need shared memory", when=lacking("runtimeSharedMemory"))
def no_shared_memory(subject: OfModel) -> Iterator[Problem]:
    model, runtime, engine = subject.model, subject.model.runtime, subject.model.engine
    if runtime is None or engine is None or engine.facts["tensorParallelArg"] is None or model.llm is not None:
        return
    if model.hardware.gpus < 2 or _mounts_shared_memory(runtime) or "/dev/shm" in str(model.patches):
        return
    steps = (
        "{op: add, path: /spec/volumes, value: [{name: shm, emptyDir: {medium: Memory}}]}, "
        "{op: add, path: /spec/containers/0/volumeMounts, value: [{name: shm, mountPath: /dev/shm}]}"
    )
    yield Problem(
        pointer=(*model.pointer, "accelerator"),
        message=f"{model.hardware.gpus} accelerators exchange data through /dev/shm, "
        f"of which {runtime.name!r} leaves the container its 64 MiB",
        hint=f"add patch: {{ServingRuntime: [{steps}]}}",
        severity=Severity.WARNING,
    )


def _mounts_shared_memory(runtime: Runtime) -> bool:
    mounts = (mount for container in runtime.containers for mount in container.get("volumeMounts") or ())
    return any(mount.get("mountPath") == "/dev/shm" for mount in mounts)


@rule("CAP027", "Nothing shows the description")
def unseen_description(subject: OfModel) -> Iterator[Problem]:
    model, release = subject.model, subject.environment.release
    if (
        model.description
        and release is not None
        and model.llm is None
        and not subject.environment.can("inferenceDescription")
    ):
        yield Problem(
            pointer=(*model.pointer, "description"),
            message=f"{release.title} shows no description of a model, so none is written",
            hint="keep it for later releases, or make it a comment",
            severity=Severity.WARNING,
        )


@rule("CAP028", "The runtime is for another type of model")
def model_type_of_runtime(subject: OfModel) -> Iterator[Problem]:
    model, runtime = subject.model, subject.model.runtime
    if runtime is None or not runtime.model_types or not subject.environment.can("modelType"):
        return
    if model.model_type not in runtime.model_types:
        yield Problem(
            pointer=(*model.pointer, "modelType"),
            message=f"{runtime.name!r} serves {listed(runtime.model_types)} models, and this is said to be {model.model_type}",
            hint="the dashboard would list it in the wrong place",
            severity=Severity.WARNING,
        )
    elif model.gen_ai_asset and model.model_type != "generative":
        yield Problem(
            pointer=(*model.pointer, "genAiAsset"),
            message=f"a {model.model_type} model is no gen AI asset",
            hint="take genAiAsset away",
            severity=Severity.WARNING,
        )
