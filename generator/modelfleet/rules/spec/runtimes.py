"""Rules on the runtime of a workload and what it serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from modelfleet.finding import Pointer, Severity
from modelfleet.resolve.catalog import images, shipping_releases
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.hardware import Accelerator
from modelfleet.resolve.model import Model, Workload
from modelfleet.resolve.runtime import Format, Runtime
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.hardware import accelerator_name_pointer
from modelfleet.rules.spec.platform import lifecycle, title_of_release
from modelfleet.rules.spec.subjects import OfModel, OfProject, OfServer, OfWorkload, platform_of, spec_rule
from modelfleet.wording import choices, closest, did_you_mean, listed


@spec_rule("CAP007", "There is no such serving runtime")
def unknown_runtime(subject: OfWorkload) -> Iterator[Violation]:
    name = subject.workload.runtime_name
    if name is None or subject.workload.runtime is not None or subject.workload.shared is not None:
        return
    release = subject.environment.release
    names = subject.runtime_catalog.names(subject.environment.name, release.name if release else None)
    pointer = (*subject.workload.pointer, "runtime")
    if fact := lifecycle(release, f"runtime:{name}", "removed"):
        yield Violation(
            pointer=pointer, message=f"{name!r} was removed in {title_of_release(fact['since'])}", hint=fact["remedy"]
        )
        return
    title = release.title if release else "the release"
    yield Violation(
        pointer=pointer,
        message=f"{title} ships no runtime {name!r}, and runtimes/ holds none",
        hint=did_you_mean(name, subject.project.runtimes, _meant_runtime(subject, name, names)),
    )


def _meant_runtime(subject: OfWorkload, name: str, names: tuple[str, ...]) -> str:
    """What to write in place of a runtime that is not there: the one that was meant, or all that there are.

    None is meant that does not fit the hardware.
    """
    offered = _for_platforms(subject, {platform_of(subject.workload)}, names)
    suitable = [other for other in offered if _suits(subject, other)]
    family = [other for other in suitable if other.startswith(f"{name}-")]
    near = None if family else near_runtime(name, suitable)
    meant = [near] if near else family
    if len(meant) == 1:
        return f"did you mean {meant[0]!r}?"
    titled = [other for other in suitable if name.removesuffix(_ENDING).lower() in _title(subject, other).lower()]
    if len(titled) == 1:
        return f"did you mean {titled[0]} ({_title(subject, titled[0])})?"
    release = subject.environment.release
    later = [other for other in shipping_releases(name) if other is not release]
    elsewhere = f"{later[0].title} is the first release that ships it; " if later else ""
    return f"{elsewhere}{choices(meant or suitable or offered)}"


_ENDING = "-runtime"


def near_runtime(name: str, names: Iterable[str]) -> str | None:
    """The runtime that was probably meant: nearly all names end alike, which makes no two of them alike."""
    stems = {other.removesuffix(_ENDING): other for other in names}
    near = closest(name.removesuffix(_ENDING), stems)
    return stems[near] if near else None


def _title(subject: OfProject, name: str) -> str:
    release = subject.environment.release
    runtime = subject.runtime_catalog.find(name, subject.environment.name, release.name if release else None)
    return runtime.display_name if runtime is not None else ""


def _suits(subject: OfWorkload, name: str) -> bool:
    """Whether a runtime is made for the accelerator that is asked for, and for as many nodes."""
    workload, release = subject.workload, subject.environment.release
    runtime = subject.runtime_catalog.find(name, subject.environment.name, release.name if release else None)
    accelerator = workload.hardware.accelerator
    if runtime is None or runtime.multi_node != (isinstance(workload, Model) and workload.multi_node):
        return False
    return runtime.accelerator != "required" if accelerator is None else _fits(accelerator.identifier, runtime)


def _for_platforms(subject: OfProject, platforms: Set[str], names: tuple[str, ...]) -> list[str]:
    release = subject.environment.release
    found = (
        (name, subject.runtime_catalog.find(name, subject.environment.name, release.name if release else None))
        for name in names
    )
    return [name for name, runtime in found if runtime and platforms & runtime.platforms]


@spec_rule("CAP008", "The serving runtime is disabled")
def disabled_runtime(subject: OfWorkload) -> Iterator[Violation]:
    name = subject.workload.runtime_name
    choice = subject.environment.runtimes.get(name or "") if subject.workload.shared is None else None
    if name is not None and choice is not None and choice.disabled:
        yield Violation(
            pointer=(*subject.workload.pointer, "runtime"),
            message=f"{name!r} is disabled",
            hint="choose another runtime, or have the platform team enable it",
            see=subject.environment.facts.at(("runtimes", name, "disabled")),
        )


@spec_rule("CAP009", "The serving runtime is for the other platform")
def runtime_of_other_platform(subject: OfWorkload) -> Iterator[Violation]:
    runtime, platform = subject.workload.runtime, platform_of(subject.workload)
    if runtime is None or platform in runtime.platforms:
        return
    release = subject.environment.release
    names = subject.runtime_catalog.names(subject.environment.name, release.name if release else None)
    fitting = _for_platforms(subject, {platform}, names)
    kind = "multi-model (multiModel: true)" if runtime.multi_model else listed(sorted(runtime.platforms))
    mixed = platform != subject.project.platform
    yield Violation(
        pointer=(*subject.workload.pointer, "runtime"),
        message=f"{runtime.name!r} is a {kind} runtime; "
        + (f"a model beside model servers needs a {platform} one" if mixed else f"the project is {platform}"),
        hint=f"for {platform} {choices(fitting) if fitting else 'there is none'}",
    )


def _chosen(workload: Workload) -> Runtime | None:
    """The runtime of a workload, unless it is for the other platform, which is all there is to say of it."""
    runtime = workload.runtime
    return runtime if runtime is not None and platform_of(workload) in runtime.platforms else None


@spec_rule("CAP010", "A container of the runtime has no image")
def no_image(subject: OfWorkload) -> Iterator[Violation]:
    runtime = _chosen(subject.workload)
    if runtime is None or runtime.kind != "ServingRuntime" or subject.workload.shared is not None:
        return
    choice = subject.environment.runtimes.get(runtime.name)
    if choice is not None and choice.disabled:
        return
    for container, image in images(runtime):
        if image is None:
            yield Violation(
                pointer=(*subject.workload.pointer, "runtime"),
                message=f"no image is known for container {container!r} of {runtime.name!r}",
                hint=f"add runtimes: {{{runtime.name}: {{images: {{{container}: ...}}}}}} to environments/"
                f"{subject.environment.name}.yaml",
            )


@spec_rule("CAP011", "The runtime does not serve the framework")
def unknown_framework(subject: OfModel) -> Iterator[Violation]:
    written, shared = subject.written.get("framework"), subject.model.shared
    if shared is not None and shared.existing and written is None:
        yield Violation(
            pointer=subject.model.pointer,
            message=f"framework is missing, and the formats that {shared.name!r} serves are not known here",
            hint="add framework, as in the supportedModelFormats of the runtime, such as framework: vLLM",
        )
    runtime = _chosen(subject.model)
    yield from framework_problems(runtime, subject.model.format, written, subject.model.pointer, subject)


@spec_rule("CAP012", "The model server's runtime does not serve the framework", when=having("modelMesh"))
def unknown_served_framework(subject: OfServer) -> Iterator[Violation]:
    for model in subject.server.models:
        written = subject.project.spec.data["servers"][subject.server.name]["models"][model.name].get("framework")
        yield from framework_problems(_chosen(subject.server), model.format, written, model.pointer, subject)


def framework_problems(
    runtime: Runtime | None, chosen: Format | None, written: str | None, pointer: Pointer, subject: OfProject
) -> Iterator[Violation]:
    """A framework that is not offered, or one that is left open where there are several."""
    if runtime is None or chosen is not None or runtime.kind != "ServingRuntime":
        return
    offered = [str(item) for item in runtime.formats]
    if not offered:
        return
    if written is None:
        yield Violation(
            pointer=pointer,
            message=f"framework is missing, and {runtime.name!r} offers several",
            hint=f"add framework: one of {listed(offered)}",
        )
        return
    several = [text for text, item in zip(offered, runtime.formats, strict=True) if item.name == written]
    yield Violation(
        pointer=(*pointer, "framework"),
        message=f"{runtime.name!r} offers {written!r} in several versions"
        if several
        else f"{runtime.name!r} does not serve {written!r}",
        hint=f"it serves {listed(several or offered)}" + ("" if several else _served_by(subject, runtime, written)),
    )


def _served_by(subject: OfProject, refused: Runtime, framework: str) -> str:
    """The other runtimes that serve a framework here, or the first release that ships one."""
    release = subject.environment.release
    names = subject.runtime_catalog.names(subject.environment.name, release.name if release else None)
    serving = [
        name
        for name in _for_platforms(subject, refused.platforms, names)
        if (runtime := subject.runtime_catalog.find(name, subject.environment.name, release.name if release else None))
        and any(framework in (str(item), item.name) for item in runtime.formats)
    ]
    return f"; {framework} is served by {listed(serving)}" if serving else ""


@spec_rule("CAP018", "The accelerator does not fit the runtime")
def accelerator_for_runtime(subject: OfWorkload) -> Iterator[Violation]:
    runtime, accelerator = _chosen(subject.workload), subject.workload.hardware.accelerator
    pointer = subject.workload.pointer
    if runtime is None:
        return
    if accelerator is None:
        if runtime.accelerator == "required":
            yield Violation(
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
    fitting = [name for name, offer in environment.accelerators.items() if _fits(offer.identifier, runtime)]
    if fitting:
        return f"add accelerator: one of {listed(fitting)}"
    if environment.accelerators or not runtime.recommended:
        return otherwise
    entry = f"accelerators: {{NAME: {{identifier: {runtime.recommended[0]}}}}}"
    return f"{environment.name} offers no accelerators: {otherwise}, or add {entry} to environments/{environment.name}.yaml"


def _misfit(subject: OfWorkload, runtime: Runtime, accelerator: Accelerator) -> Iterator[Violation]:
    pointer = accelerator_name_pointer(subject.project, subject.workload.pointer)
    identifier = subject.environment.facts.at(("accelerators", accelerator.name, "identifier"))
    if runtime.accelerator == "required":
        yield Violation(
            pointer=pointer,
            message=f"{runtime.name!r} runs on {listed(runtime.recommended)}; {accelerator.name!r} is {accelerator.identifier}",
            hint=_offered(
                subject.environment, runtime, "choose another runtime, or correct the environment's identifier"
            ),
            see=identifier,
        )
    elif runtime.document is not None and not runtime.recommended:
        return  # a runtime of the user's own need not say what it is made for
    elif runtime.accelerator == "none":
        yield Violation(
            pointer=pointer,
            message=f"{runtime.name!r} runs on CPUs: {accelerator.name!r} would be reserved but not used",
            hint="remove the accelerator, or choose a runtime for it",
        )
    else:
        made_for = f"is made for {listed(runtime.recommended)}" if runtime.recommended else "is made for no accelerator"
        yield Violation(
            pointer=pointer,
            message=f"{runtime.name!r} {made_for}; {accelerator.name!r} is {accelerator.identifier}",
            hint="check that the runtime's image can use it",
            see=identifier,
            severity=Severity.WARNING,
        )


@spec_rule("CAP028", "The runtime is for another type of model")
def model_type_of_runtime(subject: OfModel) -> Iterator[Violation]:
    model, runtime = subject.model, subject.model.runtime
    if runtime is None or not runtime.model_types or not subject.environment.can("modelType"):
        return
    if model.model_type not in runtime.model_types:
        yield Violation(
            pointer=(*model.pointer, "modelType"),
            message=f"{runtime.name!r} serves {listed(runtime.model_types)} models, but the model is marked as {model.model_type}",
            hint="the dashboard would list it in the wrong place",
            severity=Severity.WARNING,
        )
    elif model.gen_ai_asset and model.model_type != "generative":
        yield Violation(
            pointer=(*model.pointer, "genAiAsset"),
            message=f"a {model.model_type} model is not a gen AI asset",
            hint="remove genAiAsset",
            severity=Severity.WARNING,
        )
